"""Redis, with the commands of one turn of the loop sent in one go, and a short fuse.

Commands issued together travel as one pipeline. When Redis is gone, callers learn it at
once instead of each waiting for a time-out, until it answers the health check again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from flask_core.errors import DependencyUnavailable

if TYPE_CHECKING:
    from flask_core.config import RedisSettings

TIMEOUT_SECONDS = 1.0
# A command that failed keeps the others away for a second, a ping that failed for longer:
# the next ping decides then.
REST_SECONDS = 1.0
PING_REST_SECONDS = 4.0
MAX_FLUSHES = 4
MAX_CONNECTIONS = 64
Pending = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


class RedisX:
    """One module's Redis."""

    def __init__(self, settings: RedisSettings) -> None:
        password = settings.redis_password
        self.client = redis.asyncio.Redis(
            host=settings.redis_host,
            port=settings.redis_port,
            password=password.get_secret_value() if password else None,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # A caller decides what a failure means to it; nobody waits for ten attempts.
            retry=Retry(NoBackoff(), 0),
            max_connections=MAX_CONNECTIONS,
            decode_responses=False,
        )
        self._pending: list[Pending] = []
        self._is_scheduled = False
        self._flushes: set[asyncio.Task[None]] = set()
        self._resting_until = 0.0

    async def do(self, *command: Any) -> Any:
        """Run one command; raises DependencyUnavailable when Redis does not answer."""
        if time.monotonic() < self._resting_until:
            raise DependencyUnavailable("redis")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append((command, future))
        self._schedule()
        return await future

    def _schedule(self) -> None:
        """Send what gathers in this turn of the loop, at most a few times at once."""
        if self._is_scheduled or len(self._flushes) >= MAX_FLUSHES:
            return
        self._is_scheduled = True
        task = asyncio.create_task(self._flush())
        self._flushes.add(task)
        task.add_done_callback(self._flushed)

    def _flushed(self, task: asyncio.Task[None]) -> None:
        """Send what has gathered meanwhile."""
        self._flushes.discard(task)
        if self._pending:
            self._schedule()

    async def _flush(self) -> None:
        """Send what has gathered, and hand out the answers."""
        self._is_scheduled = False
        batch, self._pending = self._pending, []
        answers: list[Any] = [DependencyUnavailable("redis")] * len(batch)
        try:
            answers = await self._send([command for command, _ in batch])
        except (RedisError, OSError, TimeoutError):
            self._rest(REST_SECONDS)
        finally:
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, ResponseError | DependencyUnavailable):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _send(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers to some commands, sent as one pipeline."""
        async with self.client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)

    def _rest(self, seconds: float) -> None:
        """Refuse commands for a while."""
        self._resting_until = max(self._resting_until, time.monotonic() + seconds)

    async def ping(self) -> None:
        """Raise DependencyUnavailable when Redis does not answer."""
        try:
            await self.client.ping()
        except (RedisError, OSError, TimeoutError):
            self._rest(PING_REST_SECONDS)
            raise DependencyUnavailable("redis") from None
        self._resting_until = 0.0

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
