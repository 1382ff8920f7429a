"""A key in PostgreSQL: kept with the change, or claimed around a call of another service."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from flask_core import idempotency_keys
from flask_core.context import all_communities
from flask_core.database import AsyncDAL
from flask_core.errors import ApiError
from flask_core.idempotency_keys import IdempotencyKey, around_call, with_change
from flask_core.migrate import PLATFORM
from tests.flask_core.conftest import PLATFORM_TABLES
from tests.flask_core.models import Item

NAME, BODY = "ab" * 32, "cd" * 32


@pytest.fixture
async def table(ours: AsyncDAL) -> AsyncIterator[AsyncDAL]:
    """The data layer, with the platform's tables."""
    with all_communities("a test makes the platform's tables"):
        for statement in PLATFORM:
            await ours.execute(statement)
    yield ours
    with all_communities("a test clears up"):
        await ours.execute(f"DROP TABLE {PLATFORM_TABLES}")


async def right() -> tuple[int, str]:
    """What a view answers."""
    return 200, "{}"


@pytest.mark.parametrize("once", [with_change, around_call])
async def test_the_second_time_the_answer_is_the_kept_one(
    table: AsyncDAL, once: idempotency_keys.Once
) -> None:
    """And the view is not asked."""
    first = await once(table, NAME, BODY, right)

    async def wrong() -> tuple[int, str]:
        raise AssertionError("asked again")

    second = await once(table, NAME, BODY, wrong)
    with pytest.raises(ApiError) as other:
        await once(table, NAME, "00" * 32, wrong)

    assert (True, False) == (first.is_new, second.is_new)
    assert (200, "{}") == (second.status, second.answer)
    assert 422 == other.value.status


@pytest.mark.parametrize("once", [with_change, around_call])
async def test_meanwhile_another_one_is_refused(
    table: AsyncDAL, once: idempotency_keys.Once
) -> None:
    """At once, by 409."""
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> tuple[int, str]:
        entered.set()
        await go_on.wait()
        return 200, "{}"

    first = asyncio.create_task(once(table, NAME, BODY, slow))
    await entered.wait()
    with pytest.raises(ApiError) as refused:
        await once(table, NAME, BODY, right)
    go_on.set()

    assert 409 == refused.value.status
    assert (await first).is_new


@pytest.mark.parametrize("once", [with_change, around_call])
async def test_what_failed_leaves_no_key(
    table: AsyncDAL, once: idempotency_keys.Once
) -> None:
    """So it may be tried again."""

    async def failing() -> tuple[int, str]:
        raise ApiError(400, "invalid_input", "no")

    with pytest.raises(ApiError):
        await once(table, NAME, BODY, failing)

    assert (await once(table, NAME, BODY, right)).is_new


async def test_with_the_change_all_is_undone(table: AsyncDAL) -> None:
    """What the view wrote before it failed goes as well, and is announced to nobody."""
    told = []

    async def tell() -> None:
        told.append(await table.get(Item, name="kept"))

    async def failing() -> tuple[int, str]:
        await table.create(Item, name="undone")
        await table.after_commit(tell)
        raise ApiError(400, "invalid_input", "no")

    async def working() -> tuple[int, str]:
        await table.create(Item, name="kept")
        await table.after_commit(tell)
        assert [] == told
        return await right()

    with pytest.raises(ApiError):
        await with_change(table, NAME, BODY, failing)
    await with_change(table, NAME, BODY, working)

    assert ["kept"] == [item.name for item in await table.query(Item)]
    assert ["kept"] == [item.name for item in told if item is not None]
    assert 1 == len(told)


async def test_the_claim_of_the_killed_ends(
    table: AsyncDAL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the call is made again."""
    await table.create(IdempotencyKey, name=NAME, body=BODY)
    with pytest.raises(ApiError):
        await around_call(table, NAME, BODY, right)
    monkeypatch.setattr(idempotency_keys, "CLAIMED", timedelta(0))

    assert (await around_call(table, NAME, BODY, right)).is_new


async def test_old_keys_are_forgotten(
    table: AsyncDAL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without anybody asking for them."""
    await with_change(table, NAME, BODY, right)
    monkeypatch.setattr(idempotency_keys, "KEPT", timedelta(0))
    stopping = asyncio.Event()
    task = asyncio.create_task(idempotency_keys.forget_forever(table, stopping))
    async with asyncio.timeout(10):
        while await table.query(IdempotencyKey):
            await asyncio.sleep(0.01)
    stopping.set()
    await task
