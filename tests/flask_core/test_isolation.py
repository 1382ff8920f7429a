"""Nobody gets across the border of a community, whatever they write."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import (
    BindParameter,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload, selectinload
from sqlalchemy.schema import DropTable

from flask_core.context import all_communities, community_scope
from flask_core.database import AsyncDAL
from flask_core.errors import ApiError, IsolationError, NotFound
from flask_core.isolation import TABLES, IsolatedSession
from flask_core.proof import BIND, prove
from tests.flask_core.conftest import OURS, THEIRS
from tests.flask_core.models import Item, Setting, Tag

ITEMS: Table = Item.__table__  # type: ignore[assignment]
OTHER = aliased(Item)
BARE = table("t_items", column("name"))
SAME = Table("t_items", MetaData(), Column("id", Integer), Column("name", String))


@pytest.fixture
async def both(dal: AsyncDAL) -> AsyncIterator[AsyncDAL]:
    """Community 1 has one item and one tag, and so has community 2."""
    for community, name in ((OURS, "ours"), (THEIRS, "theirs")):
        with community_scope(community):
            item = await dal.create(Item, name=name, stock=community)
            await dal.create(Tag, item_id=item.id, word=name)
    with community_scope(OURS):
        yield dal


async def names(dal: AsyncDAL) -> list[tuple[int, str, int]]:
    """Every item of all communities."""
    with community_scope(THEIRS), all_communities("a test looks at all"):
        rows = await dal.query(Item, order_by=Item.community_id)
    return [(row.community_id, row.name, row.stock) for row in rows]


UNTOUCHED = [(OURS, "ours", OURS), (THEIRS, "theirs", THEIRS)]

READS: dict[str, Callable[[], Any]] = {
    "model": lambda: select(Item),
    "column": lambda: select(Item.name),
    "aggregate": lambda: select(func.string_agg(Item.name, ",")),
    "count": lambda: select(func.count()).select_from(Item),
    "case": lambda: select(case((Item.stock > 1, Item.name), else_="-")),
    "condition alone": lambda: select(literal("x")).where(Item.name == "theirs"),
    "or true": lambda: select(Item.name).where(or_(Item.name == "x", true())),
    "other community": lambda: select(Item.name).where(Item.community_id == THEIRS),
    "alias": lambda: select(OTHER.name),
    "self join": lambda: select(OTHER.name).join(Item, Item.id != OTHER.id),
    "cross join": lambda: select(Item.name, OTHER.name).where(Item.id != OTHER.id),
    "join": lambda: select(Tag.word).join(Item, Item.id != Tag.item_id),
    "outer join": lambda: select(Item.name, Tag.word).outerjoin(Tag, true()),
    "left of outer join": lambda: select(Tag.word)
    .select_from(Item)
    .outerjoin(Tag, true()),
    "subquery": lambda: select(select(Item.name).subquery()),
    "scalar subquery": lambda: select(
        select(func.max(Item.name)).where(Item.stock > 1).scalar_subquery()
    ),
    "in": lambda: select(Tag.word).where(Tag.item_id.in_(select(Item.id))),
    "cte": lambda: select(select(Item.name).cte("wanted")),
    "recursive cte": lambda: select(
        (base := select(Item.id, Item.name).cte("found", recursive=True)).union_all(
            select(Item.id, Item.name).join(base, Item.id != base.c.id).limit(3)
        )
    ),
    "union": lambda: union_all(select(Item.name), select(Tag.word)),
    "lateral": lambda: select(
        Item.name, select(Tag.word).where(Tag.id > 0).lateral().c.word
    ),
    "exists": lambda: select(literal("x")).where(exists().where(Item.name == "theirs")),
    "exists select": lambda: select(literal("x")).where(
        select(Item.id).where(Item.name == "theirs").exists()
    ),
    "uncorrelated": lambda: select(Tag.word).where(
        select(Item.id).where(Item.name == "theirs").correlate(None).exists()
    ),
    "relationship": lambda: select(Item.name).where(
        Item.tags.any(Tag.word == "theirs")
    ),
    "has": lambda: select(Tag.word).where(Tag.item.has(Item.name == "theirs")),
    "window": lambda: select(func.count(Item.id).over()).select_from(Item),
    "distinct": lambda: select(Item.name).distinct(),
    "for update": lambda: select(Item.name).with_for_update(),
    "joined load": lambda: select(Item).options(joinedload(Item.tags)),
    "select in load": lambda: select(Item).options(selectinload(Item.tags)),
    "tablesample": lambda: select(aliased(Item, ITEMS.tablesample(100)).name),
}
REFUSED: dict[str, Callable[[], Any]] = {
    # SQLAlchemy's criteria do not reach this one: the proof found that.
    "window alone": lambda: select(func.count(Item.id).over()),
    "text": lambda: text("SELECT name FROM t_items"),
    "text of columns": lambda: text("SELECT name FROM t_items").columns(Item.name),
    "from statement": lambda: select(Item).from_statement(text("TABLE t_items")),
    "text condition": lambda: select(Item.name).where(text("true OR true")),
    "text in or": lambda: select(Item.name).where(or_(text("true"), Item.id == 1)),
    "text column": lambda: select(text("name")).select_from(Item),
    "text from": lambda: select(literal(1)).select_from(text("t_items")),
    "text order": lambda: select(Item.name).order_by(text("(TABLE t_items)")),
    "literal column": lambda: select(
        literal_column("(SELECT string_agg(name, ',') FROM t_items)")
    ),
    "prefix": lambda: select(Item.name).prefix_with("name FROM t_items --"),
    "suffix": lambda: select(Item.name).suffix_with("UNION TABLE t_items"),
    "hint": lambda: select(Item.name).with_statement_hint("UNION SELECT 'a'"),
    "operator": lambda: select(Item.name).where(Item.id.op("> 0 OR 0 <")(1)),
    "operator comment": lambda: select(Item.name).where(Item.id.op("=--")(1)),
    "table": lambda: select(ITEMS),
    "column of table": lambda: select(ITEMS.c.name),
    "alias of table": lambda: select(ITEMS.alias().c.name),
    "alias of table beside model": lambda: select(Item.name, ITEMS.alias().c.name),
    "table in exists": lambda: select(Item.name).where(
        select(ITEMS.alias("t").c.id).where(Item.id > 0).exists()
    ),
    "table in cte": lambda: select(select(ITEMS.c.name).cte()),
    "table in union": lambda: union_all(select(Item.name), select(ITEMS.c.name)),
    "aliased table": lambda: select(aliased(ITEMS).c.name),
    "lightweight table": lambda: select(BARE.c.name),
    "table of other metadata": lambda: select(SAME.c.name),
    "row of table": lambda: select(ITEMS.table_valued()),
    "catalogue": lambda: select(table("pg_class", column("relname")).c.relname),
    "full join": lambda: select(Tag.word)
    .select_from(Item)
    .join(Tag, and_(Tag.id == Item.id), full=True),
    "function that runs sql": lambda: select(
        func.query_to_xml("TABLE t_items", True, True, "")
    ),
    "leaving row security": lambda: select(
        func.set_config("app.community_id", "", True)
    ),
    "ddl": lambda: DropTable(ITEMS),
    "insert": lambda: insert(Item).values(name="x", community_id=THEIRS),
    "insert stamped": lambda: insert(Item).values(name="x", community_id=OURS),
    "insert into table": lambda: insert(ITEMS).values(name="x", community_id=THEIRS),
    "insert from select": lambda: insert(Setting).from_select(
        ["name"], select(ITEMS.c.name)
    ),
    "upsert": lambda: postgresql.insert(Item)
    .values(name="theirs", community_id=THEIRS)
    .on_conflict_do_update(index_elements=["community_id", "name"], set_={"stock": 9}),
    "insert in cte": lambda: select(
        insert(Item).values(name="x", community_id=THEIRS).returning(Item.id).cte()
    ),
    "update in cte": lambda: select(
        update(ITEMS).values(stock=9).returning(ITEMS.c.id).cte()
    ),
    "move": lambda: update(Item).values(community_id=THEIRS),
    "move by column": lambda: update(Item).values({Item.community_id: THEIRS}),
    "move by expression": lambda: update(Item).values(community_id=Item.id + 1),
    "move in order": lambda: update(Item).ordered_values(("community_id", THEIRS)),
    "move of table": lambda: update(ITEMS).values(community_id=THEIRS),
    "update of table": lambda: update(ITEMS).values(stock=9),
    "update from": lambda: update(Item)
    .values(name=OTHER.name)
    .where(OTHER.id != Item.id),
    "delete of table": lambda: delete(ITEMS),
    "delete using table": lambda: delete(Item).where(Item.id != ITEMS.alias().c.id),
}


def flat(rows: Any) -> str:
    """Everything in a result, as one text."""
    words = []
    for row in rows:
        for value in row:
            words.append(value.name if isinstance(value, Item) else str(value))
            if isinstance(value, Item) and "tags" in value.__dict__:
                words += [tag.word for tag in value.tags]
    return " ".join(words)


@pytest.mark.parametrize("name", READS)
async def test_a_read_sees_nothing_of_another_community(
    both: AsyncDAL, name: str
) -> None:
    """Wherever in the statement the model stands."""
    async with both.transaction() as session:
        result = await session.execute(READS[name]())
        rows = result.unique().all()

    found = flat(rows)
    assert "theirs" not in found and "x" not in found and "2" not in found.split()


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_held_is_refused(both: AsyncDAL, name: str) -> None:
    """Before it reaches the server."""
    with pytest.raises(IsolationError):
        async with both.transaction() as session:
            await session.execute(REFUSED[name]())

    assert UNTOUCHED == await names(both)


@pytest.mark.parametrize("name", [*READS, *REFUSED])
async def test_without_a_community_nothing_is_executed(
    dal: AsyncDAL, name: str
) -> None:
    """A forgotten scope is an error, not a view of everything."""
    statement = {**READS, **REFUSED}[name]()
    with pytest.raises(IsolationError):
        async with dal.transaction() as session:
            await session.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        update(Item).values(stock=9),
        update(Item).values(stock=9).where(Item.name == "theirs"),
        update(Item).values(stock=9).where(or_(Item.id > 0, true())),
        update(Item).values(stock=9).where(Item.id.in_(select(Tag.item_id))),
        update(Item).values(stock=9).where(Item.community_id == THEIRS),
        delete(Item).where(Item.name == "theirs"),
        delete(Item).where(or_(Item.name == "theirs", Item.name == "x")),
    ],
    ids=str,
)
@pytest.mark.parametrize("synchronize", ["auto", "fetch", False])
async def test_a_change_leaves_other_communities_alone(
    both: AsyncDAL, change: Any, synchronize: Any
) -> None:
    """However wide its condition."""
    options = {"synchronize_session": synchronize}
    async with both.transaction() as session:
        await session.execute(change, execution_options=options)

    assert (THEIRS, "theirs", THEIRS) in await names(both)


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (insert(Item), [{"name": "x", "community_id": THEIRS}]),
        (insert(Item), {"name": "x", "community_id": THEIRS}),
        (update(Item), [{"id": 1, "stock": 9}]),
        (update(Item), {"community_id": THEIRS}),
        (update(Item).where(Item.id > bindparam("low")), {"low": 0, "community_id": 2}),
        (update(Item).values(stock=9), {"community_id": THEIRS}),
        (update(Item).values(stock=9).where(Item.id > 0), {"community_id": THEIRS}),
        (update(Item).values(stock=9), [{"id": 1}]),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_values_beside_the_statement_are_no_way_out(
    both: AsyncDAL, statement: Any, parameters: Any
) -> None:
    """Bulk inserts and bulk updates by primary key bypass SQLAlchemy's criteria."""
    with pytest.raises(IsolationError):
        async with both.transaction() as session:
            await session.execute(statement, parameters)

    assert UNTOUCHED == await names(both)


