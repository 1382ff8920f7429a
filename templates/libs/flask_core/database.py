"""The database as services use it: models in, models out, one community at a time.

Failures of the server or the network become 503, violations of a constraint 400 or 409;
nothing of the driver reaches a caller. Reads go to a replica where there is one, to the
primary where it fails or where the community has just written. Serves "Data Management"
of the standard.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from flask_core.config import PostgresSettings
from flask_core.context import all_communities, community_or_none, crosses_communities
from flask_core.errors import (
    ApiError,
    DependencyUnavailable,
    IsolationError,
    NotFound,
)
from flask_core.failures import is_lost, meaning, translated
from flask_core.isolation import CommunityScoped, IsolatedSession, check_reference
from flask_core.isolation import check_scope, scope
from flask_core.paging import Order, Page
from flask_core.reader import CONNECT_SECONDS
from flask_core.servers import Server, Servers
from flask_core.tables import Base, Timestamped

__all__ = [
    "AsyncDAL",
    "Base",
    "CommunityScoped",
    "IsolationError",
    "Page",
    "Timestamped",
]

MAX_ROWS = 1000
MAX_PAGE = 100

M = TypeVar("M", bound=Base)
R = TypeVar("R")
Where = ColumnElement[bool]
Owner = tuple["AsyncDAL", "asyncio.Task[Any] | None", AsyncSession]
_open: ContextVar[Owner | None] = ContextVar("transaction", default=None)


class AsyncDAL:
    """One module's database."""

    def __init__(self, settings: PostgresSettings) -> None:
        """Nothing is connected yet, so a module starts without its database."""
        self.settings = settings
        self.servers = Servers(settings)

    async def connect(self) -> None:
        """Open the pool; raises DependencyUnavailable when the server is away."""
        await self.ping(CONNECT_SECONDS)

    async def disconnect(self) -> None:
        """Close every connection."""
        await self.servers.close()

    async def ping(self, timeout: float) -> None:
        """Raise DependencyUnavailable when the database does not answer in time.

        While it does not, everybody else learns so at once.
        """
        await self.servers.primary.ping(timeout)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: all calls inside it are kept, or none.

        Inside another one of the same task it is part of that. A task started within
        gets its own, for two tasks cannot share a connection.
        """
        outer = self._joined()
        if outer is not None:
            check_scope(outer.sync_session)
            yield outer
            return
        session = await self._begin(self.servers.primary)
        try:
            token = _open.set((self, asyncio.current_task(), session))
            try:
                yield session
            except SQLAlchemyError as error:
                raise meaning(error) from None
            finally:
                _open.reset(token)
            wrote = session.info.get("wrote", False)
            with translated():
                await session.commit()
            if wrote:
                self.servers.note_write(community_or_none())
        finally:
            await _leave(session)
        for work in session.info.get("afterwards", ()):
            await work()

    @property
    def in_transaction(self) -> bool:
        """Whether this task has a transaction open."""
        return self._joined() is not None

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this once the transaction that is open is kept, or now where none is."""
        joined = self._joined()
        if joined is None:
            await work()
        else:
            joined.info.setdefault("afterwards", []).append(work)

    async def query(
        self, model: type[M], *where: Where, order_by: Any = None, limit: int = MAX_ROWS
    ) -> list[M]:
        """The rows that fit, at most `limit`."""
        statement = select(model).where(*where).limit(limit)
        if order_by is not None:
            statement = statement.order_by(*Order.of(model, order_by).clauses())

        async def all_of(session: AsyncSession) -> list[M]:
            return list((await session.scalars(statement)).all())

        return await self._read(all_of)

    async def select(
        self, model: type[M], *where: Where, select: Sequence[Any] | None = None
    ) -> Sequence[Any]:
        """As `query`, or with `select` these models and columns joined by `where`."""
        if select is None:
            return await self.query(model, *where)
        statement = _columns(*select).select_from(model).where(*where).limit(MAX_ROWS)

        async def all_of(session: AsyncSession) -> Sequence[Any]:
            return (await session.execute(statement)).all()

        return await self._read(all_of)

    async def get(self, model: type[M], /, **by: Any) -> M | None:
        """The one row whose columns have these values, or None."""
        plain = not any(value is None for value in by.values())
        if plain and self._joined() is None and not self.settings.db_rls:
            return await self._prefer_replica(lambda server: server.first(model, by))
        statement = select(model).filter_by(**by).limit(1)

        async def first_of(session: AsyncSession) -> M | None:
            return (await session.scalars(statement)).first()

        return await self._read(first_of)

    async def require(self, model: type[M], /, **by: Any) -> M:
        """As `get`; raises NotFound."""
        row = await self.get(model, **by)
        if row is None:
            raise NotFound(_name(model))
        return row

    async def page(
        self,
        model: type[M],
        *where: Where,
        order_by: Any = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[M]:
        """One page, sorted; `after` is the `next` of the page before."""
        order = Order.of(model, order_by)
        limit = max(1, min(limit, MAX_PAGE))
        statement = select(model).where(*where).order_by(*order.clauses())
        if after is not None:
            statement = statement.where(order.after(after))

        async def some_of(session: AsyncSession) -> Sequence[M]:
            return (await session.scalars(statement.limit(limit + 1))).all()

        rows = await self._read(some_of)
        items = list(rows[:limit])
        return Page(items, order.cursor(items[-1]) if len(rows) > limit else None)

    async def create(self, model: type[M], /, **values: Any) -> M:
        """Insert one row and return it as the database has it."""
        row = model(**values)
        async with self._session(changes=True) as session:
            session.add(row)
            await session.flush()
            await session.refresh(row)
        return row

    async def create_many(
        self, model: type[M], rows: Sequence[Mapping[str, Any]]
    ) -> list[M]:
        """Insert several rows, all or none."""
        made = [model(**values) for values in rows]
        async with self._session(changes=True) as session:
            session.add_all(made)
            await session.flush()
        return made

    async def update(
        self, model: type[M], values: Mapping[str, Any], *where: Where
    ) -> int:
        """Change the rows that fit; how many there were."""
        if not where:
            raise ValueError("say which rows to update")
        statement = update(model).where(*where).values(**values)
        async with self._session(changes=True) as session:
            await session.run_sync(_check_values, model, values)
            return await _count(session, statement)

    async def update_one(
        self,
        model: type[M],
        by: Mapping[str, Any],
        /,
        *,
        expect: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> M:
        """Change one row and return it; raises NotFound, or 409 when `expect` fails."""
        async with self._session(changes=True) as session:
            row = await _locked(session, model, by)
            for name, value in (expect or {}).items():
                if getattr(row, name) != value:
                    raise ApiError(409, "conflict", f"{name} is not {value}")
            for name, value in values.items():
                setattr(row, name, value)
            await session.flush()
            await session.refresh(row)
            return row

    async def delete(self, model: type[M], *where: Where) -> int:
        """Delete the rows that fit; how many there were."""
        if not where:
            raise ValueError("say which rows to delete")
        async with self._session(changes=True) as session:
            return await _count(session, delete(model).where(*where))

    async def delete_one(self, model: type[M], /, **by: Any) -> None:
        """Delete one row; raises NotFound."""
        async with self._session(changes=True) as session:
            await session.delete(await _locked(session, model, by))
            await session.flush()

    async def increment(
        self,
        model: type[M],
        column: str,
        by: Any,
        where: Mapping[str, Any],
        minimum: Any = None,
    ) -> M:
        """Change a number where it stands and return the row.

        For money and stock: nobody's change is lost, and with `minimum` none goes below
        it. Raises NotFound, or 409 when the number would fall below.
        """
        number = getattr(model, column)
        conditions = [getattr(model, name) == value for name, value in where.items()]
        guard = [] if minimum is None else [number + by >= minimum]
        async with self._session(changes=True) as session:
            statement = update(model).where(*conditions, *guard)
            changed = await _count(session, statement.values({column: number + by}))
            row = await self.require(model, **where)
            if not changed:
                raise ApiError(409, "conflict", f"{column} would fall below {minimum}")
            await session.refresh(row)
            return row

    async def execute(self, statement: str, **values: Any) -> Sequence[Any]:
        """Raw SQL with bound values; refused unless `all_communities` is in force."""
        async with self._session() as session:
            result: Any = await session.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    async def _begin(self, server: Server) -> AsyncSession:
        """A session on a live connection, PostgreSQL's own policies told whom it acts for.

        A connection that was closed meanwhile is found out here, where nothing has been
        executed yet, and replaced.
        """
        server.refuse_while_down()
        with translated():
            try:
                return await self._begin_once(server)
            except Exception as error:
                if not is_lost(error):
                    raise
            return await self._begin_once(server)

    async def _begin_once(self, server: Server) -> AsyncSession:
        """As `_begin`, on whatever connection the pool has."""
        session = AsyncSession(
            server.engine(), sync_session_class=IsolatedSession, expire_on_commit=False
        )
        session.sync_session.info["scope"] = scope()
        # 0 is nobody's community; an empty value lets every row be seen.
        value = "" if crosses_communities() else str(scope() or 0)
        setting = {"value": value if self.settings.db_rls else ""}
        try:
            with all_communities("nothing of a module is executed"):
                connection = await session.connection()
                await connection.execute(_SET_COMMUNITY, setting)
        except BaseException:
            await _leave(session)
            raise
        return session

    async def _read(self, work: Callable[[AsyncSession], Awaitable[R]]) -> R:
        """Read in the transaction that is open, else in one for this read alone."""
        if self._joined() is None:
            return await self._prefer_replica(
                lambda server: self._read_from(server, work)
            )
        async with self._session() as session:
            return await work(session)

    async def _prefer_replica(self, read: Callable[[Server], Awaitable[R]]) -> R:
        """Read on a replica where that is right, else on the primary."""
        replica = self.servers.replica(community_or_none())
        if replica is not None:
            with contextlib.suppress(DependencyUnavailable), replica.watched():
                return await read(replica)
        return await read(self.servers.primary)

    async def _read_from(
        self, server: Server, work: Callable[[AsyncSession], Awaitable[R]]
    ) -> R:
        """Read on one server, in a transaction of its own."""
        session = await self._begin(server)
        try:
            with translated():
                return await work(session)
        finally:
            await _leave(session)

    @contextlib.asynccontextmanager
    async def _session(self, changes: bool = False) -> AsyncIterator[AsyncSession]:
        """A transaction whose body is ours, so all its failures are the database's.

        A change that fails within a larger transaction is undone alone: the caller may
        catch its 409 and go on.
        """
        nested = changes and self._joined() is not None
        async with self.transaction() as session:
            session.info["wrote"] = changes or session.info.get("wrote", False)
            with translated():
                if nested:
                    async with session.begin_nested():
                        yield session
                else:
                    yield session

    def _joined(self) -> AsyncSession | None:
        """The session of the transaction this task is in."""
        found = _open.get()
        ours = found is not None and found[:2] == (self, asyncio.current_task())
        return found[2] if found is not None and ours else None


_columns: Any = select
_SET_COMMUNITY = text("SELECT set_config('app.community_id', :value, true)")


async def _leave(session: AsyncSession) -> None:
    """Give the connection back, even while the caller is being cancelled."""
    # A rollback over a lost connection fails too, and says nothing new.
    with contextlib.suppress(OSError, TimeoutError, SQLAlchemyError):
        await asyncio.shield(session.close())


async def _count(session: AsyncSession, statement: Any) -> int:
    """Execute a change and return how many rows it met."""
    options = statement.execution_options(synchronize_session=False)
    result: Any = await session.execute(options)
    return int(result.rowcount)


async def _locked(session: AsyncSession, model: type[M], by: Mapping[str, Any]) -> M:
    """The row, locked and as it is now; raises NotFound."""
    statement = select(model).filter_by(**by).limit(1).with_for_update(of=model)
    fresh = statement.execution_options(populate_existing=True)
    row = (await session.scalars(fresh)).first()
    if row is None:
        raise NotFound(_name(model))
    return row


def _check_values(session: Any, model: type[Base], values: Mapping[str, Any]) -> None:
    """Refuse foreign keys to rows of other communities."""
    for name, value in values.items():
        for key in getattr(model, name).property.columns[0].foreign_keys:
            if value is not None and not isinstance(value, ColumnElement):
                check_reference(session, key, value)


def _name(model: type[Base]) -> str:
    """A model in a message: its table without underscores."""
    return str(model.__tablename__).replace("_", " ")
