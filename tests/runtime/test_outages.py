"""A module whose servers are killed, whose replica fails, whose router, disk or clock does."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flask_core.testing.faults import FaultProxy
from flask_core.testing.postgres_server import Replica
from flask_core.testing.servers import Postgres
from tests.runtime.live import PROJECT, Live, live, until_ready
from tests.runtime.test_faults import DEADLINE, FAULTS, LIST, work

MODULE = "inventory-interaction"
SHIFTED = Path(__file__).with_name("shifted")


@pytest.fixture(scope="module")
async def module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """The inventory, running."""
    async with live(MODULE, tmp_path_factory.mktemp("outages")) as found:
        yield found


@pytest.mark.parametrize("name", ["postgres", "redis"])
async def test_a_killed_server_is_missed_and_found_again(
    module: Live, name: str
) -> None:
    """Killed under load: the right status while it is gone, all well within ten seconds."""
    server = module.servers[name]
    loading = asyncio.create_task(work(module, 1))
    server.kill()
    answers = await loading
    await module.wait_for("unhealthy" if name == "postgres" else "degraded", 5)
    answers += await work(module, 2)
    server.start_again()
    recovered = await module.wait_for("healthy", 30)

    allowed = {200, 404, 409} | ({503} if name == "postgres" else set())
    assert allowed >= {answer.status for answer in answers}
    assert DEADLINE > max(answer.seconds for answer in answers)
    assert {200, 404, 409} >= {answer.status for answer in await work(module, 3)}
    # PostgreSQL's own recovery is part of it.
    assert 10 > recovered


@dataclass
class Replicated:
    """A module with a replica, and what stands before that."""

    module: Live
    proxy: FaultProxy
    replica: Replica


@contextlib.asynccontextmanager
async def behind_a_replica(folder: Path) -> AsyncIterator[Replicated]:
    """The inventory with a replica, which it reaches through a proxy."""
    proxy = FaultProxy("127.0.0.1", 9)
    await proxy.start()
    place = f"127.0.0.1:{proxy.port}"
    async with live(MODULE, folder, wait=False, DB_REPLICA_HOSTS=place) as found:
        primary = found.servers["postgres"]
        assert isinstance(primary, Postgres)
        with primary.replica() as replica:
            proxy.upstream = replica.address
            await until_ready(found)
            try:
                yield Replicated(found, proxy, replica)
            finally:
                await proxy.stop()


@pytest.fixture(scope="module")
async def replicated(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Replicated]:
    """The same for all tests of a replica."""
    async with behind_a_replica(tmp_path_factory.mktemp("replica")) as found:
        yield found


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_replica_is_never_needed(replicated: Replicated, fault: str) -> None:
    """Reads are answered by the primary, and the health says that something is missing."""
    module, proxy = replicated.module, replicated.proxy
    FAULTS[fault](proxy)
    answers = [await module.call("GET", LIST) for _ in range(3)]
    if fault in ("refused", "hung"):
        await module.wait_for("degraded", 5)
    answers += await asyncio.gather(*(module.call("GET", LIST) for _ in range(5)))
    proxy.restore()
    await module.wait_for("healthy", 10)

    assert {200} == {answer.status for answer in answers}
    assert DEADLINE > max(answer.seconds for answer in answers)


async def test_a_killed_replica_is_found_again(replicated: Replicated) -> None:
    """Its reads are the primary's until it is back."""
    module = replicated.module
    replicated.replica.kill()
    answers = [await module.call("GET", LIST) for _ in range(3)]
    await module.wait_for("degraded", 5)
    replicated.replica.start_again()
    recovered = await module.wait_for("healthy", 30)
    answers += [await module.call("GET", LIST) for _ in range(3)]

    assert {200} == {answer.status for answer in answers}
    assert 10 > recovered


async def test_a_router_that_says_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    """It takes the registration and never answers, from the start on."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            continue

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as router:
        url = f"http://127.0.0.1:{router.sockets[0].getsockname()[1]}"
        async with live(MODULE, tmp_path, ROUTER_URL=url) as module:
            statuses = {answer.status for answer in await work(module, 1)}
            module.process.send_signal(signal.SIGTERM)
            ended = await asyncio.to_thread(module.process.wait, 40)

    # uvicorn ends by the signal it was sent, after it has drained.
    assert {200, 404} == statuses and ended in (0, -signal.SIGTERM)


async def test_a_full_disk_costs_the_log_file_and_no_request(tmp_path: Path) -> None:
    """What cannot be written there is still on stdout."""
    (tmp_path / "inventory_interaction.log").symlink_to("/dev/full")
    async with live(MODULE, tmp_path) as module:
        answers = [each for n in range(3) for each in await work(module, n)]
        health = await module.health()
    printed = (tmp_path / "stdout").read_text("utf-8")

    assert {200, 404} == {answer.status for answer in answers}
    assert "healthy" == health
    assert 1 == printed.count("action=log_file status=unavailable")
    assert 3 == printed.count("action=add_item result=success")
    assert "Traceback" not in printed + (tmp_path / "stderr").read_text("utf-8")


@pytest.mark.parametrize("days", [400, -400])
async def test_a_clock_that_jumps_stops_nothing(tmp_path: Path, days: int) -> None:
    """Limits, time-outs and caches do not go by the wall clock; log lines do."""
    path = os.pathsep.join([str(SHIFTED), str(PROJECT.fleet / "libs")])
    shift = str(days)
    async with live(MODULE, tmp_path, SHIFT_DAYS=shift, PYTHONPATH=path) as module:
        before = await work(module, 1)
        module.process.send_signal(signal.SIGUSR2)
        await asyncio.sleep(0.2)
        after = await work(module, 2) + await work(module, 3)
        await module.wait_for("healthy", 5)
        last = (await module.call("GET", "/health")).body["uptime_seconds"]
    stamp = module.lines[-1][1:21]

    # The first item is asked for while it is being added: whichever comes first.
    assert {200} == {answer.status for answer in (*before, *after)} - {404}
    assert 2 > max(answer.seconds for answer in after)
    assert 0 <= last < 60
    there = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(there - datetime.now(UTC) - timedelta(days=days)) < timedelta(hours=1)