async def test_a_bulk_update_by_primary_key_is_refused(both: AsyncDAL) -> None:
    """The key of another community's row would be enough."""
    async with all_rows(both) as rows:
        theirs = rows[1]
    with pytest.raises(IsolationError):
        async with both.transaction() as session:
            await session.execute(update(Item), [{"id": theirs.id, "stock": 9}])

    assert UNTOUCHED == await names(both)


class all_rows:
    """Every item, loaded across communities."""

    def __init__(self, dal: AsyncDAL) -> None:
        """Of this data layer."""
        self.dal = dal

    async def __aenter__(self) -> list[Item]:
        """Load."""
        with all_communities("a test looks at all"):
            return await self.dal.query(Item, order_by=Item.community_id)

    async def __aexit__(self, *_: object) -> None:
        """Nothing to undo."""


async def test_every_method_stays_inside(both: AsyncDAL) -> None:
    """As services call them."""
    async with all_rows(both) as rows:
        theirs = rows[1].id

    assert await both.get(Item, id=theirs) is None
    assert ["ours"] == [row.name for row in await both.query(Item)]
    assert ["ours"] == [row.name for row in (await both.page(Item)).items]
    assert [("ours",)] == await both.select(Item, select=[Item.name])
    assert 0 == await both.update(Item, {"stock": 9}, Item.id == theirs)
    assert 0 == await both.delete(Item, Item.id == theirs)
    for call in (
        both.require(Item, id=theirs),
        both.update_one(Item, {"id": theirs}, stock=9),
        both.delete_one(Item, id=theirs),
        both.increment(Item, "stock", 1, {"id": theirs}),
    ):
        with pytest.raises(NotFound):
            await call
    assert UNTOUCHED == await names(both)


