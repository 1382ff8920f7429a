"""What ruff says of a module's format and lint.

One call each for all modules of a run, made while the rules are loaded and the files read;
a module that ruff does not get through with the others has calls of its own.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from waddlegen import discover

if TYPE_CHECKING:
    from waddlegen.source import ModuleSource

TIMEOUT = 120
# Command lines end somewhere; larger runs judge each module by itself.
_MOST_FILES = 4000
# Of both calls together as many as there are processors; the rest of a run needs them too.
_THREADS = str(max(1, (os.cpu_count() or 1) // 2))
_FORMAT = ("format", "--check", "--isolated", "--no-cache", "--line-length")
_CHECK = (
    *("check", "--isolated", "--no-cache", "--exit-zero", "--select", "E,F,W"),
    *("--output-format", "json"),
)
_BLACK = r"\[tool\.black\][^\[]*?"
_LEFT = r"skip[-_]string[-_]normalization\s*=\s*(true|false)"
_UNFORMATTED = re.compile(
    r"^(?:Would reformat: (.+)|\s*--> (.+?):\d+:\d+|(.+?):\d+:\d+: unformatted.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Lint:
    """One finding of the linter."""

    path: Path
    line: int
    column: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What ruff says of some files."""

    unformatted: tuple[Path, ...]
    lint: tuple[Lint, ...]


@functools.cache
def tool(name: str) -> str:
    """The path of a tool: beside this Python, else on the path; empty when it is nowhere."""
    beside = Path(sysconfig.get_path("scripts")) / name
    if beside.is_file():
        return str(beside)
    return shutil.which(name) or ""


def start(places: Iterable[discover.Place]) -> None:
    """Have ruff look at the modules that it does not look at yet."""
    groups: dict[tuple[Path, _Settings], list[Path]] = {}
    for place in places:
        if place.folder not in _started:
            settings = _settings(place.repository, place.folder)
            groups.setdefault((place.repository, settings), []).append(place.folder)
    for (repository, settings), folders in groups.items():
        files = [path for folder in folders for path in _python(folder)]
        if files and len(files) <= _MOST_FILES and tool("ruff"):
            # What cannot be started together is tried one by one.
            with contextlib.suppress(OSError):
                run = _Run(repository, settings, files)
                _started.update({folder: run for folder in folders})


@contextlib.contextmanager
def together(places: Iterable[discover.Place]) -> Iterator[None]:
    """Have ruff look at all of these modules while their facts are collected."""
    start(places)
    try:
        yield
    finally:
        for run in _started.values():
            run.end()
        _started.clear()


def wait() -> None:
    """Read what was said, before the processes that will ask for it are made."""
    for run in _started.values():
        _ = run.judged


def judged(module: ModuleSource, written: Sequence[str]) -> Judged | None:
    """What ruff says of the files of a module that were written by hand; None without it."""
    if judged not in module.memory:
        module.memory[judged] = _judged(module, written)
    found = module.memory[judged]
    return found if isinstance(found, Judged) else None


def _judged(module: ModuleSource, written: Sequence[str]) -> Judged | None:
    """As above, asked for once."""
    if not tool("ruff"):
        return None
    # What is on the disk may change between two looks at a module.
    run = _started.pop(module.folder, None)
    found = run.judged if run else None
    if found is None:
        try:
            settings = _settings(module.repository, module.folder)
            alone = _Run(module.folder, settings, written)
        except OSError:  # more files than a command line takes
            return None
        found = alone.judged
        alone.end()
    if found is None:
        return None
    known = {module.folder / inside for inside in written}
    return Judged(
        tuple(path for path in found.unformatted if path in known),
        tuple(each for each in found.lint if each.path in known),
    )


class _Settings(NamedTuple):
    """The line length and quotes chosen for black, and what flake8 is told."""

    length: str
    columns: str
    ignored: str
    quotes: str


def _settings(repository: Path, folder: Path) -> _Settings:
    """What a module, or else its repository, tells black and flake8."""
    length, quotes = "88", "double"
    for path in (repository / "pyproject.toml", folder / "pyproject.toml"):
        text = _text(path)
        match = re.search(_BLACK + r"line[-_]length\s*=\s*(\d+)", text)
        length = match[1] if match else length
        match = re.search(_BLACK + _LEFT, text)
        if match:
            quotes = "preserve" if match[1] == "true" else "double"
    names = (".flake8", "setup.cfg", "tox.ini")
    text = next((each for each in (_text(folder / name) for name in names) if each), "")
    shared = (_text(repository / name) for name in names)
    said = next((each for each in (text, *shared) if "[flake8]" in each), "")
    columns = re.search(r"\[flake8\][^\[]*?max[-_]line[-_]length\s*=\s*(\d+)", said)
    ignored = "E203,E501" if "E501" in text else "E203"
    return _Settings(length, columns[1] if columns else "88", ignored, quotes)


def _text(path: Path) -> str:
    """The text of a file of settings; empty when there is none worth reading."""
    size = discover.size_of(path)
    if size is not None and size <= discover.LARGEST:
        with contextlib.suppress(OSError):
            return path.read_bytes().decode("utf-8", "replace")
    return ""


def _python(folder: Path) -> Iterator[str]:
    """The Python files of a module that are worth reading."""
    for inside in islice(discover.files(folder), discover.MOST_FILES):
        if inside.endswith(".py"):
            path = os.path.join(folder, inside)
            size = discover.size_of(path)
            if size is not None and size <= discover.LARGEST:
                yield path


class _Run:
    """Both calls for some files, at the same time."""

    def __init__(self, folder: Path, settings: _Settings, files: Sequence[str]) -> None:
        """Start them."""
        self.folder = folder
        self.calls: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        wanted = ("--line-length", settings.columns, "--ignore", settings.ignored)
        quotes = f'format.quote-style="{settings.quotes}"'
        formatted = (*_FORMAT, settings.length, "--config", quotes)
        for words in (formatted, (*_CHECK, *wanted)):
            said = tempfile.TemporaryFile()
            process = subprocess.Popen(
                [tool("ruff"), *words, "--", *files],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "RAYON_NUM_THREADS": _THREADS},
            )
            self.calls.append((process, said))

    @cached_property
    def judged(self) -> Judged | None:
        """What was said; None when ruff did not get through."""
        texts = []
        for process, said in self.calls:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TIMEOUT)
            # 1 is for what is found, 2 for a file that cannot be read, beside the others.
            if process.returncode not in (0, 1, 2):
                return None
            said.seek(0)
            texts.append(said.read().decode("utf-8", "replace"))
        try:
            rows = json.loads(texts[1] or "[]")
        except ValueError:
            return None
        unformatted = [
            Path(os.path.join(self.folder, next(name for name in match if name)))
            for match in _UNFORMATTED.findall(texts[0])
        ]
        lint = [
            Lint(
                Path(os.path.join(self.folder, row["filename"])),
                row["location"]["row"],
                row["location"]["column"],
                row["code"],
                row["message"],
            )
            for row in rows
            if re.match(r"[EFW]\d", row.get("code") or "")
        ]
        return Judged(tuple(unformatted), tuple(lint))

    def end(self) -> None:
        """Leave nothing behind."""
        for process, said in self.calls:
            if process.poll() is None:
                process.kill()
                process.wait()
            said.close()


_started: dict[Path, _Run] = {}
