"""Reads by a key that are asked for at once: each gets its own row, and its own error."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flask_core.context import all_communities, community_scope
from flask_core.database import AsyncDAL
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.reader import MAX_TOGETHER
from flask_core.testing.faults import FaultProxy
from flask_core.testing.servers import Postgres
from tests.flask_core.conftest import OURS, THEIRS, settings_for
from tests.flask_core.models import Item

MANY = 5 * MAX_TOGETHER + 3


@pytest.fixture
async def stocked(dal: AsyncDAL) -> AsyncDAL:
    """Two communities with items of the same names, and different stocks."""
    for community, more in ((OURS, 0), (THEIRS, 1000)):
        with community_scope(community):
            rows = [{"name": f"n{n}", "stock": n + more} for n in range(MANY)]
            await dal.create_many(Item, rows)
    return dal


async def stock(dal: AsyncDAL, community: int, name: str) -> int | None:
    """What a community has of an item."""
    with community_scope(community):
        row = await dal.get(Item, name=name)
    return None if row is None else row.stock


async def test_each_gets_its_own_row(stocked: AsyncDAL) -> None:
    """Of its own community; None where there is none, in any order."""
    wanted = [(OURS, n) for n in range(MANY)] + [(THEIRS, n) for n in range(MANY + 9)]
    random.Random(7).shuffle(wanted)
    found = await asyncio.gather(*(stock(stocked, c, f"n{n}") for c, n in wanted))

    assert found == [
        None if n >= MANY else n + (1000 if c == THEIRS else 0) for c, n in wanted
    ]


async def test_they_travel_together(stocked: AsyncDAL) -> None:
    """Few journeys for many reads, and none that all the others wait for."""
    reader = stocked.servers.primary.reader
    journeys: list[int] = []
    fetch = reader._fetch

    async def counted(text: str, questions: list[list[Any]]) -> list[Any]:
        journeys.append(len(questions))
        return await fetch(text, questions)

    reader._fetch = counted  # type: ignore[method-assign]
    try:
        await asyncio.gather(*(stock(stocked, OURS, f"n{n}") for n in range(MANY)))
    finally:
        reader._fetch = fetch  # type: ignore[method-assign]

    assert MANY == sum(journeys) and max(journeys) <= MAX_TOGETHER
    assert len(journeys) < MANY / 4


@pytest.mark.parametrize("wrong", ["a\x00b", 2**70], ids=["server", "driver"])
async def test_a_wrong_value_is_nobody_elses(stocked: AsyncDAL, wrong: object) -> None:
    """400 for the one who asked it, refused by the server or by the driver."""
    by = "name" if isinstance(wrong, str) else "stock"
    names = [f"n{n}" if by == "name" else n for n in range(5)]

    async def read(value: object) -> object:
        with community_scope(OURS):
            row = await stocked.get(Item, **{by: value})
        return row and row.stock

    asked = [read(value) for value in (*names[:2], wrong, *names[2:])]
    found = await asyncio.gather(*asked, return_exceptions=True)

    refused = found.pop(2)
    assert isinstance(refused, ApiError) and 400 == refused.status
    assert [0, 1, 2, 3, 4] == found


async def test_who_leaves_takes_nobody_along(stocked: AsyncDAL) -> None:
    """A request that ends while its read is under way."""
    reads = [asyncio.create_task(stock(stocked, OURS, f"n{n}")) for n in range(6)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reads[0].cancel()
    reads[3].cancel()
    found = await asyncio.gather(*reads, return_exceptions=True)

    assert [1, 2, 4, 5] == [each for each in found if isinstance(each, int)]
    assert 5 == await stock(stocked, OURS, "n5")


async def test_a_community_never_gets_anothers_row(stocked: AsyncDAL) -> None:
    """However the reads mix: by the id of a row that belongs to the other one."""
    with all_communities("a test looks for ids"):
        rows = await stocked.query(Item)
    foreign = [(OURS if r.community_id == THEIRS else THEIRS, r.id) for r in rows]

    async def peek(community: int, identifier: int) -> Item | None:
        with community_scope(community):
            return await stocked.get(Item, id=identifier)

    found = await asyncio.gather(*(peek(c, i) for c, i in foreign))

    assert 2 * MANY == len(found) and not any(found)


@pytest.fixture
async def proxied(made: Postgres) -> AsyncIterator[tuple[AsyncDAL, FaultProxy]]:
    """A data layer that reaches its server through a proxy."""
    async with FaultProxy(*made.address) as proxy:
        settings = settings_for(made.url)
        dal = AsyncDAL(settings.model_copy(update={"db_port": proxy.port}))
        yield dal, proxy
        await dal.disconnect()


async def test_all_learn_that_the_server_is_away(
    proxied: tuple[AsyncDAL, FaultProxy],
) -> None:
    """503 for each, nobody is left waiting, and it works again afterwards."""
    dal, proxy = proxied
    assert None is await stock(dal, OURS, "nothing")
    proxy.refuse()
    asked = [stock(dal, OURS, f"n{n}") for n in range(MANY)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    proxy.restore()

    assert {DependencyUnavailable} == {type(each) for each in found}
    assert [None] * 3 == await asyncio.gather(
        *(stock(dal, OURS, f"n{n}") for n in range(3))
    )


async def test_a_connection_that_was_closed_is_replaced(
    proxied: tuple[AsyncDAL, FaultProxy],
) -> None:
    """Nobody notices: what was asked over it had not been asked."""
    dal, proxy = proxied
    await stock(dal, OURS, "nothing")
    proxy.reset()
    await asyncio.sleep(0.1)

    assert [None] * 9 == await asyncio.gather(
        *(stock(dal, OURS, f"n{n}") for n in range(9))
    )
