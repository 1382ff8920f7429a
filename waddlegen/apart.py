"""Share work out among processes; each is a fork, and finds what was read so far."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator
from typing import TypeVar

R = TypeVar("R")
POSSIBLE = hasattr(os, "fork")
# No more than a pipe holds: 64 KB on Linux, 16 KB on a Mac.
MOST_TURNS = 4096
_SIZE = 4


def apart(work: Callable[[], R]) -> Callable[[], R]:
    """Start work in a process of its own; what is returned waits for its result.

    What does not come back, for any reason, is worked out here.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        # It ends here in any case: what follows is for the process that goes on.
        with contextlib.suppress(BaseException):
            os.close(reading)
            with open(writing, "wb") as pipe:
                pickle.dump(work(), pipe, pickle.HIGHEST_PROTOCOL)
        os._exit(0)
    os.close(writing)

    def result() -> R:
        with open(reading, "rb") as pipe:
            try:
                found: R = pickle.load(pipe)
            except Exception:  # the end of a process, or anything that unpickling says
                found = work()
        os.waitpid(process, 0)
        return found

    return result


def turns(count: int) -> Iterator[int]:
    """The numbers below a count, at most MOST_TURNS: each once, for whoever asks first."""
    reading, writing = os.pipe()
    os.write(writing, b"".join(n.to_bytes(_SIZE, "big") for n in range(count)))
    os.close(writing)
    return _read(reading)


def _read(descriptor: int) -> Iterator[int]:
    """What is left in a pipe, a number at a time; several processes may be at it."""
    while number := os.read(descriptor, _SIZE):
        yield int.from_bytes(number, "big")
    os.close(descriptor)
