"""Redis, with the commands of one turn of the loop sent in one go, and a short fuse.

Commands issued together travel as one pipeline. When Redis is gone, callers learn it at
once for a second instead of each waiting for a time-out.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import redis.asyncio
from redis.exceptions import RedisError, ResponseError

from flask_core.errors import DependencyUnavailable

if TYPE_CHECKING:
    from flask_core.config import RedisSettings

TIMEOUT_SECONDS = 1.0
REST_SECONDS = 1.0
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
            max_connections=16,
            decode_responses=False,
        )
        self._pending: list[Pending] = []
        self._flushes: set[asyncio.Task[None]] = set()
        self._resting_until = 0.0

    async def do(self, *command: Any) -> Any:
        """Run one command; raises DependencyUnavailable when Redis does not answer."""
        if time.monotonic() < self._resting_until:
            raise DependencyUnavailable("redis")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append((command, future))
        if len(self._pending) == 1:
            task = asyncio.create_task(self._flush())
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)
        return await future

    async def _flush(self) -> None:
        """Send what has gathered, and hand out the answers."""
        batch, self._pending = self._pending, []
        try:
            async with self.client.pipeline(transaction=False) as pipeline:
                for command, _ in batch:
                    pipeline.execute_command(*command)
                answers = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError):
            self._resting_until = time.monotonic() + REST_SECONDS
            answers = [DependencyUnavailable("redis")] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, ResponseError | DependencyUnavailable):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def ping(self) -> None:
        """Raise DependencyUnavailable when Redis does not answer."""
        try:
            await self.client.ping()
        except (RedisError, OSError, TimeoutError):
            raise DependencyUnavailable("redis") from None
        self._resting_until = 0.0

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
