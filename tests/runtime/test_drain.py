"""SIGTERM under load: what reached the module is answered, and the process ends by itself."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flask_core.testing.servers import Postgres, Redis
from tests.runtime.live import PROJECT, migrate, start
from waddlegen import fleet, runner

ROUNDS, AT_ONCE, CLIENTS = 52, 4, 8
DRAIN_DELAY, LEAVE_AFTER, END_WITHIN = 0.6, 0.25, 8.0
KEY = "k" * 43
REQUEST = (
    "GET /api/v1/inventory HTTP/1.1\r\nHost: module\r\n"
    f"X-API-Key: {KEY}\r\nX-Community-ID: 1001\r\n\r\n"
).encode()


@dataclass
class Tally:
    """What became of the requests of one round."""

    answered: int = 0
    lost_on_kept: int = 0
    lost_on_fresh: int = 0
    statuses: set[int] = field(default_factory=set)


@pytest.fixture(scope="module")
async def environment(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[str, str]]:
    """The environment of a module whose servers run and whose tables are made."""
    spec, _ = fleet.load(PROJECT, "inventory-interaction")
    with Postgres() as postgres, Redis() as redis:
        urls = {"database_url": postgres.url, "redis_url": redis.url}
        found = runner.module_environment(PROJECT, spec, urls, 1, KEY)
        found |= {"LOG_DIR": str(tmp_path_factory.mktemp("log"))}
        found |= {"ROUTER_URL": "http://127.0.0.1:9", "DRAIN_DELAY": str(DRAIN_DELAY)}
        await migrate(PROJECT.fleet / spec.package, found)
        yield found


async def client(port: int, tally: Tally, leaving: asyncio.Event) -> None:
    """Ask again and again over a kept connection, as long as the module keeps it."""
    while not leaving.is_set():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        kept = False
        try:
            while not leaving.is_set():
                writer.write(REQUEST)
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                fields = head.lower()
                length = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                tally.answered += 1
                tally.statuses.add(int(head.split()[1]))
                kept = True
                if b"connection: close" in fields:
                    break
        except (OSError, asyncio.IncompleteReadError):
            tally.lost_on_kept += kept
            tally.lost_on_fresh += not kept
        finally:
            writer.close()


async def one_round(environment: dict[str, str], folder: Path, leave: bool) -> Tally:
    """Start a module, load it, tell it to stop at some moment, and count."""
    port, tally, leaving = runner.free_port(0), Tally(), asyncio.Event()
    module = PROJECT.fleet / "inventory_interaction"
    process = start(module, {**environment, "MODULE_PORT": str(port)}, port, folder)
    try:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(runner.answers, port, "/health", {}):
                assert process.poll() is None
                await asyncio.sleep(0.05)
        clients = [
            asyncio.create_task(client(port, tally, leaving)) for _ in range(CLIENTS)
        ]
        await asyncio.sleep(random.uniform(0.1, 0.6))
        process.send_signal(signal.SIGTERM)
        began = asyncio.get_running_loop().time()
        if leave:
            await asyncio.sleep(LEAVE_AFTER)
            leaving.set()
        code = await asyncio.to_thread(process.wait, 30)
        taken = asyncio.get_running_loop().time() - began
        leaving.set()
        await asyncio.gather(*clients)
    finally:
        process.kill()
    assert code in (0, -signal.SIGTERM)
    assert END_WITHIN > taken
    assert tally.answered > 10
    return tally


async def rounds(
    environment: dict[str, str], folder: Path, leave: bool, count: int
) -> list[Tally]:
    """Several rounds, a few at once."""
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn() -> Tally:
        async with places:
            return await one_round(environment, folder, leave)

    return await asyncio.gather(*(in_turn() for _ in range(count)))


async def test_clients_that_leave_lose_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """As a load balancer does when it sees the drain; over fifty stops."""
    tallies = await rounds(environment, tmp_path, True, ROUNDS)

    assert 0 == sum(tally.lost_on_kept + tally.lost_on_fresh for tally in tallies)
    assert {200, 429} >= set().union(*(tally.statuses for tally in tallies))


async def test_clients_that_stay_lose_nothing_that_reached_the_module(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """A connection that was taken gets its answers; what the kernel still holds may not."""
    tallies = await rounds(environment, tmp_path, False, 8)

    assert 0 == sum(tally.lost_on_kept for tally in tallies)
