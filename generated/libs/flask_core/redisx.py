"""Redis, with the commands of one turn of the loop sent in one go, and a short fuse.

Commands issued together travel as one pipeline. When Redis is gone, callers learn it at
once instead of each waiting for a time-out, until it answers the health check again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from flask_core.errors import DependencyUnavailable
from flask_core.logging import log_system
from flask_core.resilience import pause

if TYPE_CHECKING:
    from flask_core.config import RedisSettings

TIMEOUT_SECONDS = 2.0
# A command that failed keeps the others away for a second, a ping that failed for longer:
# the next ping decides then.
REST_SECONDS = 1.0
PING_REST_SECONDS = 5.0
MAX_FLUSHES = 4
MAX_CONNECTIONS = 64
Pending = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


async def listen_until(
    stopping: asyncio.Event, name: str, work: Callable[[], Awaitable[None]]
) -> None:
    """Listen, and again after Redis was away, until there is a stop."""
    while not stopping.is_set():
        try:
            await work()
        except (RedisError, OSError, DependencyUnavailable) as error:
            log_system(name, "waiting", reason=type(error).__name__)
            await pause(stopping, 1.0)


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
        self._answered = 0.0

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
        began = time.monotonic()
        try:
            answers = await self._send_live([command for command, _ in batch])
        except (RedisError, OSError, TimeoutError):
            self._rest(REST_SECONDS, began)
        finally:
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, ResponseError | DependencyUnavailable):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _send_live(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """As `_send`, once more where the connection had been closed meanwhile.

        Redis may have executed the commands the first time: each of ours is harmless
        when it is executed twice, or tells.
        """
        try:
            return await self._send(commands)
        except (ConnectionError, redis.exceptions.ConnectionError):
            return await self._send(commands)

    async def _send(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers to some commands, sent as one text over one connection."""
        pool: Any = self.client.connection_pool
        connection = await pool.get_connection()
        try:
            text = b"".join([_packed(command) for command in commands])
            await connection.send_packed_command(text)
            return [await self._answer(connection, each[0]) for each in commands]
        except BaseException:
            # Answers that nobody read would be taken for those of the next commands.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await pool.release(connection)

    async def _answer(self, connection: Any, name: str) -> Any:
        """One answer as redis-py has it; a refusal of one is not one of the others."""
        try:
            answer = await connection.read_response()
        except ResponseError as error:
            return error
        convert = self.client.response_callbacks.get(name)
        return answer if convert is None else convert(answer)

    def _rest(self, seconds: float, began: float) -> None:
        """Refuse commands for a while, unless a later question was answered."""
        if began >= self._answered:
            until = time.monotonic() + seconds
            self._resting_until = max(self._resting_until, until)

    async def ping(self) -> None:
        """Raise DependencyUnavailable when Redis does not answer."""
        began = time.monotonic()
        try:
            await self._send_live([("PING",)])
        except (RedisError, OSError, TimeoutError):
            self._rest(PING_REST_SECONDS, began)
            raise DependencyUnavailable("redis") from None
        self._answered, self._resting_until = began, 0.0

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()


def _packed(command: tuple[Any, ...]) -> bytes:
    """A command as Redis reads it."""
    parts = [b"*%d\r\n" % len(command)]
    for word in command:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)
