"""A money-like action under one key: applied once, whoever is killed at which instant."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.runtime.live import COMMUNITY, PROJECT
from tests.runtime.live import Answer, Live, live, start, until_ready

MODULE = "inventory-interaction"
ADD = "/api/v1/action/add_item"
CHECKOUT = "/api/v1/action/checkout"
CLIENTS, CALLS, KILLS = 6, 25, 12


@pytest.fixture(scope="module")
async def module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """The inventory, running."""
    async with live(MODULE, tmp_path_factory.mktemp("idempotency")) as found:
        yield found


def item(name: str) -> dict[str, Any]:
    """The body that adds an item."""
    return {"user_id": "discord:1", "params": {"name": name}}


async def add(module: Live, name: str, key: str) -> Answer:
    """Add an item under a key."""
    return await module.call("POST", ADD, item(name), **{"Idempotency-Key": key})


async def count(module: Live, name: str) -> int:
    """How many items of that name there are."""
    statement = "SELECT count(*) FROM inventory_items WHERE name = $1"
    return int((await module.sql(statement, name))[0][0])


async def test_a_repetition_is_answered_the_same(module: Live) -> None:
    """Also when Redis has lost everything, and says so in a header."""
    first = await add(module, "same", "key-same")
    module.servers["redis"].kill()
    module.servers["redis"].start_again()
    second = await add(module, "same", "key-same")

    assert (200, first.body) == (second.status, second.body)
    assert "true" == second.headers["Idempotency-Replayed"]
    assert "Idempotency-Replayed" not in first.headers
    assert 1 == await count(module, "same")
    await module.wait_for("healthy", 30)


async def test_another_body_under_the_same_key_is_refused(module: Live) -> None:
    """With 422, and nothing is done."""
    await add(module, "one", "key-body")
    other = await add(module, "other", "key-body")

    assert (422, "idempotency_mismatch") == (other.status, other.body["error"])
    assert 0 == await count(module, "other")


async def test_of_those_at_the_same_time_one_is_applied(module: Live) -> None:
    """The others get 409, or its answer when it is there."""
    answers = await asyncio.gather(
        *(add(module, "crowd", "key-crowd") for _ in range(12))
    )
    bodies = [answer.body for answer in answers if answer.status == 200]

    assert {200, 409} >= {answer.status for answer in answers}
    assert bodies == bodies[:1] * len(bodies)
    assert 1 == await count(module, "crowd")


async def test_a_call_under_way_is_not_waited_for(module: Live) -> None:
    """A second one is told so at once, by 409."""
    async with asyncio.TaskGroup() as group:
        lock = "LOCK TABLE inventory_items IN ACCESS EXCLUSIVE MODE"
        group.create_task(
            module.sql(f"DO $$ BEGIN {lock}; PERFORM pg_sleep(1); END $$")
        )
        await asyncio.sleep(0.3)
        first = group.create_task(add(module, "slow", "key-slow"))
        await asyncio.sleep(0.2)
        second = await add(module, "slow", "key-slow")
        assert not first.done()

    assert (409, 200) == (second.status, first.result().status)


async def test_what_failed_may_be_tried_again(module: Live) -> None:
    """A refusal is not kept."""
    refuse = "ALTER TABLE inventory_items ADD CONSTRAINT no_luck CHECK (name <> 'luck')"
    await module.sql(refuse)
    failed = await add(module, "luck", "key-luck")
    await module.sql("ALTER TABLE inventory_items DROP CONSTRAINT no_luck")
    again = await add(module, "luck", "key-luck")

    assert (400, 200) == (failed.status, again.status)


async def test_after_a_day_a_key_is_a_new_one(module: Live) -> None:
    """And what is that old is no longer there."""
    await add(module, "old", "key-old")
    old = "UPDATE idempotency_keys SET used_at = now() - interval '1 day 1 second'"
    await module.sql(old)
    await module.sql("DELETE FROM inventory_items WHERE name = 'old'")
    again = await add(module, "old", "key-old")

    assert (200, None) == (again.status, again.headers.get("Idempotency-Replayed"))
    assert 1 == await count(module, "old")


async def test_a_kill_at_any_instant_applies_it_once(tmp_path: Path) -> None:
    """The client repeats what was not answered; each is applied one time."""
    async with live(MODULE, tmp_path) as module:
        stock = await add(module, "stock", "key-stock")
        await module.sql("UPDATE inventory_items SET available_quantity = $1", 1000)
        answers: dict[str, set[int]] = {}
        clients = [
            asyncio.create_task(persist(module, stock.body["result"]["id"], n, answers))
            for n in range(CLIENTS)
        ]
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.05, 0.4))
            await kill(module, tmp_path)
        await asyncio.wait_for(asyncio.gather(*clients), 120)
        lent = "SELECT notes, count(*) FROM inventory_checkouts GROUP BY 1"
        rows = {row[0]: row[1] for row in await module.sql(lent)}
        (left,) = await module.sql("SELECT available_quantity FROM inventory_items")

    assert {key: 1 for key in answers} == rows
    assert {1} == {len(identifiers) for identifiers in answers.values()}
    assert (CLIENTS * CALLS, 1000 - CLIENTS * CALLS) == (len(rows), left[0])


async def kill(module: Live, folder: Path) -> None:
    """End the module as a crash does, and start it again where it was."""
    module.process.kill()
    module.process.wait()
    port = int(module.url.rpartition(":")[2])
    package = PROJECT.fleet / MODULE.replace("-", "_")
    module.process = start(package, module.environment, port, folder)
    await until_ready(module)


async def persist(
    module: Live, item_id: int, client: int, answers: dict[str, set[int]]
) -> None:
    """Lend again and again, each until it is answered twice."""
    api_key = await module.add_key("admin", [COMMUNITY])
    for number in range(CALLS):
        key = f"{client}-{number}"
        params = {"item_id": item_id, "user_id": "discord:2", "notes": key}
        body = {"user_id": "discord:1", "params": params}
        headers = {"Idempotency-Key": key, "X-API-Key": api_key}
        found, times = answers.setdefault(key, set()), 0
        while times < 2:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                answer = await module.call("POST", CHECKOUT, body, **headers)
                if answer.status == 200:
                    found.add(answer.body["result"]["id"])
                    times += 1
                assert answer.status in (200, 409, 503), answer.body
            await asyncio.sleep(0.01)
