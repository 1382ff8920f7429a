"""Find the modules below a path; knows folders, never what is in a module."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKIPPED = frozenset(
    ".git .hg .svn node_modules .venv venv env __pycache__ site-packages dist build .tox .nox "
    ".mypy_cache .pytest_cache .ruff_cache .hypothesis .idea .vscode .waddlegen htmlcov "
    ".eggs vendor .terraform coverage".split()
)
# Folders of a repository that hold no modules of their own.
_NO_MODULES = frozenset(
    "tests test docs doc libs lib scripts k8s kubernetes helm deploy .github benchmarks "
    "templates examples fixtures migrations".split()
)
# What is larger, or comes after so many files, is not read.
LARGEST = 2_000_000
MOST_FILES = 20_000
_DEPTH = 8
_ENTRIES = ("main.py", "app.py", "server.py", "wsgi.py", "asgi.py", "run.py")
_MARKS = ("Dockerfile", "requirements.txt", "pyproject.toml", "config.py")


@dataclass(frozen=True, slots=True)
class Place:
    """A module's folder, the repository around it, and the language it is written in."""

    folder: Path
    repository: Path
    language: str = "python"


def places(path: Path) -> tuple[Place, ...]:
    """The modules at or below a path; the path itself when nothing looks like one."""
    start = path.resolve()
    if start.is_file():
        start = start.parent
    root = repository_of(start)
    found = tuple(_search(start, root, 0, set()))
    return found or (Place(start, root, language_of(start) or "python"),)


def _search(
    folder: Path, root: Path, depth: int, seen: set[tuple[int, int]]
) -> Iterator[Place]:
    """Walk down to the modules; a loop of links is entered once."""
    try:
        status = folder.stat()
    except OSError:
        return
    identity = (status.st_dev, status.st_ino)
    if identity in seen or depth > _DEPTH:
        return
    seen.add(identity)
    language = language_of(folder)
    if language:
        yield Place(folder, root, language)
        return
    for name in _folders(folder):
        if name not in _NO_MODULES:
            yield from _search(folder / name, root, depth + 1, seen)


def _folders(folder: Path) -> list[str]:
    """The folders directly below one, sorted; those of tools left out."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.is_dir() and entry.name not in SKIPPED
            )
    except OSError:
        return []


def files(folder: Path) -> Iterator[str]:
    """Every file below a folder, relative to it, in a stable order; links are not followed."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        prefix = base.removeprefix(str(folder)).replace(os.sep, "/").strip("/")
        prefix = f"{prefix}/" if prefix else ""
        yield from (prefix + name for name in sorted(names))


def size_of(path: str | Path) -> int | None:
    """How large a regular file is; None for anything else, and for what is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def language_of(folder: Path) -> str:
    """The language of the module in a folder; empty when it is no module."""
    try:
        names = set(os.listdir(folder))
    except OSError:
        return ""
    if names & set(_ENTRIES) and (names & set(_MARKS) or _serves(folder, names)):
        return "python"
    if "Dockerfile" in names and any(name.endswith(".py") for name in names):
        return "python"
    if "go.mod" in names:
        return "go"
    if "package.json" in names and "Dockerfile" in names:
        return "node"
    if "Dockerfile" in names and "Cargo.toml" in names:
        return "rust"
    inner = [name for name in ("src", "app") if name in names]
    if "Dockerfile" in names and inner:
        for name in inner:
            below = [
                folder / name,
                *(folder / name / each for each in _folders(folder / name)),
            ]
            if any(p.endswith(".py") for each in below for p in _names(each)):
                return "python"
    if "Dockerfile" in names and not (folder / "libs" / "flask_core").is_dir():
        return "python" if _has_package(folder) else ""
    return ""


def _has_package(folder: Path) -> bool:
    """Whether a folder has a package below it, and nothing there that is built by itself."""
    found = [folder / name for name in _folders(folder) if name not in _NO_MODULES]
    if any("Dockerfile" in _names(each) for each in found):
        return False
    packages = [each for each in found if "__init__.py" in _names(each)]
    below = (each / name for each in packages for name in _folders(each))
    return bool(packages) and not any("Dockerfile" in _names(each) for each in below)


def _names(folder: Path) -> list[str]:
    """The names in a folder."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _serves(folder: Path, names: set[str]) -> bool:
    """Whether an entry point makes a web application."""
    for name in _ENTRIES:
        if name in names:
            try:
                with open(folder / name, "rb") as file:
                    head = file.read(20_000)
            except OSError:
                continue
            if any(mark in head for mark in (b"Quart(", b"Flask(", b"create_app")):
                return True
    return False


def repository_of(folder: Path) -> Path:
    """The repository around a folder: where .git or libs/flask_core is, else the folder."""
    for each in (folder, *list(folder.parents)[:8]):
        if (each / "libs" / "flask_core").is_dir() or (each / ".git").exists():
            return each
        if each.parent == each:
            break
    return folder
