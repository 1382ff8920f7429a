"""The primary and its replicas: their pools, whether they answer, and which one to read."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from flask_core.config import PostgresSettings
from flask_core.errors import DependencyUnavailable
from flask_core.failures import translate_timeouts, translated
from flask_core.reader import (
    COMMAND_SECONDS,
    CONNECT_SECONDS,
    RECYCLE_SECONDS,
    Reader,
)
from flask_core.tables import Base

# A ping that took so long and failed keeps callers away until the next ones had their
# time to succeed.
SLOW_SECONDS = 0.5
REST_SECONDS = 5.0
REPLICA_REST_SECONDS = 2.0
# How long a community that wrote reads from the primary; a replica is rarely later.
OWN_WRITES_SECONDS = 5.0
MAX_WRITERS = 10_000
M = TypeVar("M", bound=Base)


class Server:
    """One PostgreSQL server: connections for sessions, and for single reads."""

    def __init__(self, settings: PostgresSettings, host: str, port: int) -> None:
        """Nothing is connected yet."""
        self.settings = settings
        self.host, self.port = host, port
        self.reader = Reader(settings, host, port)
        self._engine: AsyncEngine | None = None
        self._resting_until = self._answered = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether it hung a moment ago."""
        return time.monotonic() < self._resting_until

    def refuse_while_down(self) -> None:
        """Raise DependencyUnavailable when it hung a moment ago."""
        if self.is_resting:
            raise DependencyUnavailable("database")

    async def first(self, model: type[M], by: Mapping[str, Any]) -> M | None:
        """The row with these values, or None, without a session."""
        self.refuse_while_down()
        return await self.reader.first(model, by)

    def engine(self) -> AsyncEngine:
        """The pool for sessions; made on first use, connects on first need."""
        if self._engine is None:
            self._engine = create_async_engine(
                self.settings.dsn(self.host, self.port),
                pool_size=self.settings.db_pool_size,
                max_overflow=self.settings.db_pool_size,
                pool_timeout=COMMAND_SECONDS,
                pool_recycle=round(RECYCLE_SECONDS),
                # A log shows the statement, never the values that were bound to it.
                hide_parameters=True,
                connect_args={
                    "timeout": CONNECT_SECONDS,
                    "command_timeout": COMMAND_SECONDS,
                    # Said outright: asyncpg would look for files in $HOME, which a
                    # container's user may not be allowed to read.
                    "ssl": False,
                    **_statement_caches(self.settings),
                },
            )
            translate_timeouts(self._engine.sync_engine)
        return self._engine

    async def ping(self, timeout: float) -> None:
        """Raise DependencyUnavailable when it does not answer in time.

        While it hangs, callers are refused at once.
        """
        began = time.monotonic()
        task = asyncio.create_task(self._ask())
        task.add_done_callback(_retrieved)
        try:
            # Not asyncio.timeout: closing a connection that hangs takes seconds more.
            done, _ = await asyncio.wait({task}, timeout=timeout)
            if not done:
                raise DependencyUnavailable("database")
            await task
        except DependencyUnavailable:
            # Who refuses at once keeps nobody waiting, and a question that was asked later
            # may have been answered meanwhile.
            now = time.monotonic()
            if now - began >= SLOW_SECONDS and began >= self._answered:
                self._resting_until = now + REST_SECONDS
            raise
        finally:
            task.cancel()
        self._answered, self._resting_until = began, 0.0

    async def _ask(self) -> None:
        """Ask twice: a connection that breaks does not mean that the server is down."""
        try:
            await self._ask_once()
        except DependencyUnavailable:
            await self._ask_once()

    async def _ask_once(self) -> None:
        """The cheapest question, by both ways."""
        with translated():
            await self.reader.ping()
            async with self.engine().connect() as connection:
                await connection.execute(text("SELECT 1"))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Leave a replica alone for a while after it failed."""
        try:
            yield
        except DependencyUnavailable:
            self._resting_until = time.monotonic() + REPLICA_REST_SECONDS
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self.reader.close()
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None


def _statement_caches(settings: PostgresSettings) -> dict[str, object]:
    """No prepared statement is kept where a pooler may change the connection below it."""
    if settings.db_pooler == "none":
        return {}
    return {
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: f"__{secrets.token_hex(8)}__",
    }


class Servers:
    """The primary, its replicas, and who has written lately."""

    def __init__(self, settings: PostgresSettings) -> None:
        self.primary = Server(settings, settings.db_host, settings.db_port)
        self.replicas = tuple(
            Server(settings, host, port) for host, port in settings.replica_addresses
        )
        self._turns = itertools.count()
        self._wrote: dict[int | None, float] = {}

    def note_write(self, community: int | None) -> None:
        """Let a community read what it wrote."""
        if self.replicas:
            if len(self._wrote) >= MAX_WRITERS:
                self._wrote.clear()
            self._wrote[community] = time.monotonic()

    def replica(self, community: int | None) -> Server | None:
        """A replica to read from, the next in turn; None where the primary must answer."""
        able = [each for each in self.replicas if not each.is_resting]
        since = time.monotonic() - OWN_WRITES_SECONDS
        if not able or self._wrote.get(community, 0.0) > since:
            return None
        return able[next(self._turns) % len(able)]

    async def close(self) -> None:
        """Close every connection."""
        for server in (self.primary, *self.replicas):
            await server.close()


def _retrieved(task: asyncio.Task[None]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
