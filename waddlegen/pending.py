"""The files of a module that wait for a decision: conflicts that were written with markers."""

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from waddlegen import disk, parses
from waddlegen.errors import UsageError
from waddlegen.merge import markers

NAME = "conflicts.json"


def read(folder: Path) -> tuple[PurePosixPath, ...]:
    """The files that wait, by path."""
    path = folder / ".waddlegen" / NAME
    if not path.is_file():
        return ()
    try:
        match json.loads(disk.read_text(path)):
            case {"files": list(files)}:
                return tuple(sorted(PurePosixPath(str(file)) for file in files))
    except ValueError:
        pass
    raise UsageError(
        f"{path}: not a list of conflicts; restore it from version control"
    )


def dump(files: Iterable[PurePosixPath]) -> str | None:
    """The list as the text of its file; None when nothing waits."""
    names = sorted(map(str, files))
    return json.dumps({"files": names}, indent=1) + "\n" if names else None


def unsettled(folder: Path) -> tuple[tuple[PurePosixPath, str], ...]:
    """The waiting files that still have markers or do not parse, and why."""
    waiting = read(folder)
    found = disk.read_files(folder, waiting)
    reasons = ((path, _reason(path, found.get(path))) for path in waiting)
    return tuple((path, reason) for path, reason in reasons if reason)


def _reason(path: PurePosixPath, text: str | None) -> str:
    """What a file still wants."""
    if text is None:
        return ""
    if markers(text):
        return "conflict markers"
    return parses.fault(path, text) or ""
