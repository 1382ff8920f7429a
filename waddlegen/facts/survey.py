"""Which files of a repository say how its modules are built, deployed and watched.

One walk a repository; a file is read when somebody asks, and once.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from waddlegen.facts.yamldocs import Documents, read_documents

R = TypeVar("R")
MAX_FILES = 20_000
MAX_TEXT = 12_000_000

_SKIPPED = frozenset(
    ".git .hg .svn .tox .nox .venv venv env node_modules __pycache__ .mypy_cache "
    ".pytest_cache .ruff_cache site-packages .terraform .idea .vscode .waddlegen "
    ".eggs vendor third_party".split()
)
_DOCKERFILE = re.compile(r"(Dockerfile|Containerfile)([._-].*)?|.*\.[Dd]ockerfile")
_SETTINGS = re.compile(r"\.env(\.[\w-]+)*|[\w.-]+\.env")
_BUILDS = frozenset({"Dockerfile", "Containerfile"})
# Folders whose YAML is data of a test or an example, not what is deployed.
_ASIDE = frozenset({"tests", "test", "fixtures", "testdata", "examples", "example"})


@dataclass(frozen=True)
class Survey:
    """The files of a repository, as paths relative to it with `/` between the parts."""

    root: Path
    yaml: tuple[str, ...] = ()
    dockerfiles: tuple[str, ...] = ()
    dockerignores: tuple[str, ...] = ()
    markdown: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    # Files of variables, `.env` and the like, and what says which files are kept out.
    settings: tuple[str, ...] = ()
    gitignores: tuple[str, ...] = ()
    # The folders that are packages of Python.
    packages: tuple[str, ...] = ()
    _texts: dict[str, bytes] = field(default_factory=dict, compare=False)
    _documents: dict[str, Documents] = field(default_factory=dict, compare=False)
    _homes: dict[str, str] = field(default_factory=dict, compare=False)
    _known: dict[object, Any] = field(default_factory=dict, compare=False)

    def once(self, key: object, work: Callable[[], R]) -> R:
        """What is worked out of the repository, once for all of its modules."""
        if key not in self._known:
            self._known[key] = work()
        found: R = self._known[key]
        return found

    def content(self, path: str) -> bytes:
        """The bytes of a file; none when it cannot be read."""
        if path not in self._texts:
            self._texts[path] = _read(os.path.join(self.root, path))
        return self._texts[path]

    def text(self, path: str) -> str:
        """The text of a file, as far as it is text."""
        return self.content(path).decode("utf-8", "replace")

    def documents(self, path: str) -> Documents:
        """The YAML documents of a file."""
        if path not in self._documents:
            self._documents[path] = read_documents(self.content(path))
        return self._documents[path]

    @cached_property
    def homes(self) -> tuple[str, ...]:
        """The folders that a Dockerfile is in: each is, or may be, a module."""
        return tuple(
            sorted({folder_of(p) for p in self.dockerfiles if _name(p) in _BUILDS})
        )

    def home_of(self, path: str) -> str:
        """The deepest of the homes that a file lies in; "" for none, or for the repository."""
        folder = folder_of(path)
        if folder not in self._homes:
            self._homes[folder] = self._home_of(folder)
        return self._homes[folder]

    def _home_of(self, folder: str) -> str:
        """As above, for a folder."""
        while folder and folder not in self.homes:
            folder = folder_of(folder)
        return folder

    def is_ignored(self, path: str) -> bool:
        """Whether a file of the disk is none of the repository, as .gitignore has it."""
        kept_out = False
        for ignore in self.gitignores:
            folder = folder_of(ignore)
            if not is_inside(path, folder):
                continue
            below = path[len(folder) + 1 :] if folder else path
            for line in self.text(ignore).splitlines():
                pattern = line.strip()
                if pattern and not pattern.startswith("#"):
                    if _matches(below, pattern.lstrip("!")):
                        kept_out = not pattern.startswith("!")
        return kept_out

    @cached_property
    def charted(self) -> tuple[str, ...]:
        """The YAML files that are part of a Helm chart."""
        return tuple(filter(self.in_chart, self.yaml))

    def in_chart(self, path: str) -> bool:
        """Whether a file is part of a Helm chart."""
        return any(is_inside(path, chart) for chart in self.charts)


def folder_of(path: str) -> str:
    """The folder of a file; "" for the repository's own."""
    return path.rpartition("/")[0]


def is_inside(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, at any depth; everything lies in ""."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def _matches(path: str, pattern: str) -> bool:
    """Whether a line of .gitignore, without its `!`, is about a file."""
    plain = pattern.strip("/")
    parts = path.split("/")
    if "/" not in pattern.rstrip("/"):
        return any(fnmatchcase(part, plain) for part in parts)
    starts = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return any(fnmatchcase(start, plain.replace("**/", "*")) for start in starts)


def is_aside(path: str) -> bool:
    """Whether a file is a test's or an example's."""
    return not _ASIDE.isdisjoint(path.split("/")[:-1])


def survey(repository: Path) -> Survey:
    """Walk a repository; links are not followed."""
    found: dict[str, list[str]] = {}
    for path in _files(repository):
        kind = _kind(_name(path))
        if kind:
            found.setdefault(kind, []).append(path)
    return Survey(
        repository,
        tuple(found.get("yaml", ())),
        tuple(found.get("dockerfile", ())),
        tuple(found.get("dockerignore", ())),
        tuple(found.get("markdown", ())),
        tuple(folder_of(p) for p in found.get("yaml", ()) if _name(p) == "Chart.yaml"),
        tuple(found.get("settings", ())),
        tuple(found.get("gitignore", ())),
        tuple(folder_of(path) for path in found.get("package", ())),
    )


def _kind(name: str) -> str:
    """What a file is by its name; "" for what says nothing about deployment."""
    if name.endswith(".dockerignore"):
        return "dockerignore"
    if name.endswith((".yaml", ".yml")):
        return "yaml"
    if name == "__init__.py":
        return "package"
    if name == ".gitignore":
        return "gitignore"
    if _SETTINGS.fullmatch(name):
        return "settings"
    if name.endswith((".md", ".MD")):
        return "markdown"
    return "dockerfile" if _DOCKERFILE.fullmatch(name) else ""


def _files(repository: Path) -> Iterator[str]:
    """The files below a folder, sorted, as far as they are worth looking at."""
    count = 0
    for folder, folders, files in os.walk(repository):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        base = folder.removeprefix(str(repository)).replace(os.sep, "/").strip("/")
        for name in sorted(files):
            count += 1
            if count > MAX_FILES * 10:
                return
            yield f"{base}/{name}" if base else name


def _name(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def _read(path: str) -> bytes:
    """The bytes of a regular file of a size worth reading."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_TEXT:
            return b""
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
