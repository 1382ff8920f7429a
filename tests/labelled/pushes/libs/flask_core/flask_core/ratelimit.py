"""Fixed-window limiter in process memory, bounded."""

import time
from collections import OrderedDict
from functools import wraps
from typing import Any, Callable, Tuple

MAX_KEYS = 10_000


class Limiter:
    """Counts hits for a key within a window."""

    def __init__(self, max_requests: int, window: int) -> None:
        self.max_requests = max_requests
        self.window = window
        self._hits: "OrderedDict[str, Tuple[int, int]]" = OrderedDict()

    def allow(self, key: str) -> bool:
        """Count a hit; False when over the limit."""
        slot = int(time.time() // self.window)
        seen_slot, count = self._hits.pop(key, (slot, 0))
        count = count + 1 if seen_slot == slot else 1
        self._hits[key] = (slot, count)
        while len(self._hits) > MAX_KEYS:
            self._hits.popitem(last=False)
        return count <= self.max_requests


def rate_limit(max_requests: int, window: int = 60) -> Callable:
    """Decorator for Quart views; counts by caller address and path."""
    limiter = Limiter(max_requests, window)

    def decorator(view: Callable) -> Callable:
        @wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            from quart import request

            from .api import error_response

            if not limiter.allow(f"{request.remote_addr}|{request.path}"):
                return error_response(429, "rate_limited")
            return await view(*args, **kwargs)

        return wrapper

    return decorator
