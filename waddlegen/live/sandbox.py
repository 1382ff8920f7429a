"""Run a command that nobody vouches for: limits on it, a deadline, and nothing left of it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY = 4 * 1024**3
FILE_SIZE = 512 * 1024**2
PROCESSES = 200
STOP_SECONDS = 10.0
PAUSE = 0.05


class Overrun(Exception):
    """A command was ended because it went past a limit; the message says which."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it wrote."""

    code: int
    output: str

    @property
    def last_line(self) -> str:
        """The last line with something in it."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "no output"


class Command:
    """A running command; its output goes to a file that can be read meanwhile."""

    def __init__(
        self, words: Sequence[str], folder: Path, variables: Mapping[str, str]
    ) -> None:
        """Start it in a session of its own."""
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            list(words),
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_limit,
        )

    @property
    def output(self) -> str:
        """Everything written so far."""
        return self.output_from(0)

    def output_from(self, start: int) -> str:
        """What was written after a place."""
        size = max(self.written - start, 0)
        data = os.pread(self._log.fileno(), min(size, 4_000_000), start)
        return data.decode(errors="replace")

    @property
    def written(self) -> int:
        """How many bytes were written so far."""
        return os.fstat(self._log.fileno()).st_size

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def members(self) -> list[int]:
        """The process and all that came of it."""
        return [self.process.pid, *descendants(self.process.pid)]

    def check(self) -> None:
        """Raise when it has become too many."""
        count = len(descendants(os.getpid()))
        if count > PROCESSES:
            self.kill()
            raise Overrun(f"it started more than {PROCESSES} processes")

    def wait(self, seconds: float) -> Done:
        """Return when it ends; raises Overrun after the time given."""
        deadline = time.monotonic() + seconds
        while self.is_running:
            self.check()
            if time.monotonic() > deadline:
                self.kill()
                raise Overrun(f"it did not end within {seconds:.0f} s")
            time.sleep(PAUSE)
        return Done(self.process.returncode, self.output)

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Ask it to end; whether it did so in time. It is gone afterwards either way."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.kill()

    def kill(self) -> None:
        """End it and all that came of it, whatever group they have gone to."""
        kill_all(self.process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)


def run(
    words: Sequence[str], folder: Path, variables: Mapping[str, str], seconds: float
) -> Done:
    """Run a command to its end; raises Overrun when it takes too long or too much."""
    command = Command(words, folder, variables)
    try:
        return command.wait(seconds)
    finally:
        command.kill()


def kill_all(first: int) -> None:
    """Kill a process group and everything that descends from its leader."""
    left = [first, *descendants(first)]
    for _ in range(100):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(first, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        left = descendants(first)
        if not left:
            return
        time.sleep(0.01)


def kill_children(spared: Sequence[int] = ()) -> None:
    """Kill whatever this process has below it, orphans that it adopted among them."""
    for _ in range(200):
        reap()
        left = [pid for pid in descendants(os.getpid()) if pid not in spared]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def reap() -> None:
    """Let go of children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def descendants(first: int) -> list[int]:
    """The processes below one, zombies left out."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = list(children.get(first, ()))
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Every process that runs, with its parent."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="latin-1") as file:
                after = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if after[0] != "Z":
            yield int(name), int(after[1])


def _limit() -> None:
    """What the kernel holds a command to; runs in its process before it does."""
    for kind, wanted in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, PROCESSES * 10),
    ):
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))
