"""Answers kept for a while: memory, then Redis, then the source.

One caller at a time asks the source; the others wait for its answer. Redis loss falls
through. Serves "Caching Strategy".
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec

from quart import Response, request

from flask_core.context import current_call
from flask_core.errors import DependencyUnavailable
from flask_core.metrics import Metrics
from flask_core.redisx import RedisX
from flask_core.resources import resources

P = ParamSpec("P")
View = Callable[P, Awaitable[Response]]
Loader = Callable[[], Awaitable[bytes]]
MEMORY_SECONDS = 60.0
REDIS_SECONDS = 300
MAX_ENTRIES = 10_000


class Cache:
    """Bytes by key; a key begins with the community it belongs to."""

    def __init__(self, redis: RedisX | None, metrics: Metrics, enabled: bool) -> None:
        self.redis = redis
        self.metrics = metrics
        self.enabled = enabled
        self._memory: dict[str, tuple[float, bytes]] = {}
        self._loading: dict[str, asyncio.Task[bytes]] = {}

    async def get(
        self, key: str, loader: Loader, seconds: float = REDIS_SECONDS
    ) -> bytes:
        """The value of a key, loaded when no layer holds it."""
        if not self.enabled:
            return await loader()
        kept = self._memory.get(key)
        if kept and kept[0] > time.monotonic():
            self.metrics.cache.labels("memory").inc()
            return kept[1]
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._load(key, loader, seconds))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: str, done: asyncio.Task[bytes]) -> None:
        """Drop a finished load; its failure was told to those who waited."""
        self._loading.pop(key, None)
        if not done.cancelled():
            done.exception()

    async def _load(self, key: str, loader: Loader, seconds: float) -> bytes:
        """Ask Redis, then the source."""
        value = await self._read_redis(key)
        if value is None:
            value = await loader()
            self.metrics.cache.labels("source").inc()
            await self._write_redis(key, value, seconds)
        else:
            self.metrics.cache.labels("redis").inc()
        if len(self._memory) >= MAX_ENTRIES:
            self._memory.clear()
        until = time.monotonic() + min(seconds, MEMORY_SECONDS) * random.uniform(0.9, 1)
        self._memory[key] = (until, value)
        return value

    async def _read_redis(self, key: str) -> bytes | None:
        """What Redis holds, or None."""
        if self.redis is None:
            return None
        try:
            value: bytes | None = await self.redis.do("GET", f"waddlebot:cache:{key}")
            return value
        except DependencyUnavailable:
            return None

    async def _write_redis(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value in Redis, with a little jitter."""
        if self.redis is None:
            return
        ttl = max(round(seconds * 1000 * random.uniform(0.9, 1)), 1)
        try:
            await self.redis.do("SET", f"waddlebot:cache:{key}", value, "PX", ttl)
        except DependencyUnavailable:
            return

    async def invalidate(self, *keys: str) -> None:
        """Forget keys, here and in Redis."""
        for key in keys:
            self._memory.pop(key, None)
        if self.redis is not None and keys:
            try:
                await self.redis.do("DEL", *(f"waddlebot:cache:{key}" for key in keys))
            except DependencyUnavailable:
                return


def cached(seconds: int) -> Callable[[View[P]], View[P]]:
    """Serve an answer again for a while, to the same community and the same question."""

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        async def from_cache(*args: P.args, **kwargs: P.kwargs) -> Response:
            async def load() -> bytes:
                answer = await view(*args, **kwargs)
                return await answer.get_data(as_text=False)

            call = current_call()
            question = f"{request.path}?{sorted(request.args.items(multi=True))}"
            digest = hashlib.sha256(question.encode()).hexdigest()[:32]
            key = f"{resources().config.module_id}:{call.community_id}:{digest}"
            body = await resources().cache.get(key, load, seconds)
            return Response(body, content_type="application/json")

        return from_cache

    return decorate
