"""A day in miniature: half load, rotating faults, and nothing that grows."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Result
from benchmarks.runtime import resident
from tests.runtime.live import Live, live

SECONDS, CLIENTS, PAUSE = 600.0, 8, 0.03
LIST, ADD = "/api/v1/inventory?limit=5", "/api/v1/action/add_item"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds at one moment."""

    memory: float
    descriptors: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was seen: samples in order, requests, and those that failed in calm times."""

    samples: tuple[Sample, ...]
    requests: int
    failed_in_calm: int

    def growth(self, of: Callable[[Sample], float]) -> tuple[float, float]:
        """The median of the last third, and of the one before it."""
        third = len(self.samples) // 3
        last, middle = self.samples[-third:], self.samples[third : 2 * third]
        return statistics.median(map(of, last)), statistics.median(map(of, middle))


async def soak_for(folder: Path, seconds: float) -> Soaked:
    """Keep a module busy for so long, and break something every few seconds."""
    counts = {"requests": 0, "failed": 0}
    calm = True

    async def ask(module: Live, number: int) -> None:
        for turn in itertools.count():
            began_calm = calm
            with contextlib.suppress(asyncio.TimeoutError):
                if turn % 5:
                    answer = await module.call("GET", LIST)
                else:
                    body = {
                        "user_id": "discord:1",
                        "params": {"name": f"i{number}.{turn}"},
                    }
                    answer = await module.call("POST", ADD, body)
                counts["requests"] += 1
                if began_calm and calm and answer.status >= 500:
                    counts["failed"] += 1
            await asyncio.sleep(PAUSE)

    async with live("inventory-interaction", folder) as module:
        loop = asyncio.get_running_loop()
        clients = [asyncio.create_task(ask(module, n)) for n in range(CLIENTS)]
        samples, end = [], loop.time() + seconds
        kinds = itertools.cycle(
            itertools.product(
                ("refuse", "hang", "slow", "reset"), ("postgres", "redis")
            )
        )
        for kind, server in kinds:
            await asyncio.sleep(1)
            samples.append(await sample(module))
            if loop.time() > end:
                break
            calm = False
            proxy = getattr(module, server)
            if kind == "slow":
                proxy.delay_seconds = 0.2
            else:
                getattr(proxy, kind)()
            await asyncio.sleep(1.5)
            proxy.restore()
            await module.wait_for("healthy", 10)
            await asyncio.sleep(0.5)
            calm = True
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
    return Soaked(tuple(samples), counts["requests"], counts["failed"])


async def sample(module: Live) -> Sample:
    """What the process holds now."""
    text = (await module.call("GET", "/metrics")).body
    found = re.search(r"^waddlebot_tasks (\S+)$", text, re.MULTILINE)
    assert found is not None
    memory = resident(module.process.pid)
    return Sample(memory, module.descriptors, int(float(found[1])))


def soak(folder: Path) -> Iterator[Result]:
    """Memory, files and tasks of the last third against the third before it."""
    soaked = asyncio.run(soak_for(folder, SECONDS))
    for name, of, goal, unit in (
        ("memory", lambda s: s.memory, 1.05, "MB"),
        ("descriptors", lambda s: s.descriptors, 1.25, ""),
        ("tasks", lambda s: s.tasks, 1.25, ""),
    ):
        last, middle = soaked.growth(of)
        yield Result(f"soak-{name}", last, middle, last / middle, goal, unit)
    failed = float(soaked.failed_in_calm)
    yield Result("soak-failures", failed, 1, failed, 0, "")
