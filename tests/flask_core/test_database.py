"""The data layer on a real PostgreSQL: what it does, and what its failures become."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from flask_core.context import all_communities, community_scope
from flask_core.database import AsyncDAL, Page
from flask_core.errors import ApiError, DependencyUnavailable, IsolationError, NotFound
from flask_core.testing.faults import FaultProxy
from flask_core.testing.servers import Postgres
from tests.flask_core.conftest import OURS, THEIRS, settings_for
from tests.flask_core.models import Item, Setting, Tag


async def test_a_created_row_comes_back_as_the_database_has_it(ours: AsyncDAL) -> None:
    """Defaults filled in, numbers rounded to the column."""
    row = await ours.create(Item, name="a", price=Decimal("1.005"))
    found = await ours.require(Item, id=row.id)

    assert (0, Decimal("1.01"), OURS) == (row.stock, row.price, row.community_id)
    assert row.created_at.tzinfo is not None and row.created_at == found.created_at


async def test_a_row_as_plain_values(ours: AsyncDAL) -> None:
    """JSON-ready, by column name; what is encrypted is left out."""
    code = uuid.uuid4()
    row = await ours.create(
        Item, name="a", price=Decimal("1.5"), code=code, details={"a": [1]}
    )
    plain = row.to_dict()

    assert "secret" not in plain
    assert (1.5, str(code), {"a": [1]}) == (
        plain["price"],
        plain["code"],
        plain["details"],
    )
    assert str(plain["created_at"]).endswith("Z") and None is plain["due"]


async def test_update_one_changes_and_returns_the_row(ours: AsyncDAL) -> None:
    """With the time of the change."""
    row = await ours.create(Item, name="a")
    changed = await ours.update_one(Item, {"id": row.id}, name="b", stock=3)

    assert ("b", 3) == (changed.name, changed.stock)
    assert changed.updated_at > row.created_at


async def test_update_one_can_expect_a_state(ours: AsyncDAL) -> None:
    """409 when somebody else was faster."""
    row = await ours.create(Item, name="a", stock=1)
    await ours.update_one(Item, {"id": row.id}, expect={"stock": 1}, stock=2)
    with pytest.raises(ApiError) as raised:
        await ours.update_one(Item, {"id": row.id}, expect={"stock": 1}, stock=3)

    assert (409, "conflict") == (raised.value.status, raised.value.error)


async def test_update_and_delete_say_how_many(ours: AsyncDAL) -> None:
    """And refuse to mean every row by saying nothing."""
    await ours.create_many(Item, [{"name": "a"}, {"name": "b"}, {"name": "c"}])

    assert 2 == await ours.update(Item, {"stock": 5}, Item.name.in_(["a", "b"]))
    assert 2 == await ours.delete(Item, Item.stock == 5)
    assert 0 == await ours.delete(Item, Item.stock == 5)
    for call in (ours.update(Item, {"stock": 1}), ours.delete(Item)):
        with pytest.raises(ValueError):
            await call


async def test_delete_one(ours: AsyncDAL) -> None:
    """A second time it is not there."""
    row = await ours.create(Item, name="a")
    await ours.delete_one(Item, id=row.id)
    with pytest.raises(NotFound):
        await ours.delete_one(Item, id=row.id)


async def test_create_many_makes_all_or_none(ours: AsyncDAL) -> None:
    """The second row is wrong, so the first is not there either."""
    with pytest.raises(ApiError):
        await ours.create_many(Item, [{"name": "a"}, {"name": "a"}])

    assert [] == await ours.query(Item)


async def test_select_joins_in_one_statement(ours: AsyncDAL) -> None:
    """As in the standard's example."""
    item = await ours.create(Item, name="a")
    await ours.create_many(Tag, [{"item_id": item.id, "word": w} for w in "xy"])
    rows = await ours.select(Item, Item.id == Tag.item_id, select=[Item, Tag.word])

    assert {("a", "x"), ("a", "y")} == {(row[0].name, row[1]) for row in rows}


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, ["d", "b", "a", "c", "e"]),
        (Item.name, ["a", "b", "c", "d", "e"]),
        (-Item.id, ["e", "c", "a", "b", "d"]),
        (Item.name.desc(), ["e", "d", "c", "b", "a"]),
        (Item.stock, ["b", "a", "d", "c", "e"]),
        (Item.stock.desc(), ["e", "c", "d", "a", "b"]),
        (Item.price, ["b", "d", "a", "c", "e"]),
        (Item.price.desc(), ["d", "b", "e", "c", "a"]),
        (Item.created_at, ["d", "b", "a", "c", "e"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_hold_every_row_once(
    ours: AsyncDAL, order_by: Any, expected: list[str], limit: int
) -> None:
    """In order, equal values and missing ones included."""
    many = "0.12345678901234567890"
    for name, stock, price in (
        ("d", 2, Decimal(many)),
        ("b", 1, Decimal("0.1")),
        ("a", 1, None),
        ("c", 2, None),
        ("e", 2, None),
    ):
        await ours.create(Item, name=name, stock=stock, price=price)
    found: list[str] = []
    page: Page[Item] = await ours.page(Item, order_by=order_by, limit=limit)
    found += [row.name for row in page.items]
    while page.next:
        page = await ours.page(Item, order_by=order_by, limit=limit, after=page.next)
        found += [row.name for row in page.items]

    assert expected == found


async def test_a_page_as_an_answer(ours: AsyncDAL) -> None:
    """The last one has no next."""
    await ours.create(Item, name="a")
    page: Any = (await ours.page(Item, Item.name == "a")).to_dict()

    assert [None, "a"] == [page["next"], page["items"][0]["name"]]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "e30=",
        "W251bGwsOTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ==",
        "WyJhIiwxXQ==",
        "W1sxXSwxXQ==",
        "W3RydWUsIDFd",
        "\x00",
        "W251bGwsdHJ1ZV0=",
    ],
)
@pytest.mark.parametrize("order_by", [Item.stock, Item.created_at, Item.price])
async def test_a_forged_cursor_is_400(
    ours: AsyncDAL, cursor: str, order_by: Any
) -> None:
    """Never a failure of the server."""
    with pytest.raises(ApiError) as raised:
        await ours.page(Item, order_by=order_by, after=cursor)

    assert 400 == raised.value.status


