"""Remember an answer for as long as no file it depends on changes.

A signature over the names, sizes and times of files stands for their texts, as in git's
index; an answer is not remembered while a file is so young that another change might carry
the same times. Losing the memory costs time and nothing else.
"""

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from waddlegen import cache, project
from waddlegen.project import Project

_SKIPPED = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".venv", ".git"})
_YOUNG_NS = 100_000_000  # file systems keep time in steps of some milliseconds


@dataclass(frozen=True, slots=True)
class Signature:
    """What a project looked like: a hash, and how young its youngest file was."""

    value: str
    is_settled: bool


def signature(project: Project) -> Signature:
    """Sign everything an update or a status depends on, waddlegen itself included."""
    now = time.time_ns()
    package = Path(__file__).parent
    digest = hashlib.sha256(f"{sys.version}\0{project.root}\0".encode())
    youngest = 0
    for folder in (package, project.templates, project.specs, project.fleet):
        digest.update(f"{folder}\0".encode("utf-8", "surrogateescape"))
        for line, changed in _entries(str(folder), ""):
            digest.update(line.encode("utf-8", "surrogateescape"))
            youngest = max(youngest, changed)
    return Signature(digest.hexdigest(), youngest < now - _YOUNG_NS)


def _entries(folder: str, prefix: str) -> Iterator[tuple[str, int]]:
    """A line for each entry below a folder, in a stable order, and when it changed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name in _SKIPPED:
            continue
        name = f"{prefix}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield f"{name}/\0", 0
            yield from _entries(entry.path, name)
            continue
        s = entry.stat(follow_symlinks=False)
        line = f"{name}\0{s.st_mode} {s.st_size} {s.st_mtime_ns} {s.st_ctime_ns} {s.st_ino}\0"
        yield line, max(s.st_mtime_ns, s.st_ctime_ns)


def known(words: Sequence[str]) -> str | None:
    """What a command line answered here, if nothing changed since."""
    found = project.find(Path())
    key = _key(words)
    if key not in _memory(found):
        return None
    return recall(found, words, signature(found))


def _key(words: Sequence[str]) -> str:
    """A command line, and where it was typed: answers name paths from there."""
    return json.dumps([str(Path.cwd()), *words])


def recall(project: Project, words: Sequence[str], now: Signature) -> str | None:
    """The answer to a command line, if nothing changed since it was remembered."""
    match _memory(project).get(_key(words)):
        case {"signature": now.value, "answer": str(answer)}:
            return answer
    return None


def remember(
    project: Project, words: Sequence[str], answer: str, then: Signature
) -> None:
    """Keep an answer; `then` was signed before it was worked out."""
    if not then.is_settled:
        return
    path = _path(project)
    entry = {"signature": then.value, "answer": answer}
    memory = {**_memory(project), _key(words): entry}
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(memory, file)
        os.replace(name, path)


def _path(project: Project) -> Path:
    """Where the answers about a project are."""
    name = hashlib.sha256(os.fsencode(project.root)).hexdigest()[:32]
    return cache.folder("fresh") / f"{name}.json"


def _memory(project: Project) -> dict[str, object]:
    """All answers about a project; none where they cannot be read."""
    try:
        memory = json.loads(_path(project).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}
