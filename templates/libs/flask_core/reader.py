"""Read one row as fast as the driver can: a statement compiled once, no session, no ORM.

Reading by a key is what modules do most. It is held to the community like every other
statement: the condition is part of the compiled text.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from sqlalchemy import BigInteger, Float, bindparam, inspect, literal_column, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.orm import make_transient_to_detached

from flask_core.config import PostgresSettings
from flask_core.context import crosses_communities, current_community
from flask_core.errors import DependencyUnavailable
from flask_core.failures import translated
from flask_core.isolation import CommunityScoped
from flask_core.tables import Base

COMMAND_SECONDS = 3.0
CONNECT_SECONDS = 2.0
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
    """A pool of connections to one server, for reads outside of transactions."""

    def __init__(self, settings: PostgresSettings, host: str, port: int) -> None:
        """Nothing is connected yet."""
        self.settings = settings
        self.host, self.port = host, port
        self._pool: Any = None

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
        """One row; asked once more where the connection had been closed meanwhile."""
        try:
            return await self._fetch_once(text, arguments)
        except Exception as error:
            if not _is_closed(error):
                raise
        return await self._fetch_once(text, arguments)

    async def _fetch_once(self, text: str, arguments: list[Any]) -> Any:
        """One row."""
        pool = await self._opened()
        connection = await pool.acquire(timeout=COMMAND_SECONDS)
        try:
            return await connection.fetchrow(text, *arguments)
        except TimeoutError:
            # The pool would wait for the server to confirm that it gives up.
            connection.terminate()
            raise
        finally:
            await pool.release(connection)

    async def _opened(self) -> Any:
        """The pool; made on first use, connects on first need."""
        if self._pool is None:
            # A module without PostgreSQL has no driver.
            asyncpg: Any = importlib.import_module("asyncpg")
            settings = self.settings
            self._pool = asyncpg.create_pool(
                host=self.host,
                port=self.port,
                user=settings.db_user,
                password=settings.db_password.get_secret_value(),
                database=settings.db_name,
                min_size=0,
                max_size=settings.db_pool_size,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                # Said outright: asyncpg would look for files in $HOME, which a
                # container's user may not be allowed to read.
                ssl=False,
                init=_read_json,
                # No statement of ours leaves anything behind that had to be reset.
                reset=_leave,
            )
        return await self._pool

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None


async def _read_json(connection: Any) -> None:
    """Read JSON columns as values, as SQLAlchemy does."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=str, decoder=orjson.loads
        )


async def _leave(connection: Any) -> None:
    """Nothing."""


def _is_closed(error: Exception) -> bool:
    """Whether a connection was gone before it could be asked."""
    state = str(getattr(error, "sqlstate", None) or "")
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