async def test_increments_at_the_same_time_lose_nothing(ours: AsyncDAL) -> None:
    """And never sell what is not there."""
    row = await ours.create(Item, name="a", stock=5)
    calls = [ours.increment(Item, "stock", -1, {"id": row.id}, 0) for _ in range(12)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in results if isinstance(each, ApiError)]

    assert 7 == len(refused) and {409} == {each.status for each in refused}
    assert 0 == (await ours.require(Item, id=row.id)).stock


async def test_increment_returns_the_row(ours: AsyncDAL) -> None:
    """With the number it has now."""
    row = await ours.create(Item, name="a", stock=5, price=Decimal("0.10"))

    assert 7 == (await ours.increment(Item, "stock", 2, {"name": "a"})).stock
    by = Decimal("0.20")
    row = await ours.increment(Item, "price", by, {"name": "a"}, Decimal(0))
    assert Decimal("0.30") == row.price
    with pytest.raises(NotFound):
        await ours.increment(Item, "stock", 1, {"name": "b"})


async def test_a_transaction_is_kept_or_undone_as_a_whole(ours: AsyncDAL) -> None:
    """All calls inside take part."""
    with pytest.raises(RuntimeError):
        async with ours.transaction():
            await ours.create(Item, name="a")
            assert 1 == len(await ours.query(Item))
            raise RuntimeError
    async with ours.transaction():
        await ours.create(Item, name="b")
        async with ours.transaction():
            await ours.create(Item, name="c")

    assert ["b", "c"] == [row.name for row in await ours.query(Item)]