async def test_a_new_row_is_stamped(both: AsyncDAL) -> None:
    """Nobody has to say the community, and nobody may say another."""
    row = await both.create(Item, name="new")
    with pytest.raises(IsolationError):
        await both.create(Item, name="x", community_id=THEIRS)
    with pytest.raises(IsolationError):
        await both.create_many(Item, [{"name": "y"}, {"name": "x", "community_id": 2}])
    with pytest.raises(IsolationError):
        await both.update(Item, {"community_id": THEIRS}, Item.id == row.id)
    with pytest.raises(IsolationError):
        await both.update_one(Item, {"id": row.id}, community_id=THEIRS)

    assert OURS == row.community_id
    assert [(OURS, "new", 0), (OURS, "ours", 1), UNTOUCHED[1]] == sorted(
        await names(both)
    )


@pytest.mark.parametrize(
    "how", ["change", "claim", "delete", "add to a relationship", "merge"]
)
async def test_a_row_of_another_community_cannot_be_brought_in(
    both: AsyncDAL, how: str
) -> None:
    """Loaded across communities, then handled inside one."""
    async with all_rows(both) as rows:
        mine, theirs = rows
    with pytest.raises((IsolationError, ApiError)):
        async with both.transaction() as session:
            if how == "change":
                session.add(theirs)
                theirs.stock = 9
            elif how == "claim":
                session.add(theirs)
                theirs.community_id = OURS
            elif how == "delete":
                await session.delete(theirs)
            elif how == "add to a relationship":
                session.add(Tag(item=theirs, word="x"))
                theirs.stock = 9
            else:
                await session.merge(Item(id=theirs.id, name="x", community_id=OURS))
            await session.flush()

    assert UNTOUCHED == await names(both)


