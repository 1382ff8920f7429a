"""How often one caller may call: a fixed window, counted in Redis for all replicas.

When Redis is gone each replica counts for itself: a chat bot that answers nobody is worse
than one that allows a few requests too many for a minute. Where each call costs money the
spec says `on_failure: refuse` instead. Serves "Rate Limiting".
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import Literal, ParamSpec

from quart import Response

from flask_core.context import current_call, request_state
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.redisx import RedisX
from flask_core.resources import resources

P = ParamSpec("P")
View = Callable[P, Awaitable[Response]]
_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {n, redis.call('PTTL', KEYS[1])}
"""
MAX_LOCAL_KEYS = 10_000
OnFailure = Literal["local", "refuse"]


class Limiter:
    """Counts hits of a key within a window."""

    def __init__(self, redis: RedisX | None) -> None:
        self.redis = redis
        self._local: dict[str, tuple[int, float]] = {}

    async def hit(
        self, key: str, window: int, on_failure: OnFailure = "local"
    ) -> tuple[int, float]:
        """Count one more; returns the count and the seconds left of the window.

        Raises DependencyUnavailable where `on_failure` says so and Redis is gone.
        """
        if self.redis is not None:
            try:
                name = f"waddlebot:rate:{key}"
                count, left = await self.redis.do(
                    "EVAL", _COUNT, 1, name, window * 1000
                )
                return int(count), max(int(left), 0) / 1000
            except DependencyUnavailable:
                if on_failure == "refuse":
                    raise
        return self._hit_local(key, window)

    def _hit_local(self, key: str, window: int) -> tuple[int, float]:
        """Count in this replica's memory."""
        now = time.monotonic()
        count, end = self._local.get(key, (0, 0.0))
        if end <= now:
            count, end = 0, now + window
            if len(self._local) >= MAX_LOCAL_KEYS:
                self._local.clear()
        self._local[key] = (count + 1, end)
        return count + 1, end - now


def rate_limit(
    max_requests: int = 100, window: int = 60, on_failure: OnFailure = "local"
) -> Callable[[View[P]], View[P]]:
    """Refuse with 429 and Retry-After what is over the limit of this caller and route.

    A caller is a key within a community, or an address where the route is public. While
    Redis is gone each replica counts for itself, or, with `on_failure="refuse"`, answers 503.
    """

    def decorate(view: View[P]) -> View[P]:
        name = f"{view.__module__}.{view.__name__}"

        @functools.wraps(view)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> Response:
            state = request_state()
            key = f"{name}:{_caller()}"
            count, left = await resources().limiter.hit(key, window, on_failure)
            state.answer_headers += (
                (b"x-ratelimit-limit", limit),
                (b"x-ratelimit-remaining", b"%d" % max(max_requests - count, 0)),
                (b"x-ratelimit-reset", b"%d" % round(left)),
            )
            if count > max_requests:
                wait = {"Retry-After": str(max(round(left), 1))}
                message = f"more than {max_requests} requests in {window} seconds"
                raise ApiError(429, "rate_limited", message, wait)
            return await view(*args, **kwargs)

        return limited

    limit = b"%d" % max_requests
    return decorate


def _caller() -> str:
    """Whom the limit is for."""
    call = current_call()
    if call.community_id is None:
        return f"{call.principal.key_id}:{request_state().client}"
    return f"{call.principal.key_id}:{call.community_id}"
