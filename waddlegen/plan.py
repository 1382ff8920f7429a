"""Decide what to do with each file; never touches the disk.

Three trees go in: the one that is wanted, the one that was found, and the hashes recorded
when waddlegen last wrote. Out comes one change a path.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from waddlegen.lock import Lock, digest
from waddlegen.tree import FileTree


class Ownership(Enum):
    """Who a file belongs to once it is written."""

    MANAGED = "managed"
    SEEDED = "seeded"


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

    @property
    def writes(self) -> bool:
        """Whether the disk changes."""
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
    def writes(self) -> tuple[Change, ...]:
        """The changes that touch the disk."""
        return tuple(change for change in self.changes if change.writes)

    def recorded(self, lock: Lock) -> dict[PurePosixPath, str]:
        """The hashes to record once the plan is carried out.

        A file that was kept, or is in conflict, keeps the hash of what was last written:
        that is the base it is still compared with.
        """
        hashes = dict(lock.files)
        for change in self.changes:
            if change.action is Action.DELETE:
                hashes.pop(change.path, None)
            elif change.wanted is not None and _is_ours(change):
                hashes[change.path] = digest(change.wanted)
        return hashes


def _is_ours(change: Change) -> bool:
    """Whether the file on disk is, after the change, what was wanted."""
    return change.action in (Action.CREATE, Action.UPDATE, Action.UNCHANGED)


def plan(
    wanted: FileTree,
    found: FileTree,
    lock: Lock,
    ownership: Callable[[PurePosixPath], Ownership],
    force: bool = False,
) -> Plan:
    """Compare what is wanted with what is there; `force` lets the wanted text win."""
    changes = [
        _change(path, wanted, found, lock, ownership(path), force)
        for path in sorted({*wanted, *lock.files})
    ]
    return Plan(tuple(changes))


def _change(
    path: PurePosixPath,
    wanted: FileTree,
    found: FileTree,
    lock: Lock,
    ownership: Ownership,
    force: bool,
) -> Change:
    """Decide about one path."""
    want, have = wanted.get(path), found.get(path)
    base = lock.files.get(path)
    action, reason = _decide(want, have, base, ownership)
    if force and action is Action.CONFLICT:
        action, reason = Action.UPDATE, "forced"
    return Change(path, action, ownership, want, have, reason)


def _decide(
    want: str | None, have: str | None, base: str | None, ownership: Ownership
) -> tuple[Action, str]:
    """The decision table, for one file's wanted and found text and its recorded hash."""
    if want is None:
        return _decide_unwanted(have, base, ownership)
    if have is None:
        if ownership is Ownership.SEEDED and base is not None:
            return Action.KEEP, "you deleted it"
        return Action.CREATE, ""
    if have == want:
        return Action.UNCHANGED, ""
    if ownership is Ownership.SEEDED:
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


def merge(plans: Iterable[Plan]) -> Plan:
    """One plan of several folders' changes."""
    return Plan(tuple(change for each in plans for change in each.changes))
