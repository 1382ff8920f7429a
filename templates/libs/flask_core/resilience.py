"""Do not wait for ever, and do not hammer what is down."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from flask_core.errors import ApiError, DependencyUnavailable

P = ParamSpec("P")
R = TypeVar("R")


async def within(seconds: float | None, work: Awaitable[R]) -> R:
    """Wait at most so many seconds; raises TimeoutError."""
    if seconds is None:
        return await work
    async with asyncio.timeout(seconds):
        return await work


def time_limit(
    seconds: float,
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Answer 503 when a view takes longer."""

    def decorate(view: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(view)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                async with asyncio.timeout(seconds):
                    return await view(*args, **kwargs)
            except TimeoutError:
                raise ApiError(
                    503,
                    "service_unavailable",
                    "this took too long, try again later",
                    {"Retry-After": "5"},
                ) from None

        return limited

    return decorate


class CircuitBreaker:
    """Stops calling a target after failures in a row; then lets one call probe it."""

    def __init__(
        self, name: str, threshold: int = 5, reset_seconds: float = 30.0
    ) -> None:
        self.name = name
        self.threshold = threshold
        self.reset_seconds = reset_seconds
        self._failures = 0
        self._opened = 0.0
        self._probing = False

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        if self._failures < self.threshold:
            return "closed"
        resting = time.monotonic() - self._opened < self.reset_seconds
        return "open" if resting or self._probing else "half-open"

    async def call(self, function: Callable[[], Awaitable[R]]) -> R:
        """Call the target; raises DependencyUnavailable without calling while open.

        Only DependencyUnavailable counts as a failure: a refusal proves the target alive,
        and a caller that went away proves nothing.
        """
        state = self.state
        if state == "open":
            raise DependencyUnavailable(self.name)
        self._probing = state == "half-open"
        try:
            answer = await function()
        except DependencyUnavailable:
            self._failures += 1
            self._opened = time.monotonic()
            raise
        finally:
            self._probing = False
        self._failures = 0
        return answer
