"""What the full chain of a module costs beside a bare Quart handler, on the same server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import Load
from benchmarks.measure import Result
from waddlegen import fleet, runner
from waddlegen.project import Project

HERE = Path(__file__).parent
ROUNDS, SECONDS, CONNECTIONS = 7, 3.0, 32
REQUESTS = 6_000
KEY, COMMUNITY = "k" * 43, "1001"
HEADERS = {"X-API-Key": KEY, "X-Community-ID": COMMUNITY}
BODY = json.dumps(
    {
        "user_id": "discord:123456",
        "context": {"platform": "discord", "channel": "general"},
        "params": {"name": "ada"},
    }
)
BARE, CACHED, STORED = "bare", "look_up", "read_user"
PYTHON = [sys.executable, "-m"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rendered module with its servers: where it is, and what its process is given."""

    folder: Path
    environment: dict[str, str]


def task(action: str) -> dict[str, Any]:
    """The request that is sent to an action."""
    path = f"/api/v1/action/{CACHED if action == BARE else action}"
    return {"path": path, "body": BODY, "headers": HEADERS}


@contextlib.contextmanager
def prepared(folder: Path) -> Iterator[Prepared]:
    """Render the module, start its servers, make its tables and a row."""
    shutil.copytree(HERE / "chain", folder, dirs_exist_ok=True)
    words = ["waddlegen", "-C", str(folder), "new", "chain"]
    subprocess.run([*PYTHON, *words], check=True, capture_output=True)
    project = Project(folder)
    spec, _ = fleet.load(project, "chain")
    module = project.fleet / spec.package
    # The servers and the load share a core, as if they were on other machines; what is
    # measured has the other one for itself.
    _pin(0, 1)
    with runner.servers(project, spec, None, None) as urls:
        variables = runner.module_environment(project, spec, urls, 8190, KEY)
        variables |= {"ROUTER_URL": "http://127.0.0.1:9", "LOG_DIR": str(folder)}
        migrate = [*PYTHON, "flask_core.migrate"]
        subprocess.run(
            migrate, cwd=module, env=variables, check=True, stdout=subprocess.DEVNULL
        )
        asyncio.run(_insert(urls["database_url"]))
        yield Prepared(module, variables)


async def _insert(url: str) -> None:
    """The row that every request reads."""
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO chain_users (community_id, name, points) VALUES ($1, 'ada', 7)",
        int(COMMUNITY),
    )
    await connection.close()


@contextlib.contextmanager
def served(
    module: Prepared, app: str
) -> Iterator[tuple[int, subprocess.Popen[bytes], float]]:
    """An application under the image's own server; its port, process, seconds to ready."""
    port = runner.free_port(0)
    command = runner.served_by(sys.executable, app, port)
    path = f"{module.environment['PYTHONPATH']}{os.pathsep}{HERE.parent}"
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, "--loop", "uvloop", "--http", "httptools"],
        cwd=module.folder,
        env={**module.environment, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
    ) as process:
        _pin(process.pid, 0)
        while not runner.answers(port, "/health", {}):
            if process.poll() is not None:
                raise RuntimeError(f"{app} ended with {process.returncode}")
            time.sleep(0.005)
        yield port, process, time.perf_counter() - began
        process.terminate()


def _pin(pid: int, core: int) -> None:
    """Keep a process on one core, where the system can; the load has the other."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def loaded(port: int, action: str, seconds: float = SECONDS) -> Load:
    """Keep the server busy from a process of its own."""
    words = {**task(action), "port": port, "connections": CONNECTIONS}
    with subprocess.Popen(
        [*PYTHON, "benchmarks.load"],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        _pin(process.pid, 1)
        answer, _ = process.communicate(json.dumps({**words, "seconds": seconds}))
    outcome = Load(**json.loads(answer))
    if outcome.wrong:
        raise RuntimeError(f"{outcome.wrong} wrong answers of {action}")
    return outcome


def _cpu(module: Prepared, app: str) -> float:
    """CPU seconds of one request within the process."""
    path = f"{module.environment['PYTHONPATH']}{os.pathsep}{HERE.parent}"
    done = subprocess.run(
        [*PYTHON, "benchmarks.inprocess", app],
        cwd=module.folder,
        env={**module.environment, "PYTHONPATH": path},
        input=json.dumps({**task(BARE), "requests": REQUESTS}),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return float(done.stdout.splitlines()[-1])


def resident(pid: int) -> float:
    """Resident memory of a process, in MB."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def runtime(folder: Path) -> Iterator[Result]:
    """All the comparisons: rate, database rate, latency, CPU, memory and start."""
    with prepared(folder) as module:
        yield from _rates(module)
        taken = [
            (_cpu(module, "main:app"), _cpu(module, "benchmarks.bare:app"))
            for _ in range(5)
        ]
        ours, peer = zip(*taken, strict=True)
        yield _result("runtime-cpu", ours, peer, 1.5, "s")
        starts = []
        for _ in range(3):
            with served(module, "main:app") as (_, _, seconds):
                starts.append(seconds)
        yield Result("runtime-start", statistics.median(starts), 1, min(starts), 2.0)


def _rates(module: Prepared) -> Iterator[Result]:
    """Requests per second and latencies, in interleaved rounds on the same server."""
    rounds: dict[str, list[Load]] = {BARE: [], CACHED: [], STORED: []}
    with (
        served(module, "benchmarks.bare:app") as (bare, _, _),
        served(module, "main:app") as (chain, process, _),
    ):
        ports = {BARE: bare, CACHED: chain, STORED: chain}
        for action, port in ports.items():
            loaded(port, action, 1.0)
        for _ in range(ROUNDS):
            for action, port in ports.items():
                rounds[action].append(loaded(port, action))
        memory = resident(process.pid)
    rate = {action: [load.rate for load in rounds[action]] for action in rounds}
    slow = {action: [load.p99 for load in rounds[action]] for action in rounds}
    for name, action, goal in (("rate", CACHED, 0.75), ("database", STORED, 0.45)):
        yield _result(
            f"runtime-{name}", rate[action], rate[BARE], goal, "/s", at_least=True
        )
    yield _result("runtime-p99", slow[CACHED], slow[BARE], 2.0, "s")
    yield Result("runtime-memory", memory, 1, memory, 130.0, "MB")


def _result(
    name: str, ours: Any, peer: Any, goal: float, unit: str, at_least: bool = False
) -> Result:
    """The median over the pairs."""
    return Result(
        name,
        statistics.median(ours),
        statistics.median(peer),
        statistics.median(a / b for a, b in zip(ours, peer, strict=True)),
        goal,
        unit,
        at_least,
    )
