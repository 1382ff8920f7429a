"""Durable events while everybody is killed at random: none lost, none applied twice."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from flask_core.config import RedisSettings
from flask_core.context import all_communities, community_scope
from flask_core.database import AsyncDAL
from flask_core.datamodels import Consumer, Event
from flask_core.events import Events, dead_letters, stream
from flask_core.metrics import Metrics
from flask_core.migrate import PLATFORM
from flask_core.redisx import RedisX
from flask_core.replay import replay
from flask_core.testing.binaries import redis_program
from flask_core.testing.redis_server import answers
from flask_core.testing.servers import Postgres
from tests.flask_core import models
from tests.flask_core.conftest import settings_for
from tests.flask_core.models import Item
from tests.helpers import ROOT
from tests.runtime.workers import NAME
from waddlegen.runner import free_port

EVENTS, KILLS = 600, 24
COMMUNITY = 1


class DurableRedis:
    """A Redis that keeps what it acknowledged, whenever it is killed."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs before `start`."""
        self.folder, self.port = folder, free_port(0)
        self.program = redis_program(folder / "programs")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Serve, and return when it answers."""
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        words += ["--appendonly", "yes", "--appendfsync", "always"]
        command = [str(self.program), *words, "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not answers(self.url):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[DurableRedis]:
    """A Redis that keeps what it acknowledged."""
    server = DurableRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """The database of the consumers."""
    with Postgres() as server:
        yield server


@pytest.fixture
async def database(postgres: Postgres) -> AsyncDAL:
    """The data layer, its tables made, with an item for each event."""
    url = postgres.url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(models.create)
    await engine.dispose()
    dal = AsyncDAL(settings_for(postgres.url))
    with all_communities("a test makes the platform's tables"):
        for statement in PLATFORM:
            await dal.execute(statement)
    with community_scope(COMMUNITY):
        rows = [{"name": f"e{number}"} for number in range(EVENTS)]
        await dal.create_many(Item, rows)
    return dal


def worker(environment: dict[str, str], *words: str) -> "subprocess.Popen[bytes]":
    """Start a process of `workers`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.workers", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )


def environment_of(postgres: Postgres, redis: DurableRedis) -> dict[str, str]:
    """What the workers are told."""
    parts = urlsplit(postgres.url)
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'templates' / 'libs'}",
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(parts.port),
        "DB_NAME": parts.path.strip("/"),
        "DB_USER": parts.username or "",
        "DB_PASSWORD": parts.password or "",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(redis.port),
    }


async def stocks(database: AsyncDAL) -> list[int]:
    """How often each event was applied."""
    with community_scope(COMMUNITY):
        found = await database.query(Item, order_by=Item.id)
    return [item.stock for item in found]


async def test_none_is_lost_and_none_applied_twice(
    postgres: Postgres, redis: DurableRedis, database: AsyncDAL, tmp_path: Path
) -> None:
    """With two consumers, the producer and Redis killed again and again."""
    environment = environment_of(postgres, redis)
    journal = tmp_path / "journal"
    produce = ("produce", "0", str(EVENTS), str(journal))
    running = {name: worker(environment, "consume") for name in ("a", "b")}
    running["producer"] = worker(environment, *produce)
    try:
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.2, 0.7))
            victim = random.choice(["a", "b", "producer", "redis"])
            if victim == "redis":
                redis.kill()
                await asyncio.sleep(random.uniform(0, 0.5))
                redis.start()
                continue
            running[victim].kill()
            running[victim].wait()
            words = produce if victim == "producer" else ("consume",)
            running[victim] = worker(environment, *words)
        assert 0 == await asyncio.to_thread(running["producer"].wait, 60)
        async with asyncio.timeout(60):
            while sum(await stocks(database)) < EVENTS:
                await asyncio.sleep(0.2)
        # What is handed out a second time is so within the time to take over.
        await asyncio.sleep(9)
    finally:
        for process in running.values():
            process.kill()
            process.wait()

    assert EVENTS == len(journal.read_text("ascii").split())
    assert [1] * EVENTS == await stocks(database)
    await database.disconnect()


async def test_what_keeps_failing_is_put_aside_and_can_be_replayed(
    redis: DurableRedis,
) -> None:
    """A dead letter is nobody's pending event, and is handled after a replay."""
    client = RedisX(RedisSettings(redis_host="127.0.0.1", redis_port=redis.port))
    events = Events(client, "counter", Metrics("counter", "1"))
    works, seen = False, []

    async def handle(event: Event) -> None:
        seen.append(event.id)
        if not works:
            raise ValueError("not today")

    task = asyncio.create_task(events.consume([Consumer(NAME, handle, durable=True)]))
    with community_scope(COMMUNITY):
        await events.enqueue(NAME, {"name": "x"}, event_id="evt_x")
    async with asyncio.timeout(20):
        while not await client.client.xlen(dead_letters(NAME)):
            await asyncio.sleep(0.05)
    pending = await client.client.xpending(stream(NAME), "counter")
    assert 5 == len(seen)
    assert 0 == pending["pending"]
    works = True

    assert 0 == await replay(client, NAME, "somebody-else", 10)
    assert 1 == await replay(client, NAME, "counter", 10)
    async with asyncio.timeout(10):
        while len(seen) < 6:
            await asyncio.sleep(0.05)
    assert 0 == await client.client.xlen(dead_letters(NAME))
    events.stopping.set()
    await asyncio.wait_for(task, 5)
    await client.close()
