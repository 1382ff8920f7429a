"""What is announced with a change: none lost, none untrue, in order, whoever is killed."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from flask_core.announce import announce
from flask_core.config import RedisSettings
from flask_core.context import all_communities, community_scope
from flask_core.database import AsyncDAL
from flask_core.errors import DependencyUnavailable
from flask_core.events import Events, stream
from flask_core.metrics import Metrics
from flask_core.migrate import PLATFORM
from flask_core.outbox import Outbox, OutboxEvent
from flask_core.redisx import RedisX
from flask_core.testing.servers import Postgres
from tests.flask_core import models
from tests.flask_core.conftest import settings_for
from tests.flask_core.models import Item
from tests.runtime.test_events import DurableRedis, environment_of, worker
from tests.runtime.workers import NAME

COMMUNITIES, ITEMS, KILLS = (1, 2), 150, 16


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[DurableRedis]:
    """A Redis that keeps what it acknowledged."""
    server = DurableRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """The database of the changes."""
    with Postgres() as server:
        yield server


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[AsyncDAL]:
    """The data layer, its tables made."""
    url = postgres.url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(models.create)
    await engine.dispose()
    dal = AsyncDAL(settings_for(postgres.url))
    with all_communities("a test makes the platform's tables"):
        for statement in PLATFORM:
            await dal.execute(statement)
    yield dal
    await dal.disconnect()


@pytest.fixture
async def events(redis: DurableRedis, database: AsyncDAL) -> AsyncIterator[Events]:
    """Events that go through the outbox."""
    client = RedisX(RedisSettings(redis_host="127.0.0.1", redis_port=redis.port))
    found = Events(client, "teller", Metrics("teller", "1"), database)
    found.outbox = Outbox(database, found)
    yield found
    await client.close()


async def streamed(events: Events) -> list[dict[str, Any]]:
    """The events on the stream."""
    assert events.redis is not None
    entries = await events.redis.client.xrange(stream(NAME))
    return [orjson.loads(fields[b"event"]) for _, fields in entries]


async def waiting(database: AsyncDAL) -> int:
    """How many events are not on their stream yet."""
    with all_communities("a test counts"):
        return len(await database.query(OutboxEvent))


async def until_empty(database: AsyncDAL) -> None:
    """Wait until every event is on its stream."""
    async with asyncio.timeout(60):
        while await waiting(database):
            await asyncio.sleep(0.05)


async def tell(events: Events, name: str) -> None:
    """Announce an item."""
    await announce(events, NAME, ["name"], {"name": name}, durable=True)


async def test_every_change_is_announced_and_nothing_else(
    postgres: Postgres, redis: DurableRedis, database: AsyncDAL, events: Events
) -> None:
    """With the makers, two relays and Redis killed again and again."""
    environment = environment_of(postgres, redis)
    words = {f"maker {n}": ("announce", str(n), str(ITEMS)) for n in COMMUNITIES}
    words |= {"relay a": ("relay",), "relay b": ("relay",)}
    running = {name: worker(environment, *each) for name, each in words.items()}
    try:
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.4, 1.0))
            victim = random.choice([*words, "redis"])
            if victim == "redis":
                redis.kill()
                await asyncio.sleep(random.uniform(0, 0.5))
                redis.start()
                continue
            running[victim].kill()
            running[victim].wait()
            running[victim] = worker(environment, *words[victim])
        for number in COMMUNITIES:
            maker = running[f"maker {number}"]
            assert 0 == await asyncio.to_thread(maker.wait, 60)
        await until_empty(database)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    found = await streamed(events)

    expected = [f"n{number}" for number in range(ITEMS)]
    for community in COMMUNITIES:
        theirs = [each for each in found if each["community_id"] == community]
        # An event that came twice came with the same id.
        once = {each["id"]: each["payload"] for each in theirs}
        assert expected == [payload["name"] for payload in once.values()]
        assert {False} == {payload["undone"] for payload in once.values()}


async def test_without_redis_it_waits_and_keeps_its_order(
    redis: DurableRedis, database: AsyncDAL, events: Events
) -> None:
    """The change is made all the same, and the metric tells how many wait."""
    assert events.outbox is not None
    redis.kill()
    stopping = asyncio.Event()
    with community_scope(1):
        for number in range(5):
            async with database.transaction():
                await database.create(Item, name=f"n{number}")
                await tell(events, f"n{number}")
    with pytest.raises(DependencyUnavailable):
        await events.outbox._relay_some()
    await events.outbox._measure()
    assert b"waddlebot_outbox_events 5.0" in events.metrics.text()
    redis.start()
    relaying = asyncio.create_task(events.outbox.relay(stopping))
    await until_empty(database)
    stopping.set()
    await relaying

    names = [each["payload"]["name"] for each in await streamed(events)]
    assert [f"n{number}" for number in range(5)] == names


async def test_outside_of_a_transaction_it_is_written_too(
    database: AsyncDAL, events: Events
) -> None:
    """In one of its own."""
    with community_scope(1):
        await tell(events, "alone")

    assert 1 == await waiting(database)


async def test_what_is_undone_announces_nothing(
    database: AsyncDAL, events: Events
) -> None:
    """Neither durably nor to whoever listens."""
    assert events.redis is not None
    with community_scope(1):
        async with events.redis.client.pubsub() as listener:
            await listener.psubscribe("*")
            await listener.get_message(timeout=5.0)
            with pytest.raises(ValueError):
                async with database.transaction():
                    await tell(events, "undone")
                    await announce(events, NAME, ["name"], {"name": "undone"})
                    raise ValueError
            await announce(events, NAME, ["name"], {"name": "kept"})
            heard = await listener.get_message(timeout=5.0)

    assert heard is not None
    assert {"name": "kept"} == orjson.loads(heard["data"])["payload"]
    assert 0 == await waiting(database)
