"""Time as a test says: frozen, and moved on without waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from flask_core import apikeys, cache, ratelimit, resilience


class Clock:
    """The time that flask_core sees; PostgreSQL and Redis go by their own."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        """Frozen where the traveller is."""
        self._traveller = traveller
        self._passed = 0.0

    @property
    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def shift(self, seconds: float) -> None:
        """Let so many seconds pass: for keys, tokens, webhooks, caches and limits."""
        self._traveller.shift(timedelta(seconds=seconds))
        self._passed += seconds

    def monotonic(self) -> float:
        """The time by which caches and limits go."""
        return time.monotonic() + self._passed

    def __getattr__(self, name: str) -> Any:
        """Everything else of the module `time`."""
        return getattr(time, name)


@contextmanager
def frozen(patch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Stop the time of day; the event loop goes on by its own clock."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        clock = Clock(traveller)
        for module in (apikeys, cache, ratelimit, resilience):
            patch.setattr(module, "time", clock)
        yield clock
