"""Read one row as fast as the driver can: a statement compiled once, no session, no ORM.

Reading by a key is what modules do most. It is held to the community like every other
statement: the condition is part of the compiled text.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Float, bindparam, inspect, literal_column, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.orm import make_transient_to_detached

from flask_core.config import PostgresSettings
from flask_core.context import crosses_communities, current_community
from flask_core.failures import sqlstate, translated
from flask_core.isolation import CommunityScoped
from flask_core.tables import Base

COMMAND_SECONDS = 3.0
CONNECT_SECONDS = 2.0
RECYCLE_SECONDS = 1800.0
OWNER = "waddlebot_community"
_FLOAT8, _NUMERIC = 701, 1700
_make: Any = dialect
_DIALECT = _make()
M = TypeVar("M", bound=Base)
Convert = Callable[[Any], Any]
Named = tuple[str, Convert | None]


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled SELECT: its text, its parameters in order, and what its columns become."""

    text: str
    parameters: tuple[Named, ...]
    attributes: tuple[Named, ...]


@functools.lru_cache(maxsize=1024)
def statement(model: type[Base], names: tuple[str, ...], held: bool) -> Statement:
    """The SELECT of a model's first row by these attributes, held to a community or not."""
    mapper: Any = inspect(model)
    columns = {each.key: each.columns[0] for each in mapper.column_attrs}
    conditions = [columns[n] == bindparam(n, type_=columns[n].type) for n in names]
    if held:
        owner = bindparam(OWNER, type_=BigInteger)
        conditions.append(columns["community_id"] == owner)
    query = select(*columns.values()).where(*conditions).limit(literal_column("1"))
    compiled: Any = query.compile(dialect=_DIALECT)
    binds = [(name, compiled.binds[name].type) for name in compiled.positiontup]
    return Statement(
        str(compiled),
        tuple((n, _implementation(t).bind_processor(_DIALECT)) for n, t in binds),
        tuple(
            (key, _implementation(c.type).result_processor(_DIALECT, _oid(c.type)))
            for key, c in columns.items()
        ),
    )


def _implementation(kind: Any) -> Any:
    """A column's type as PostgreSQL's dialect has it."""
    return kind.dialect_impl(_DIALECT)


def _oid(kind: Any) -> int:
    """PostgreSQL's number of a numeric type; that of the others is not asked for."""
    return _FLOAT8 if isinstance(kind, Float) else _NUMERIC


class Reader:
    """A few connections to one server, for reads outside of transactions.

    Not the driver's own pool, which costs as much as the read: it resets a connection
    after each use, and nothing here leaves anything behind.
    """

    def __init__(self, settings: PostgresSettings, host: str, port: int) -> None:
        """Nothing is connected yet."""
        self.settings = settings
        self.host, self.port = host, port
        self._idle: list[tuple[Any, float]] = []
        self._places = asyncio.Semaphore(settings.db_pool_size)

    async def first(self, model: type[M], by: Mapping[str, Any]) -> M | None:
        """The row with these values, or None; raises DependencyUnavailable."""
        held = issubclass(model, CommunityScoped) and not crosses_communities()
        found = statement(model, tuple(by), held)
        values = {**by, OWNER: current_community()} if held else by
        with translated():
            arguments = [
                convert(values[name]) if convert else values[name]
                for name, convert in found.parameters
            ]
            row = await self._fetch(found.text, arguments)
        return None if row is None else _instance(model, found, row)

    async def ping(self) -> None:
        """Raise DependencyUnavailable when the server does not answer."""
        with translated():
            await self._fetch("SELECT 1", [])

    async def _fetch(self, text: str, arguments: list[Any]) -> Any:
        """One row; asked again where the connection had been closed meanwhile."""
        if self._places.locked():
            async with asyncio.timeout(COMMAND_SECONDS):
                await self._places.acquire()
        else:
            await self._places.acquire()
        try:
            while self._idle:
                connection, born = self._idle.pop()
                if time.monotonic() - born > RECYCLE_SECONDS:
                    connection.terminate()
                    continue
                with contextlib.suppress(ConnectionGone):
                    return await self._ask(connection, born, text, arguments)
            connection = await self._connect()
            return await self._ask(connection, time.monotonic(), text, arguments)
        finally:
            self._places.release()

    async def _ask(
        self, connection: Any, born: float, text: str, arguments: list[Any]
    ) -> Any:
        """One row; raises ConnectionGone where nobody was there to be asked."""
        try:
            row = await connection.fetchrow(text, *arguments)
        except BaseException as error:
            if isinstance(error, ValueError) or _is_refusal(error):
                self._idle.append((connection, born))
                raise
            # Whatever comes now over this connection is not for the next reader.
            connection.terminate()
            if _is_closed(error):
                raise ConnectionGone from error
            raise
        self._idle.append((connection, born))
        return row

    async def _connect(self) -> Any:
        """One more connection."""
        # A module without PostgreSQL has no driver.
        asyncpg: Any = importlib.import_module("asyncpg")
        settings = self.settings
        connection = await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=settings.db_user,
            password=settings.db_password.get_secret_value(),
            database=settings.db_name,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            statement_cache_size=100 if settings.db_pooler == "none" else 0,
            # Said outright: asyncpg would look for files in $HOME, which a container's
            # user may not be allowed to read.
            ssl=False,
        )
        await _read_json(connection)
        return connection

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.pop()[0].terminate()


class ConnectionGone(ConnectionError):
    """The connection was gone before anything was asked over it."""


def _is_refusal(error: BaseException) -> bool:
    """Whether the server answered, and only did not like the question."""
    state = sqlstate(error)
    return bool(state) and not state.startswith(("08", "57", "58", "XX"))


async def _read_json(connection: Any) -> None:
    """Read JSON columns as values, as SQLAlchemy does."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=str, decoder=json.loads
        )


def _is_closed(error: BaseException) -> bool:
    """Whether a connection was gone before it could be asked."""
    state = sqlstate(error)
    if isinstance(error, ConnectionError) or state.startswith(("08", "57")):
        return True
    return type(error).__name__ == "InterfaceError"


def _instance(model: type[M], found: Statement, row: Any) -> M:
    """The row as a model, as a closed session leaves it."""
    mapper: Any = inspect(model)
    instance: M = mapper.class_manager.new_instance()
    instance.__dict__.update(
        {
            key: convert(value) if convert and value is not None else value
            for (key, convert), value in zip(found.attributes, row, strict=True)
        }
    )
    make_transient_to_detached(instance)
    return instance
