"""Give the answer of an earlier `waddlegen check` while no file it looked at has changed.

Kept beside the answers of `update` and `status`, under the same kind of signature. What
depends on more than files, as `--since` does on git, is worked out each time.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from waddlegen import cache, fresh

_NEVER = ("--since", "--fix", "--unsafe-fixes", "--diff", "--exact", "--live")
_NEVER_WITH = (*_NEVER, "--baseline", "--write-baseline")
# Beyond these, looking at every file costs more than it is worth.
_MOST_FOLDERS = 8
# How things look where nobody can tell whether they have changed.
UNSIGNED: dict[str, object] = {"signature": ""}


@dataclass(frozen=True, slots=True)
class Recalled:
    """What was printed, and the code it ended with."""

    text: str
    code: int


def known(words: Sequence[str]) -> Recalled | None:
    """What a command line answered here, if nothing changed since."""
    if not _is_plain(words):
        return None
    try:
        entry = json.loads(_path(words).read_text("utf-8"))
        folders = [Path(folder) for folder in entry["folders"]]
        if entry["signature"] == _signature(folders, entry["settings"]).value:
            return Recalled(str(entry["text"]), int(entry["code"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def signed(folders: Iterable[Path], settings: Iterable[Path]) -> dict[str, object]:
    """How some folders and files of settings look, before anything is worked out."""
    roots = sorted({str(folder) for folder in folders})
    files = sorted({str(path) for path in settings})
    now = _signature([Path(root) for root in roots], files)
    usable = now.is_settled and len(roots) <= _MOST_FOLDERS
    value = now.value if usable else ""
    return {"folders": roots, "settings": files, "signature": value}


def remember(
    words: Sequence[str], text: str, code: int, then: dict[str, object]
) -> None:
    """Keep an answer; `then` was signed before it was worked out."""
    if not then["signature"] or not _is_plain(words):
        return
    entry = {**then, "text": text, "code": code}
    with contextlib.suppress(OSError):
        cache.keep(_path(words), json.dumps(entry).encode())


def _is_plain(words: Sequence[str]) -> bool:
    """Whether the answer depends on files alone."""
    return words[:1] == ["check"] and not any(w.startswith(_NEVER_WITH) for w in words)


def _signature(folders: Sequence[Path], settings: Iterable[str]) -> fresh.Signature:
    """The folders, the files of settings, the tools beside this Python, and the day.

    A suppression may expire over night.
    """
    lines = [datetime.date.today().isoformat()]
    for path in (*settings, *(each for each in sys.path if "-packages" in each)):
        with contextlib.suppress(OSError):
            found = os.stat(path)
            lines.append(f"{path} {found.st_size} {found.st_mtime_ns}")
    return fresh.sign(folders, "\n".join(lines))


def _path(words: Sequence[str]) -> Path:
    """Where the answer to a command line typed here is."""
    key = json.dumps([str(Path.cwd()), *words])
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache.folder("checked") / f"{name}.json"