async def test_a_refused_change_does_not_end_the_transaction(ours: AsyncDAL) -> None:
    """The caller may catch its 409 and go on."""
    await ours.create(Item, name="a")
    async with ours.transaction():
        await ours.create(Item, name="b")
        with pytest.raises(ApiError):
            await ours.create(Item, name="a")
        await ours.create(Item, name="c")

    assert ["a", "b", "c"] == [r.name for r in await ours.query(Item, order_by=Item.id)]


async def test_tasks_inside_a_transaction_get_their_own(ours: AsyncDAL) -> None:
    """Two tasks cannot share a connection."""
    async with ours.transaction():
        await ours.create(Item, name="a")
        names = [f"n{number}" for number in range(4)]
        await asyncio.gather(*(ours.create(Item, name=name) for name in names))

    assert 5 == len(await ours.query(Item))


LONE = "\ud800"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"name": "taken"}, 409),
        ({"name": None}, 400),
        ({"name": "x" * 21}, 400),
        ({"name": "nul\x00"}, 400),
        ({"name": LONE}, 400),
        ({"name": 5}, 400),
        ({"stock": 2**31}, 400),
        ({"stock": 2**70}, 400),
        ({"stock": "many"}, 400),
        ({"price": Decimal("1e9")}, 400),
        ({"price": Decimal("NaN")}, None),
        ({"price": Decimal("Infinity")}, 400),
        ({"price": "cheap"}, 400),
        ({"code": "no uuid"}, 400),
        ({"due": "yesterday"}, 400),
        ({"due": datetime(1, 1, 1, tzinfo=UTC)}, None),
        ({"details": {"a": "\x00"}}, 400),
        ({"details": {"a": LONE}}, 400),
        ({"details": {"a": float("nan")}}, 400),
        ({"details": {1, 2}}, 400),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_a_value_that_does_not_fit_is_the_callers_mistake(
    ours: AsyncDAL, values: dict[str, Any], status: int | None
) -> None:
    """400 or 409, never 500, by every way in."""
    await ours.create(Item, name="taken")
    row = await ours.create(Item, name="other")
    calls: list[Any] = [
        lambda: ours.create(Item, **{"name": "new", **values}),
        lambda: ours.update_one(Item, {"id": row.id}, **values),
        lambda: ours.update(Item, values, Item.id == row.id),
    ]
    for call in calls:
        try:
            await call()
        except ApiError as error:
            assert status == error.status
        else:
            assert status is None


@pytest.mark.parametrize(
    "by",
    [{"id": 2**70}, {"name": "\x00"}, {"name": LONE}, {"code": "x"}],
    ids=ascii,
)
async def test_a_search_for_what_cannot_be_is_400(
    ours: AsyncDAL, by: dict[str, Any]
) -> None:
    """Also in reads, updates and deletes."""
    for call in (
        ours.get(Item, **by),
        ours.update_one(Item, by, stock=1),
        ours.delete_one(Item, **by),
    ):
        with pytest.raises(ApiError) as raised:
            await call
        assert 400 == raised.value.status


async def test_a_row_that_is_referred_to_cannot_go(ours: AsyncDAL) -> None:
    """400, and it is still there."""
    item = await ours.create(Item, name="a")
    await ours.create(Tag, item_id=item.id, word="w")
    with pytest.raises(ApiError) as raised:
        await ours.delete(Item, Item.id == item.id)

    assert 400 == raised.value.status
    await ours.require(Item, id=item.id)


async def test_a_mistake_in_our_own_code_is_not_hidden(ours: AsyncDAL) -> None:
    """A table that does not exist is neither 400 nor 503."""
    with all_communities("a test"), pytest.raises(Exception) as raised:
        await ours.execute("SELECT * FROM nowhere")

    assert not isinstance(raised.value, ApiError)


