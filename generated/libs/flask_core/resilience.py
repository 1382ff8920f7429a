"""Do not wait for ever, and do not hammer what is down."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from werkzeug.exceptions import RequestTimeout

from flask_core.context import RequestState, request_or_none, request_state
from flask_core.errors import ApiError, DependencyUnavailable

PATIENCE_HEADER = b"x-request-timeout-ms"
P = ParamSpec("P")
R = TypeVar("R")


async def within(seconds: float | None, work: Awaitable[R]) -> R:
    """Wait at most so many seconds; raises TimeoutError."""
    if seconds is None:
        return await work
    async with asyncio.timeout(seconds):
        return await work


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so many seconds, or until there is a stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def time_limit(
    seconds: float,
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Answer 503 when a view takes longer, 408 when it is the body that does not arrive."""

    def decorate(view: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(view)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> R:
            state = request_state()
            state.is_limited = True
            try:
                async with asyncio.timeout(_patience(seconds, state)) as limit:
                    state.deadline = limit.when()
                    return await view(*args, **kwargs)
            except TimeoutError:
                if state.is_reading:
                    raise RequestTimeout() from None
                raise ApiError(
                    503,
                    "service_unavailable",
                    "this took too long, try again later",
                    {"Retry-After": "5"},
                ) from None

        return limited

    return decorate


def _patience(seconds: float, state: RequestState) -> float:
    """How long a view may take: no longer than its caller, a module, will wait."""
    given = state.header(PATIENCE_HEADER) or ""
    if given.isascii() and given.isdigit() and len(given) <= 9:
        return min(seconds, int(given) / 1000)
    return seconds


def seconds_left(seconds: float) -> float:
    """At most so many seconds, and no more than the current request has left."""
    state = request_or_none()
    if state is None or state.deadline is None:
        return seconds
    left = state.deadline - asyncio.get_running_loop().time()
    return max(min(seconds, left), 0.001)


class RetryBudget:
    """Allows retries for a tenth of the calls: a target in trouble is not hammered."""

    def __init__(self, most: float = 10.0, a_call: float = 0.1) -> None:
        self.most, self.a_call = most, a_call
        self._left = most

    def earn(self) -> None:
        """A call is made."""
        self._left = min(self._left + self.a_call, self.most)

    def spend(self) -> bool:
        """Whether there may be a retry."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


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
