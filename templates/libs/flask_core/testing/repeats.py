"""Find the statement that a request executes again and again: an N+1 query."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from flask_core.context import request_or_none
from flask_core.reader import Reader

MOST = 5
_OWN = "SELECT set_config"


class Repeats:
    """How often each request executed each statement."""

    def __init__(self) -> None:
        """Nothing was executed yet."""
        self.counts: Counter[tuple[int, str, str]] = Counter()
        self._requests: dict[int, object] = {}

    def note(self, text: str) -> None:
        """Count a statement for the request it is executed in."""
        state = request_or_none()
        if state is None or text.startswith(_OWN):
            return
        # Kept, so that no later request is taken for this one.
        self._requests[id(state)] = state
        self.counts[id(state), state.path, text] += 1

    def over(self, most: int) -> list[str]:
        """A line for each statement that a request executed more often."""
        return [
            f"{path} executed {count} times: {text}"
            for (_, path, text), count in self.counts.items()
            if count > most
        ]


@contextmanager
def counted(patch: pytest.MonkeyPatch) -> Iterator[Repeats]:
    """Count the statements of sessions, and those of single reads."""
    repeats, together = Repeats(), Reader._together

    def asked(reader: Reader, text: str, arguments: list[Any]) -> asyncio.Future[Any]:
        repeats.note(text)
        return together(reader, text, arguments)

    def executed(_: Any, __: Any, statement: str, *___: Any) -> None:
        repeats.note(statement)

    patch.setattr(Reader, "_together", asked)
    listen: Any = event
    listen.listen(Engine, "before_cursor_execute", executed)
    try:
        yield repeats
    finally:
        listen.remove(Engine, "before_cursor_execute", executed)
