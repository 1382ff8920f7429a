"""Answers kept for a while: memory, then Redis, then the source.

One caller at a time asks the source; the others wait for its answer. Redis loss falls
through; while the source is down a stale copy is served, marked. What one replica
invalidates every replica forgets. Serves "Caching Strategy".
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ParamSpec

from quart import Response, request

from flask_core.context import current_call, request_or_none, request_state
from flask_core.encoding import encode
from flask_core.errors import DependencyUnavailable, NotFound
from flask_core.metrics import Metrics
from flask_core.redisx import RedisX, listen_until
from flask_core.resources import resources

P = ParamSpec("P")
View = Callable[P, Awaitable[Response]]
Loader = Callable[[], Awaitable[bytes]]
MEMORY_SECONDS = 60.0
REDIS_SECONDS = 300
# That something does not exist is believed for a shorter time.
ABSENT_SECONDS = 10.0
STALE_SECONDS = 600.0
# A reader that began before a write would put the old value back; it is kept from that.
TOMBSTONE_MS = 5_000
MAX_ENTRIES = 10_000
PREFIX, CHANNEL = "waddlebot:cache:", "waddlebot:cache:invalidate"
_ABSENT, _TOMBSTONE = b"\x00absent", b"\x00gone"
_KEEP = """
if redis.call('GET', KEYS[1]) == ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value in memory: fresh for a while, good enough in need for longer."""

    value: bytes
    fresh_until: float
    stale_until: float


class Cache:
    """Bytes by key; a key begins with the community it belongs to."""

    def __init__(self, redis: RedisX | None, metrics: Metrics, enabled: bool) -> None:
        self.redis = redis
        self.metrics = metrics
        self.enabled = enabled
        self._memory: OrderedDict[str, Kept] = OrderedDict()
        self._loading: dict[str, asyncio.Task[bytes]] = {}
        self._generation = 0

    async def get(
        self, key: str, loader: Loader, seconds: float = REDIS_SECONDS
    ) -> bytes:
        """The value of a key, loaded when no layer holds it.

        A loader that raises NotFound is not asked again for a few seconds. Where it
        raises DependencyUnavailable an old value is returned, and the request's answer
        says `cached`.
        """
        if not self.enabled:
            return await loader()
        kept, now = self._memory.get(key), time.monotonic()
        if kept is not None and kept.fresh_until > now:
            self.metrics.cache.labels("memory").inc()
            return _present(kept.value)
        try:
            return _present(await self._loaded(key, loader, seconds))
        except DependencyUnavailable:
            if kept is None or kept.stale_until <= now:
                raise
        self.metrics.cache.labels("stale").inc()
        _mark_stale()
        return _present(kept.value)

    async def _loaded(self, key: str, loader: Loader, seconds: float) -> bytes:
        """What one caller loads for all who ask meanwhile."""
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._load(key, loader, seconds))
            self._loading[key] = task
            task.add_done_callback(functools.partial(self._forget, key))
        return await asyncio.shield(task)

    def _forget(self, key: str, done: asyncio.Task[bytes]) -> None:
        """Drop a finished load; its failure was told to those who waited."""
        if self._loading.get(key) is done:
            del self._loading[key]
        if not done.cancelled():
            done.exception()

    async def _load(self, key: str, loader: Loader, seconds: float) -> bytes:
        """Ask Redis, then the source."""
        generation = self._generation
        value = await self._do("GET", PREFIX + key)
        if value is not None and value != _TOMBSTONE:
            self.metrics.cache.labels("redis").inc()
        else:
            try:
                value = await loader()
            except NotFound:
                value, seconds = _ABSENT, ABSENT_SECONDS
            self.metrics.cache.labels("source").inc()
            ttl = max(round(seconds * 1000 * random.uniform(0.9, 1)), 1)
            await self._do("EVAL", _KEEP, 1, PREFIX + key, value, ttl, _TOMBSTONE)
        if value == _ABSENT:
            seconds = min(seconds, ABSENT_SECONDS)
        # What was invalidated while it was loaded may be the old value.
        if generation == self._generation:
            self._keep(key, value, seconds)
        return bytes(value)

    def _keep(self, key: str, value: bytes, seconds: float) -> None:
        """Remember in memory; the oldest goes where there are too many."""
        now = time.monotonic()
        fresh = min(seconds, MEMORY_SECONDS) * random.uniform(0.9, 1)
        self._memory[key] = Kept(value, now + fresh, now + seconds + STALE_SECONDS)
        self._memory.move_to_end(key)
        while len(self._memory) > MAX_ENTRIES:
            self._memory.popitem(last=False)

    async def _do(self, *command: Any) -> Any:
        """A command of Redis; None where Redis is away."""
        if self.redis is None:
            return None
        try:
            return await self.redis.do(*command)
        except DependencyUnavailable:
            return None

    async def invalidate(self, *keys: str) -> None:
        """Forget keys, here, in Redis, and in the memory of every replica."""
        self._drop(keys)
        for key in keys:
            tombstone = ("SET", PREFIX + key, _TOMBSTONE, "PX", TOMBSTONE_MS)
            await asyncio.gather(
                self._do(*tombstone), self._do("PUBLISH", CHANNEL, key.encode())
            )

    def _drop(self, keys: tuple[str, ...]) -> None:
        """Forget keys in memory, and what is being loaded of them."""
        self._generation += 1
        for key in keys:
            self._memory.pop(key, None)
            self._loading.pop(key, None)

    async def listen(self, stopping: asyncio.Event) -> None:
        """Forget what other replicas invalidate, until stopped.

        Whatever was said while the connection was away is not known: everything is
        forgotten when it is back.
        """
        if self.redis is not None:
            follow = functools.partial(self._follow, self.redis, stopping)
            await listen_until(stopping, "cache", follow)

    async def _follow(self, redis: RedisX, stopping: asyncio.Event) -> None:
        """Follow the channel over one connection."""
        async with redis.client.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            self._drop(tuple(self._memory))
            while not stopping.is_set():
                message = await channel.get_message(
                    ignore_subscribe_messages=True, timeout=0.5
                )
                if message is not None:
                    self._drop((message["data"].decode(),))


def _present(value: bytes) -> bytes:
    """The value; raises NotFound for the note that there is none."""
    if value == _ABSENT:
        raise NotFound()
    return value


def _mark_stale() -> None:
    """Tell the caller that the answer is an old one."""
    state = request_or_none()
    if state is not None:
        state.is_stale = True


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
            if request_state().is_stale:
                body = encode({**json.loads(body), "cached": True})
            return Response(body, content_type="application/json")

        return from_cache

    return decorate
