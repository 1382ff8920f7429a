"""Try one module in a process of its own, and bring back what its live rules found."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from waddlegen.findings import Outcome, Problem, Proof, Verdict
from waddlegen.live import isolation, sandbox, workspace
from waddlegen.live.trial import Trial
from waddlegen.live.workspace import Unavailable
from waddlegen.rules.rule import Rule
from waddlegen.source import ModuleSource

SECONDS = 180.0
CLEANING_SECONDS = 20.0
_PARENT_DEATH_SIGNAL = 1

# "Health check endpoint working": nobody can read that in the code.
_SEEN_ALONE = frozenset({"P2"})
Found = tuple[list[tuple[str, Problem]], list[Outcome]]


def probe(source: ModuleSource, rules: Sequence[Rule], seconds: float) -> Found:
    """What the live rules find in a module, and what they saw of each bullet."""
    root = Path(tempfile.mkdtemp(prefix="waddle-live-"))
    try:
        return _in_process(lambda: _tried(source, rules, seconds, root), rules, seconds)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _in_process(
    work: Callable[[], Found], rules: Sequence[Rule], seconds: float
) -> Found:
    """Do the work in a child that owns all that it starts, and end them together."""
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _be_child(work, rules, writing)
    os.close(writing)
    try:
        data = _read(reading, seconds + CLEANING_SECONDS)
    finally:
        os.close(reading)
        _end(pid)
    if data:
        found: Found = pickle.loads(data)
        return found
    return [], not_run(rules, "the run came to no end, and was ended")


def _be_child(work: Callable[[], Found], rules: Sequence[Rule], writing: int) -> None:
    """Work, send the result, and leave without what the parent has registered."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        signal.signal(signal.SIGTERM, _leave)
        isolation.adopt_orphans()
        data = pickle.dumps(_worked(work, rules))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)
        code = 0
    finally:
        with contextlib.suppress(BaseException):
            sandbox.kill_children()
        os._exit(code)


def _worked(work: Callable[[], Found], rules: Sequence[Rule]) -> Found:
    """The result of the work; a failure of ours is why nothing was run."""
    try:
        return work()
    except Exception as error:
        return [], not_run(rules, f"{type(error).__name__}: {error}")


def _leave(number: int, frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that everything is closed on the way."""
    raise KeyboardInterrupt


def _read(descriptor: int, seconds: float) -> bytes:
    """All that comes through a pipe within a time."""
    deadline, parts = time.monotonic() + seconds, []
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        part = os.read(descriptor, 65536)
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def _end(pid: int) -> None:
    """Let the child clean up after itself; make sure that nothing of it stays."""
    if _is_gone(pid, 5.0):
        return
    os.kill(pid, signal.SIGTERM)
    if _is_gone(pid, CLEANING_SECONDS):
        return
    below = sandbox.descendants(pid)
    os.kill(pid, signal.SIGKILL)
    _is_gone(pid, 5.0)
    for each in below:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)


def _is_gone(pid: int, seconds: float) -> bool:
    """Whether a child ends within a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
                continue
        return True
    return False


def _tried(
    source: ModuleSource, rules: Sequence[Rule], seconds: float, root: Path
) -> Found:
    """Run the rules on a trial of the module."""
    deadline = time.monotonic() + seconds
    try:
        interpreter = workspace.interpreter(source, seconds * 0.6)
    except Unavailable as error:
        return [], not_run(rules, str(error))
    isolation.isolate()
    trial = Trial(source, interpreter, root, deadline)
    found: list[tuple[str, Problem]] = []
    with trial.resources:
        source.memory["trial"] = trial
        for rule in rules:
            found += _run(rule, trial)
    return found, trial.outcomes


def _run(rule: Rule, trial: Trial) -> list[tuple[str, Problem]]:
    """What one rule finds; what keeps it from looking is said in its bullet."""
    try:
        return [(rule.code, problem) for problem in rule.check(trial.source)]
    except (Unavailable, sandbox.Overrun) as error:
        trial.outcomes += not_run([rule], str(error))
        return []
    except Exception as error:  # one broken rule must not hide what the others find
        text = f"the rule {rule.code} failed: {type(error).__name__}: {error}"
        return [("", Problem(trial.source.relative or ".", 1, text))]


def not_run(rules: Sequence[Rule], cause: str) -> list[Outcome]:
    """What is said of each bullet whose live rule could not be run."""
    return [
        Outcome(
            rule.checklist,
            Verdict.NOT_RUN,
            (Proof(f"{rule.code} not run: {cause}"),),
            decides=rule.checklist in _SEEN_ALONE,
        )
        for rule in rules
        if rule.checklist
    ]
