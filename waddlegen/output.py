"""Say what happened, or would happen: plans, trees and lists as text. Prints nothing itself."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from waddlegen.plan import Action, Change, Plan

_VERB_WIDTH = max(len(action.value) for action in Action)


def plan_lines(
    plan: Plan, folder: PurePosixPath, verbose: bool = False
) -> Iterator[str]:
    """One line a change; a folder that is created as a whole takes one line."""
    changes = [c for c in plan.changes if verbose or c.action is not Action.UNCHANGED]
    if not changes:
        return
    if not verbose and all(change.action is Action.CREATE for change in plan.changes):
        if len(changes) > 12 and str(folder) != ".":
            yield line("create", f"{folder}/", f"{len(changes)} files")
            return
    for change in changes:
        yield line(change.action.value, str(folder / change.path), change.reason)


def line(verb: str, what: str, note: str = "") -> str:
    """A verb, what it is about, and a note where one helps."""
    return f"{verb:<{_VERB_WIDTH}}  {what}" + (f"  ({note})" if note else "")


def diff_lines(plan: Plan, folder: PurePosixPath) -> Iterator[str]:
    """The plan's effect as a unified diff."""
    for change in plan.changes:
        if change.writes or change.action is Action.CONFLICT:
            yield from _diff(change, str(folder / change.path))


def _diff(change: Change, path: str) -> Iterator[str]:
    """One file's difference, from what was found to what is wanted."""
    found = (change.found or "").splitlines(keepends=True)
    wanted = (change.text or "").splitlines(keepends=True)
    before = path if change.found is not None else "/dev/null"
    after = path if change.text is not None else "/dev/null"
    for text in difflib.unified_diff(found, wanted, before, after):
        yield text.rstrip("\n").encode("utf-8", "backslashreplace").decode()


def tree_lines(root: str, paths: Iterable[PurePosixPath]) -> Iterator[str]:
    """A folder drawn as a tree, folders first."""
    yield root
    yield from _branches("", [path.parts for path in paths])


def _branches(indent: str, paths: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The entries of one folder and what is below them."""
    below: dict[str, list[tuple[str, ...]]] = {}
    for head, *rest in paths:
        below.setdefault(head, [])
        if rest:
            below[head].append(tuple(rest))
    names = sorted(below, key=lambda name: (not below[name], name))
    for name in names:
        last = name == names[-1]
        yield f"{indent}{'└── ' if last else '├── '}{name}"
        yield from _branches(indent + ("    " if last else "│   "), below[name])


def table_lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as aligned columns; the first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def relative(path: Path, start: Path) -> PurePosixPath:
    """A path as the user would type it from a folder above it."""
    try:
        return PurePosixPath(path.relative_to(start).as_posix())
    except ValueError:
        return PurePosixPath(path.as_posix())


def shorten(text: str, width: int) -> str:
    """The beginning of a text on one line, with nothing invisible in it."""
    words = " ".join(text.split())
    shown = "".join(c if c.isprintable() else "?" for c in words)
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"