async def test_a_foreign_key_cannot_point_at_another_community(both: AsyncDAL) -> None:
    """It answers as for a row that does not exist, so nobody can probe for ids."""
    async with all_rows(both) as rows:
        mine, theirs = rows
    tag = await both.create(Tag, item_id=mine.id, word="w")
    errors = []
    for item_id in (theirs.id, 2**40):
        for call in (
            both.create(Tag, item_id=item_id, word="x"),
            both.update(Tag, {"item_id": item_id}, Tag.id == tag.id),
            both.update_one(Tag, {"id": tag.id}, item_id=item_id),
        ):
            with pytest.raises(ApiError) as raised:
                await call
            errors.append((raised.value.status, raised.value.message))

    assert 1 == len(set(errors)) and 400 == errors[0][0]


async def test_a_relationship_loads_nothing_of_another_community(
    both: AsyncDAL,
) -> None:
    """Not even when a foreign key crosses the border already."""
    with all_communities("a test breaks the rules"):
        rows = await both.query(Item, order_by=Item.community_id)
        await both.create(Tag, item_id=rows[0].id, word="theirs", community_id=THEIRS)
    async with both.transaction() as session:
        item = (await session.scalars(select(Item))).one()
        words = await session.run_sync(lambda _: [tag.word for tag in item.tags])
        await session.refresh(item, ["tags"])
        again = [tag.word for tag in item.tags]

    assert (["ours"], ["ours"]) == (words, again)


