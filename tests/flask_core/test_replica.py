"""Reads on a replica: used while it answers, passed over while not, never old to its writer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flask_core.context import community_scope
from flask_core.database import AsyncDAL
from flask_core.errors import DependencyUnavailable
from flask_core.servers import Servers
from flask_core.testing.faults import FaultProxy
from flask_core.testing.postgres_server import Replica
from flask_core.testing.servers import Postgres
from tests.flask_core.conftest import OURS, THEIRS, settings_for
from tests.flask_core.models import Item


@pytest.fixture(scope="module")
def follower(made: Postgres) -> Iterator[Replica]:
    """A replica of the tests' server."""
    with made.replica() as replica:
        yield replica


@dataclass
class Pair:
    """A data layer, and the proxies before its primary and its replica."""

    dal: AsyncDAL
    primary: FaultProxy
    replica: FaultProxy


@pytest.fixture
async def pair(made: Postgres, follower: Replica) -> AsyncIterator[Pair]:
    """A fresh data layer that knows of the replica."""
    async with (
        FaultProxy(*made.address) as primary,
        FaultProxy(*follower.address) as replica,
    ):
        settings = settings_for(
            made.url, db_replica_hosts=f"127.0.0.1:{replica.port}"
        ).model_copy(update={"db_port": primary.port})
        dal = AsyncDAL(settings)
        with community_scope(OURS):
            yield Pair(dal, primary, replica)
            await dal.delete(Item, Item.id > 0)
        await dal.disconnect()


async def caught_up(pair: Pair, name: str) -> None:
    """Wait until the replica has a row."""
    async with asyncio.timeout(10):
        while not await pair.dal.servers.replicas[0].reader.first(Item, {"name": name}):
            await asyncio.sleep(0.01)


async def test_reads_go_to_the_replica(pair: Pair) -> None:
    """By a session and by the short way; the primary may even be away."""
    with community_scope(THEIRS):
        await pair.dal.create(Item, name="lamp")
        await caught_up(pair, "lamp")
    pair.primary.refuse()
    assert [] == await pair.dal.query(Item)
    assert None is await pair.dal.get(Item, name="lamp")
    pair.primary.restore()
    with community_scope(THEIRS):
        await pair.dal.delete(Item, Item.name == "lamp")


async def test_who_wrote_reads_what_was_written(pair: Pair) -> None:
    """At once, and in the same community alone."""
    for number in range(20):
        row = await pair.dal.create(Item, name=f"n{number}")
        assert row.id == (await pair.dal.require(Item, name=f"n{number}")).id
        assert number + 1 == len(await pair.dal.query(Item))
    assert pair.dal.servers.replica(OURS) is None
    assert pair.dal.servers.replica(THEIRS) is not None


async def test_after_a_while_the_writer_reads_the_replica_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading one's own writes is not for ever."""
    await pair.dal.create(Item, name="a")
    assert pair.dal.servers.replica(OURS) is None
    monkeypatch.setattr("flask_core.servers.OWN_WRITES_SECONDS", 0.0)

    assert pair.dal.servers.replica(OURS) is not None


@pytest.mark.parametrize("fault", [FaultProxy.refuse, FaultProxy.hang])
async def test_a_replica_that_fails_is_passed_over(pair: Pair, fault: Any) -> None:
    """The primary answers instead, and only the first reader waits."""
    loop = asyncio.get_running_loop()
    fault(pair.replica)
    began = loop.time()
    assert [] == await pair.dal.query(Item)
    assert loop.time() - began < 6
    began = loop.time()
    for _ in range(5):
        assert [] == await pair.dal.query(Item)
        assert None is await pair.dal.get(Item, name="a")
    assert loop.time() - began < 1
    pair.replica.restore()
    async with asyncio.timeout(10):
        while pair.dal.servers.replica(OURS) is None:
            await asyncio.sleep(0.1)
    assert [] == await pair.dal.query(Item)


async def test_with_both_away_it_is_503(pair: Pair) -> None:
    """There is nobody left to ask."""
    pair.primary.refuse()
    pair.replica.refuse()
    for call in (pair.dal.query(Item), pair.dal.get(Item, name="a")):
        with pytest.raises(DependencyUnavailable):
            await call
    pair.primary.restore()


async def test_a_replica_takes_no_writes(pair: Pair) -> None:
    """Changes go to the primary, whatever the replica does."""
    pair.replica.refuse()
    await pair.dal.create(Item, name="b")

    assert 1 == await pair.dal.update(Item, {"stock": 3}, Item.name == "b")


def test_replicas_take_turns(made: Postgres) -> None:
    """Each is asked as often as the others."""
    servers = Servers(settings_for(made.url, db_replica_hosts="a,b:1,c"))
    asked = [servers.replica(1) for _ in range(6)]

    assert ["a", "b", "c"] * 2 == [each.host for each in asked if each]