async def test_an_error_of_the_service_inside_a_transaction_stays_itself(
    ours: AsyncDAL,
) -> None:
    """Its own time-out is not the database's."""
    with pytest.raises(TimeoutError):
        async with ours.transaction():
            raise TimeoutError
    with pytest.raises(ConnectionResetError):
        async with ours.transaction():
            raise ConnectionResetError


@pytest.fixture
async def proxied(made: Postgres) -> AsyncIterator[tuple[AsyncDAL, FaultProxy]]:
    """A data layer that reaches its server through a proxy."""
    async with FaultProxy(*made.address) as proxy:
        settings = settings_for(made.url)
        dal = AsyncDAL(settings.model_copy(update={"db_port": proxy.port}))
        with community_scope(OURS):
            yield dal, proxy
        await dal.disconnect()


async def test_no_prepared_statement_is_kept_behind_a_pooler(made: Postgres) -> None:
    """A pooler in transaction mode may change the connection beneath it."""
    dal = AsyncDAL(settings_for(made.url, db_pooler="transaction"))
    count = "SELECT count(*) FROM pg_prepared_statements WHERE name NOT LIKE '%stmt%'"
    with community_scope(OURS):
        for _ in range(3):
            await dal.query(Item)
            await dal.get(Item, id=1)
    with all_communities("a test looks into the server"):
        rows = await dal.execute(count)
    connection, _ = dal.servers.primary.reader._idle[0]
    kept = await connection.fetchval("SELECT count(*) FROM pg_prepared_statements")
    await dal.disconnect()

    # The statements that are asking this very question are the only ones.
    assert (1, 1) >= (rows[0][0], kept)


async def timed(call: Any) -> float:
    """How long a call takes to fail for want of the database."""
    started = asyncio.get_running_loop().time()
    with pytest.raises(DependencyUnavailable):
        await call
    return asyncio.get_running_loop().time() - started


@pytest.mark.parametrize("warm", [True, False])
async def test_a_server_that_is_down_is_503_and_comes_back(
    proxied: tuple[AsyncDAL, FaultProxy], warm: bool
) -> None:
    """At once, with or without open connections; the next ping opens it again."""
    dal, proxy = proxied
    if warm:
        await dal.query(Item)
        await dal.get(Item, id=1)
    proxy.refuse()
    for call in (
        dal.query(Item),
        dal.get(Item, id=1),
        dal.ping(1),
        dal.create(Item, name="z"),
        dal.connect(),
    ):
        assert 1 > await timed(call)
    proxy.restore()
    await dal.ping(1)

    assert [] == await dal.query(Item)
    assert None is await dal.get(Item, id=1)


async def test_a_connection_that_was_closed_meanwhile_is_replaced(
    proxied: tuple[AsyncDAL, FaultProxy],
) -> None:
    """A server that was restarted is not a server that is down; no caller notices."""
    dal, proxy = proxied
    for _ in range(3):
        await dal.create(Item, name="a")
        await dal.get(Item, id=1)
        proxy.reset()
        await dal.get(Item, id=1)
        proxy.reset()
        await dal.delete(Item, Item.name == "a")
        proxy.reset()

        assert [] == await dal.query(Item)


async def test_a_server_that_hangs_is_503_in_time(
    proxied: tuple[AsyncDAL, FaultProxy],
) -> None:
    """No caller waits longer than three seconds and the time to connect."""
    dal, proxy = proxied
    await dal.query(Item)
    await dal.get(Item, id=1)
    proxy.hang()

    assert 5.5 > await timed(dal.query(Item))
    assert 3.5 > await timed(dal.get(Item, id=1))
    assert 2 > await timed(dal.ping(1))
    assert 0.1 > await timed(dal.query(Item))
    assert 0.1 > await timed(dal.get(Item, id=1))
    proxy.restore()
    await dal.ping(2)
    assert [] == await dal.query(Item)


