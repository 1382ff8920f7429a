"""Remember an answer for as long as no file it depends on changes.

A signature over the names, sizes and times of files stands for their texts, as in git's
index; an answer is not remembered while a file is so young that another change might carry
the same times. Losing the memory costs time and nothing else.
"""

import contextlib
import functools
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from waddlegen import cache, project
from waddlegen.project import Project

_SKIPPED = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".venv", ".git"})
_NEVER_SETTLED = 2**63
_YOUNG_NS = 100_000_000  # file systems keep time in steps of some milliseconds


@dataclass(frozen=True, slots=True)
class Signature:
    """What a project looked like: a hash, and how young its youngest file was."""

    value: str
    is_settled: bool


def signature(project: Project) -> Signature:
    """Sign everything an update or a status depends on, waddlegen itself included."""
    folders = (project.templates, project.specs, project.fleet)
    return sign(folders, f"{project.root}")


def sign(folders: Iterable[Path], seed: str) -> Signature:
    """Sign what lies in some folders, and waddlegen itself."""
    now = time.time_ns()
    digest = hashlib.sha256(f"{sys.version}\0{seed}\0".encode())
    youngest = 0
    for folder in (Path(__file__).parent, *folders):
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
    except OSError:
        return
    for entry in entries:
        if entry.name in _SKIPPED:
            continue
        name = f"{prefix}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield f"{name}/\0", 0
            yield from _entries(entry.path, name)
            continue
        if entry.is_symlink() and entry.is_dir():
            yield f"{name}@\0", _NEVER_SETTLED  # what it leads to is not signed
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
    entry = {"signature": then.value, "answer": answer}
    _write(project, {**_memory(project), _key(words): entry})


def _write(project: Project, memory: Mapping[str, object]) -> None:
    """Write the memory as a whole; a cache that is closed is no reason to fail."""
    path = _path(project)
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(memory, file)
        os.replace(name, path)


_RENDERED = "rendered"


def proof(lock: str, seeds: Mapping[str, str]) -> str:
    """What stands for: this waddlegen wrote this lock, from these seeds."""
    digest = hashlib.sha256(_engine().encode("utf-8", "surrogateescape"))
    for text in (lock, *(part for pair in sorted(seeds.items()) for part in pair)):
        digest.update(f"{len(text)}\0{text}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


@functools.cache
def _engine() -> str:
    """Everything of waddlegen that decides what a template renders to."""
    lines = (line for line, _ in _entries(str(Path(__file__).parent), ""))
    return sys.version + "".join(lines)


def rendered(project: Project) -> dict[str, str]:
    """The proofs that were noted, by the name of a module's folder."""
    known = _memory(project).get(_RENDERED)
    return known if isinstance(known, dict) else {}


def note(project: Project, proofs: Mapping[str, str]) -> None:
    """Keep proofs beside those of other modules."""
    known = rendered(project)
    if any(known.get(name) != proof for name, proof in proofs.items()):
        _write(project, {**_memory(project), _RENDERED: {**known, **proofs}})


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
