"""A template tree on disk: the files, what copier.yml says of them, and their version."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from waddlegen.errors import UsageError

SUFFIX = ".jinja"
_IGNORED = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".DS_Store"})


@dataclass(frozen=True)
class TemplateTree:
    """One copier template: a folder whose paths mirror what it makes.

    `packed` are the texts of a version that is not on disk any more.
    """

    root: Path
    packed: Mapping[str, str] | None = None

    @cached_property
    def files(self) -> dict[str, str]:
        """Each file of the tree, by its path, `copier.yml` left out."""
        found = {path: text for path, text in self._texts if path != "copier.yml"}
        if not found:
            raise UsageError(f"{self.root}: no templates here")
        return found

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What `copier.yml` says; keys of copier's own begin with `_`."""
        from ruamel.yaml import YAML

        text = dict(self._texts).get("copier.yml")
        return dict(YAML(typ="safe", pure=True).load(text)) if text else {}

    @cached_property
    def seeded(self) -> tuple[str, ...]:
        """Patterns of the files that are written once and then belong to the user."""
        return tuple(self.settings.get("_skip_if_exists", ()))

    @cached_property
    def renamed(self) -> dict[str, str]:
        """The templates that have another path now: the former one to today's."""
        return dict(self.settings.get("_waddlegen_renamed") or {})

    @cached_property
    def version(self) -> str:
        """A hash over every path and text of the tree."""
        digest = hashlib.sha256()
        for path, text in self._texts:
            digest.update(f"{path}\0{len(text)}\0{text}".encode())
        return digest.hexdigest()[:16]

    @cached_property
    def _texts(self) -> tuple[tuple[str, str], ...]:
        """Each file with its text, by path."""
        if self.packed is not None:
            return tuple(sorted(self.packed.items()))
        return tuple(sorted(self._read()))

    @property
    def texts(self) -> dict[str, str]:
        """Everything the version is made of, `copier.yml` too."""
        return dict(self._texts)

    def _read(self) -> Iterator[tuple[str, str]]:
        """Each file below the root with its text, in a stable order."""
        for path in sorted(self.root.rglob("*")):
            relative = path.relative_to(self.root)
            if path.is_file() and not _IGNORED.intersection(relative.parts):
                if path.suffix != ".pyc":
                    yield PurePosixPath(relative).as_posix(), path.read_text("utf-8")