async def test_the_community_cannot_change_within_a_transaction(
    both: AsyncDAL,
) -> None:
    """What is loaded already would be handed to the other one."""
    async with both.transaction() as session:
        item = (await session.scalars(select(Item))).one()
        with community_scope(THEIRS), pytest.raises(IsolationError):
            await both.get(Item, id=item.id)
        with all_communities("a test"), pytest.raises(IsolationError):
            await session.execute(select(Item))
        with community_scope(THEIRS), pytest.raises(IsolationError):
            await session.get(Item, item.id)


@pytest.mark.parametrize(
    "way",
    ["connection", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"],
)
async def test_ways_around_the_session_are_closed(both: AsyncDAL, way: str) -> None:
    """They would execute without being looked at."""
    item = Item(name="x", community_id=THEIRS)
    words: dict[str, tuple[Any, ...]] = {
        "connection": (),
        "bulk_save_objects": ([item],),
        "bulk_insert_mappings": (Item, [{"name": "x", "community_id": THEIRS}]),
        "bulk_update_mappings": (Item, [{"id": 1, "stock": 9}]),
    }

    def call(session: Any) -> None:
        assert isinstance(session, IsolatedSession)
        getattr(session, way)(*words[way])

    with pytest.raises(IsolationError):
        async with both.transaction() as session:
            await session.run_sync(call)


async def test_raw_sql_needs_all_communities(both: AsyncDAL) -> None:
    """And then it is what it is."""
    with pytest.raises(IsolationError):
        await both.execute("SELECT name FROM t_items")
    with all_communities("a test counts"):
        rows = await both.execute("SELECT name FROM t_items WHERE stock > :n", n=0)

    assert {"ours", "theirs"} == {row.name for row in rows}


async def test_a_table_of_no_community_needs_none(dal: AsyncDAL) -> None:
    """The platform's own tables."""
    await dal.create(Setting, name="a")

    assert ["a"] == [row.name for row in await dal.query(Setting)]


async def test_one_compiled_statement_serves_every_community(both: AsyncDAL) -> None:
    """The value is taken when it is executed, not when it was first compiled."""
    found = []
    for community in (OURS, THEIRS, OURS, 3):
        with community_scope(community):
            found.append([row.name for row in await both.query(Item)])

    assert [["ours"], ["theirs"], ["ours"], []] == found


def test_an_outer_join_does_not_hold_its_left_side() -> None:
    """PostgreSQL returns the left rows whatever the condition says."""
    owner: BindParameter[int] = bindparam(BIND, 1)
    both_held = and_(Tag.community_id == owner, Item.community_id == owner)
    joined = select(Tag.word).outerjoin(Item, both_held)

    assert prove(joined.where(Tag.community_id == owner), TABLES)
    with pytest.raises(IsolationError, match="t_tags"):
        prove(joined, TABLES)


async def test_the_filter_alone_would_leak_and_the_proof_notices(
    both: AsyncDAL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SQLAlchemy's criteria gone, every read is refused instead of wide open."""
    from flask_core import isolation

    monkeypatch.setattr(isolation, "_HELD", selectinload(Item.tags))
    isolation._proven.clear()
    with pytest.raises(IsolationError, match="not held"):
        async with both.transaction() as session:
            assert isinstance(session, AsyncSession)
            await session.execute(select(Item))
    isolation._proven.clear()
