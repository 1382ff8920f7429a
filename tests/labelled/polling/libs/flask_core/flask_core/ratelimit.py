"""Fixed-window rate limit, counted in Redis."""

import time
from functools import wraps
from typing import Any, Callable

from quart import current_app, g, request

from .api import fail


def _subject() -> str:
    """Name who is being limited: the key's owner if known, else the peer."""
    caller = getattr(g, "caller", None)
    return caller.name if caller else (request.remote_addr or "unknown")


def rate_limit(max_requests: int, window: int = 60) -> Callable:
    """Allow so many requests a window for each caller and endpoint."""

    def decorator(func: Callable) -> Callable:
        """Wrap the view."""

        @wraps(func)
        async def wrapper(*args: Any, **kwargs: Any):
            """Count, then pass on."""
            redis = current_app.extensions["redis"]
            slot = int(time.time()) // window
            key = f"rl:{request.endpoint}:{_subject()}:{slot}"
            count = await redis.incr(key)
            if count == 1:
                await redis.expire(key, window + 1)
            if count > max_requests:
                return fail(429, "rate_limited")
            return await func(*args, **kwargs)

        return wrapper

    return decorator
