"""How long a check of a fleet takes, against the tools it stands beside and parsing alone."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Result
from benchmarks.updating import project_of

BIN = Path(sys.executable).parent
ROUNDS = 3
PARSE = """
import ast, pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*.py"):
    ast.parse(path.read_bytes())
"""


def check(folder: Path) -> Iterator[Result]:
    """Cold and warm against black, flake8, mypy, bandit and hadolint; cold against ast.parse."""
    fleet = project_of(folder / "fleet") / "generated"
    for number, path in enumerate(sorted(fleet.rglob("*.py"))):
        # No two files are alike, so that nothing is read once for all of them.
        path.write_text(f"# {number}\n{path.read_text('utf-8')}", "utf-8")
    caches = folder / "caches"
    ours = [str(BIN / "waddlegen"), "check", str(fleet)]
    taken: dict[str, list[float]] = {"cold": [], "warm": [], "tools": [], "parse": []}
    for _ in range(ROUNDS):
        shutil.rmtree(caches, ignore_errors=True)
        taken["cold"].append(_run(ours, fleet, caches))
        taken["warm"].append(_run(ours, fleet, caches))
        parse = [sys.executable, "-c", PARSE, str(fleet)]
        taken["parse"].append(_run(parse, fleet, caches))
        taken["tools"].append(_tools(fleet, caches))
    yield _result("check-cold", taken["cold"], taken["tools"], 1 / 25)
    yield _result("check-warm", taken["warm"], taken["tools"], 1 / 200)
    yield _result("check-vs-parse", taken["cold"], taken["parse"], 3.0)
    # In a run of its own: looking at a process that closely holds it up.
    shutil.rmtree(caches, ignore_errors=True)
    memory = _most_memory(ours, fleet, caches)
    yield Result("check-memory", memory, 1, memory, 150.0, "MB")


def _tools(fleet: Path, caches: Path) -> float:
    """The seconds of the five tools, one after another; mypy keeps what it learns."""
    modules = sorted(path.parent for path in fleet.glob("*/main.py"))
    words: list[tuple[Sequence[str | Path], Path]] = [
        ((BIN / "black", "--check", "--quiet", "."), fleet),
        ((BIN / "flake8", "--max-line-length", "88", "."), fleet),
        *(((BIN / "mypy", "--cache-dir", caches / "mypy", "."), m) for m in modules),
        ((BIN / "bandit", "--quiet", "--recursive", "."), fleet),
        ((BIN / "hadolint", *(m / "Dockerfile" for m in modules)), fleet),
    ]
    return sum(_run([*map(str, each)], where, caches) for each, where in words)


def _started(
    words: Sequence[str], folder: Path, caches: Path
) -> "subprocess.Popen[bytes]":
    """A process; what it finds does not matter here, a tool that is not there does."""
    return subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(caches)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _run(words: Sequence[str], folder: Path, caches: Path) -> float:
    """The seconds of a whole process."""
    start = time.perf_counter()
    _started(words, folder, caches).wait()
    return time.perf_counter() - start


def _most_memory(words: Sequence[str], folder: Path, caches: Path) -> float:
    """The most memory that a process and its children had together, in MB."""
    most = 0.0
    process = _started(words, folder, caches)
    while process.poll() is None:
        most = max(most, _resident(process.pid))
        time.sleep(0.005)
    return most


def _resident(session: int) -> float:
    """The memory of the processes of a session in MB; shared pages are counted once."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text("ascii", "replace").rpartition(")")[2].split()
            if int(fields[3]) != session:
                continue
            text = status.with_name("smaps_rollup").read_text("ascii")
        except (OSError, IndexError):
            continue
        line = next((each for each in text.splitlines() if each.startswith("Pss:")), "")
        total += int(line.split()[1]) if line else 0
    return total / 1024


def _result(
    name: str, ours: Sequence[float], peer: Sequence[float], goal: float
) -> Result:
    """The median over the rounds."""
    return Result(
        name,
        statistics.median(ours),
        statistics.median(peer),
        statistics.median(a / b for a, b in zip(ours, peer, strict=True)),
        goal,
    )
