"""Decide what to do with each file; never touches the disk.

Three trees go in: the one that is wanted, the one that was found, and the hashes recorded
when waddlegen last wrote. Out comes one change a path.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import PurePosixPath

from waddlegen.lock import Lock, digest
from waddlegen.merge import merge
from waddlegen.tree import FileTree


class Ownership(Enum):
    """Who a file belongs to once it is written."""

    MANAGED = "managed"
    SEEDED = "seeded"
    OWNED = "owned"  # managed once; the user took it over


class Action(Enum):
    """What happens to one file; the value is the verb that is printed."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    KEEP = "keep"
    DELETE = "delete"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Change:
    """One path and what happens to it; `reason` says why where the verb does not."""

    path: PurePosixPath
    action: Action
    ownership: Ownership = Ownership.MANAGED
    wanted: str | None = None
    found: str | None = None
    reason: str = ""
    merged: str | None = None

    @property
    def text(self) -> str | None:
        """What is written: the wanted text, with the user's edits merged in."""
        return self.wanted if self.merged is None else self.merged

    @property
    def writes(self) -> bool:
        """Whether the disk changes."""
        if self.action is Action.CONFLICT:
            return self.merged is not None
        return self.action in (Action.CREATE, Action.UPDATE, Action.DELETE)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes of one folder, by path; printing it is `--dry-run`."""

    changes: tuple[Change, ...]

    @property
    def conflicts(self) -> tuple[Change, ...]:
        """The files that neither side may win by itself."""
        return tuple(c for c in self.changes if c.action is Action.CONFLICT)

    @property
    def blocked(self) -> tuple[Change, ...]:
        """The conflicts without a common base: nothing can be written but one side."""
        return tuple(c for c in self.conflicts if not c.writes)

    @property
    def marked(self) -> tuple[Change, ...]:
        """The conflicts that are written with both sides between markers."""
        return tuple(c for c in self.conflicts if c.writes)

    @property
    def writes(self) -> tuple[Change, ...]:
        """The changes that touch the disk."""
        return tuple(change for change in self.changes if change.writes)

    def recorded(self, lock: Lock) -> dict[PurePosixPath, str]:
        """The hashes to record once the plan is carried out.

        A file with edits of the user's records the text that was rendered, which is the
        base of the next merge. What was kept or blocked keeps the hash it had.
        """
        hashes = dict(lock.files)
        for change in self.changes:
            if change.action is Action.DELETE:
                hashes.pop(change.path, None)
            elif change.wanted is not None and _is_rendered(change):
                hashes[change.path] = digest(change.wanted)
        return hashes


def _is_rendered(change: Change) -> bool:
    """Whether what is on disk after the change follows from what was wanted."""
    if change.ownership is Ownership.OWNED:
        return change.action is not Action.KEEP or change.found is not None
    return change.writes or change.action is Action.UNCHANGED


def _unknown(path: PurePosixPath) -> str | None:
    """The base of a merge where none is known."""
    return None


def plan(
    wanted: FileTree,
    found: FileTree,
    lock: Lock,
    ownership: Callable[[PurePosixPath], Ownership],
    force: bool = False,
    base: Callable[[PurePosixPath], str | None] = _unknown,
    restore: bool = False,
) -> Plan:
    """Compare what is wanted with what is there.

    `base` gives the text that was rendered last; `force` lets the wanted text win, and
    `restore` brings back files that were deleted.
    """
    changes = []
    for path in sorted({*wanted, *lock.files}):
        change = _change(path, wanted, found, lock, ownership(path))
        if change.action is Action.CONFLICT:
            change = _forced(change) if force else _merged(change, lock, base)
        elif restore and change.reason == _DELETED:
            change = replace(change, action=Action.CREATE, reason="restored")
        changes.append(change)
    return Plan(tuple(changes))


_DELETED = "you deleted it"


def _forced(change: Change) -> Change:
    """The wanted text in the place of the user's."""
    return replace(change, action=Action.UPDATE, reason="forced")


def _merged(
    change: Change, lock: Lock, base: Callable[[PurePosixPath], str | None]
) -> Change:
    """A conflict settled by a three-way merge, as far as that goes."""
    path, wanted, found = change.path, change.wanted, change.found
    if path not in lock.files or wanted is None or found is None:
        return change
    origin = base(path)
    if origin is None or digest(origin) != lock.files[path]:
        return replace(change, reason=f"{change.reason}; its base is not known")
    result = merge(origin, found, wanted, path)
    if result.conflicts:
        return replace(change, merged=result.text, reason=_counted(result.conflicts))
    return replace(
        change,
        action=Action.UPDATE,
        merged=result.text,
        reason="merged with your edits",
    )


def _counted(conflicts: int) -> str:
    """How many places a person has to look at."""
    return "1 place" if conflicts == 1 else f"{conflicts} places"


def _change(
    path: PurePosixPath,
    wanted: FileTree,
    found: FileTree,
    lock: Lock,
    ownership: Ownership,
) -> Change:
    """Decide about one path."""
    want, have = wanted.get(path), found.get(path)
    if str(path) in lock.owned and ownership is Ownership.MANAGED:
        ownership = Ownership.OWNED
    action, reason = _decide(want, have, lock.files.get(path), ownership)
    return Change(path, action, ownership, want, have, reason)


def _decide(
    want: str | None, have: str | None, base: str | None, ownership: Ownership
) -> tuple[Action, str]:
    """The decision table, for one file's wanted and found text and its recorded hash."""
    if want is None:
        return _decide_unwanted(have, base, ownership)
    if have is None:
        if base is not None:
            return Action.KEEP, _DELETED
        return Action.CREATE, ""
    if have == want:
        return Action.UNCHANGED, ""
    if ownership is not Ownership.MANAGED:
        return Action.KEEP, "yours"
    if base is None:
        return Action.CONFLICT, "not written by waddlegen"
    if digest(have) == base:
        return Action.UPDATE, ""
    if digest(want) == base:
        return Action.KEEP, "edited"
    return Action.CONFLICT, "edited, and its template or spec changed"


def _decide_unwanted(
    have: str | None, base: str | None, ownership: Ownership
) -> tuple[Action, str]:
    """The decision about a file that was written once and is wanted no more."""
    if have is None:
        return Action.DELETE, "already gone"
    if ownership is Ownership.MANAGED and digest(have) == base:
        return Action.DELETE, ""
    return Action.KEEP, "no longer rendered; delete it when you need it no more"


def combined(plans: Iterable[Plan]) -> Plan:
    """One plan of several folders' changes."""
    return Plan(tuple(change for each in plans for change in each.changes))
