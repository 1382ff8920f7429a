"""What waddlegen wrote last into a folder: a hash a file, the template's version, the spec.

Stored as `.waddlegen/lock.json`: sorted, one line a file and no timestamps, so that its
diffs stay small.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from waddlegen.errors import UsageError

PATH = PurePosixPath(".waddlegen/lock.json")


def digest(text: str) -> str:
    """The hash of a text, as the lock records it."""
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.sha256(data).hexdigest()[:32]


@dataclass(frozen=True)
class Lock:
    """The record of one rendering; `files` maps a path to the hash of what was rendered.

    `owned` are managed files the user took over, `migrations` the changes between template
    versions that were carried out, `conflicts` the files that wait for a decision.
    """

    template_version: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[PurePosixPath, str] = field(default_factory=dict)
    owned: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    conflicts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """The lock as the text of its file."""
        record: dict[str, object] = {
            "files": {str(path): self.files[path] for path in sorted(self.files)},
            "spec": self.spec,
            "template_version": self.template_version,
        }
        if self.owned:
            record["owned"] = sorted(self.owned)
        if self.migrations:
            record["migrations"] = sorted(self.migrations)
        if self.conflicts:
            record["conflicts"] = dict(self.conflicts)
        return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def parse(text: str, name: str) -> Lock:
    """Read a lock back; raises UsageError when it is not one."""
    try:
        match json.loads(text):
            case {
                "files": dict(files),
                "spec": dict(spec),
                "template_version": str(v),
                **more,
            }:
                hashes = {PurePosixPath(path): str(files[path]) for path in files}
                return Lock(
                    v,
                    spec,
                    hashes,
                    tuple(map(str, _list(more.get("owned")))),
                    tuple(map(str, _list(more.get("migrations")))),
                    {str(p): str(side) for p, side in _pairs(more.get("conflicts"))},
                )
    except ValueError:
        pass
    raise UsageError(
        f"{name}: not a lock that waddlegen wrote; restore it from version control,"
        " or delete it to have every file treated as yours"
    )


def _list(value: object) -> list[object]:
    """A list of the lock; one that is not there is empty."""
    return value if isinstance(value, list) else []


def _pairs(value: object) -> Iterable[tuple[object, object]]:
    """The pairs of a mapping of the lock; one that is not there is empty."""
    return value.items() if isinstance(value, dict) else ()