async def test_a_connection_lost_in_the_middle_is_503(
    proxied: tuple[AsyncDAL, FaultProxy],
) -> None:
    """Nothing of the driver comes out."""
    dal, proxy = proxied
    with pytest.raises(DependencyUnavailable):
        async with dal.transaction() as session:
            await session.execute(select(Item))
            proxy.reset()
            await session.execute(select(Item))

    assert [] == await dal.query(Item)


async def test_a_slow_statement_is_cut_off(ours: AsyncDAL) -> None:
    """After three seconds, and the connection is not used again half-read."""
    with all_communities("a test sleeps"):
        assert 4 > await timed(ours.execute("SELECT pg_sleep(10)"))
        with pytest.raises(DependencyUnavailable):
            async with ours.transaction() as session:
                await session.execute(text("SELECT pg_sleep(10)"))
    assert [] == await ours.query(Item)


async def test_a_pool_that_is_used_up_is_503(made: Postgres) -> None:
    """Callers do not queue for ever."""
    dal = AsyncDAL(settings_for(made.url, db_pool_size=1))

    async def hold() -> None:
        async with dal.transaction():
            await asyncio.sleep(4)

    with community_scope(OURS):
        tasks = [asyncio.create_task(hold()) for _ in range(2)]
        await asyncio.sleep(0.5)
        assert 3.5 > await timed(dal.query(Item))
        await asyncio.gather(*tasks)
    await dal.disconnect()


async def test_a_cancelled_caller_leaves_the_pool_whole(ours: AsyncDAL) -> None:
    """As a client that hangs up does."""
    for _ in range(20):
        task = asyncio.create_task(ours.create(Item, name="a"))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ours.delete(Item, Item.name == "a")

    assert [] == await ours.query(Item)


async def test_row_level_security_holds_beneath(made: Postgres, dal: AsyncDAL) -> None:
    """With the data layer's own filter circumvented, PostgreSQL refuses."""
    for community in (OURS, THEIRS):
        with community_scope(community):
            await dal.create(Item, name="a")
    policy = (
        "community_id = coalesce(nullif(current_setting('app.community_id', true), '')"
        "::bigint, community_id)"
    )
    walled = AsyncDAL(settings_for(made.url, db_rls=True))
    with all_communities("a test builds a wall"):
        await dal.execute("ALTER TABLE t_items ENABLE ROW LEVEL SECURITY")
        await dal.execute("ALTER TABLE t_items FORCE ROW LEVEL SECURITY")
        await dal.execute(f"CREATE POLICY p ON t_items USING ({policy})")
    try:
        found = {}
        for community in (OURS, THEIRS, 3):
            with community_scope(community):
                async with walled.transaction() as session:
                    found[community] = await session.run_sync(count_all)
        with all_communities("a job"):
            everything = await walled.query(Item)
        async with walled.transaction() as session:
            found[0] = await session.run_sync(count_all)
        with pytest.raises(IsolationError), community_scope(OURS):
            async with walled.transaction() as session:
                await session.run_sync(move_all)
    finally:
        with all_communities("a test clears up"):
            await dal.execute("DROP POLICY p ON t_items")
            await dal.execute("ALTER TABLE t_items DISABLE ROW LEVEL SECURITY")
            await dal.execute("ALTER TABLE t_items NO FORCE ROW LEVEL SECURITY")
        await walled.disconnect()

    assert {OURS: 1, THEIRS: 1, 3: 0, 0: 0} == found
    assert 2 == len(everything)


def count_all(session: Any) -> int:
    """Count behind the data layer's back."""
    connection = session._connection_for_bind(session.bind)
    return int(connection.scalar(text("SELECT count(*) FROM t_items")))


def move_all(session: Any) -> None:
    """Move rows behind the data layer's back."""
    connection = session._connection_for_bind(session.bind)
    connection.execute(text("UPDATE t_items SET community_id = 9"))


async def test_columns_may_be_called_as_our_arguments_are(ours: AsyncDAL) -> None:
    """`model` and `by` are positional alone."""
    with pytest.raises(TypeError, match="invalid keyword"):
        await ours.create(Setting, model="a", by="b")
