"""Read one row as fast as the driver can: a statement compiled once, no session, no ORM.

Reads by the same statement that are asked for in one turn of the loop travel together,
as the commands of redisx do: the driver's work is for the journey, not for the row.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import time
from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import make_transient_to_detached

from flask_core.config import PostgresSettings
from flask_core.context import crosses_communities, current_community
from flask_core.failures import sqlstate, translated
from flask_core.isolation import CommunityScoped
from flask_core.statements import OWNER, Statement, statement
from flask_core.tables import Base

COMMAND_SECONDS = 3.0
CONNECT_SECONDS = 2.0
RECYCLE_SECONDS = 1800.0
# What travels together waits for one another: few enough that nobody waits long.
MAX_TOGETHER = 8
M = TypeVar("M", bound=Base)
Asked = tuple[list[Any], "asyncio.Future[Any]"]


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
        self._waiting: dict[str, list[Asked]] = {}
        self._journeys: set[asyncio.Task[None]] = set()

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
            row = await self._together(found.text, arguments)
        return None if row is None else _instance(model, found, row)

    async def ping(self) -> None:
        """Raise DependencyUnavailable when the server does not answer."""
        with translated():
            await self._fetch("SELECT $1::INTEGER", [[]])

    def _together(self, text: str, arguments: list[Any]) -> asyncio.Future[Any]:
        """One row, asked for with the others of this turn of the loop."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(text)
        if waiting is None:
            self._waiting[text] = [(arguments, answer)]
            self._set_out(text)
        else:
            waiting.append((arguments, answer))
        return answer

    def _set_out(self, text: str) -> None:
        """Ask for what waits for a statement, once this turn of the loop is over."""
        task = asyncio.create_task(self._ask_together(text))
        self._journeys.add(task)
        task.add_done_callback(self._journeys.discard)

    async def _ask_together(self, text: str) -> None:
        """Ask for as much as may travel together."""
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            _fail(self._waiting.pop(text), error)
            return
        try:
            waiting = [each for each in self._waiting.pop(text) if not each[1].done()]
            batch, late = waiting[:MAX_TOGETHER], waiting[MAX_TOGETHER:]
            if late:
                self._waiting[text] = late
                self._set_out(text)
            if batch:
                await self._answer(text, batch)
        finally:
            self._places.release()

    async def _answer(self, text: str, batch: list[Asked]) -> None:
        """Hand out the rows; a mistake in one question is not one in the others."""
        try:
            rows = await self._fetch(text, [arguments for arguments, _ in batch])
        except Exception as error:
            if len(batch) == 1 or not _is_refusal(error):
                _fail(batch, error)
                return
            for asked in batch:
                await self._answer(text, [asked])
        else:
            for (_, answer), row in zip(batch, rows, strict=True):
                if not answer.done():
                    answer.set_result(row)
        finally:
            for _, answer in batch:
                answer.cancel()

    async def _fetch(self, text: str, questions: list[list[Any]]) -> list[Any]:
        """A row each; asked again where the connection had been closed meanwhile."""
        while self._idle:
            connection, born = self._idle.pop()
            if time.monotonic() - born > RECYCLE_SECONDS:
                connection.terminate()
                continue
            with contextlib.suppress(ConnectionGone):
                return await self._ask(connection, born, text, questions)
        connection = await self._connect()
        return await self._ask(connection, time.monotonic(), text, questions)

    async def _ask(
        self, connection: Any, born: float, text: str, questions: list[list[Any]]
    ) -> list[Any]:
        """A row each; raises ConnectionGone where nobody was there to be asked."""
        try:
            if len(questions) == 1:
                rows = [await connection.fetchrow(text, 0, *questions[0])]
            else:
                numbered = [(n, *each) for n, each in enumerate(questions)]
                found = await connection.fetchmany(text, numbered)
                by_place = {row[-1]: row for row in found}
                rows = [by_place.get(n) for n in range(len(questions))]
        except BaseException as error:
            if _is_refusal(error):
                self._idle.append((connection, born))
                raise
            # Whatever comes now over this connection is not for the next reader.
            connection.terminate()
            if _is_closed(error):
                raise ConnectionGone from error
            raise
        self._idle.append((connection, born))
        return rows

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


def _fail(batch: list[Asked], error: Exception) -> None:
    """Tell everybody who waits."""
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(error)


def _is_refusal(error: BaseException) -> bool:
    """Whether only the question was wrong: a value, or what the server made of it."""
    state = sqlstate(error)
    is_answer = bool(state) and not state.startswith(("08", "57", "58", "XX"))
    return is_answer or isinstance(error, ValueError)


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
    values = instance.__dict__
    values.update(zip(found.attributes, row, strict=False))
    for key, convert in found.conversions:
        if values[key] is not None:
            values[key] = convert(values[key])
    make_transient_to_detached(instance)
    return instance
