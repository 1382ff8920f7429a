"""Merge the user's text and the template's, each a change of the same base; pure.

Two changes of neighbouring lines are both taken; changes of the same lines are a conflict,
unless both sides only add entries to a list. A result that no longer parses is a conflict
too, so a merge never turns a working file into a broken one.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from waddlegen import listed, parses

_OPENING = re.compile(r"(<{7,}) yours")
_MARKER = re.compile(r"(?m)^(?:<{7,} yours|>{7,} template)\r?$")
Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged text; with conflicts, both sides of each stand in it between markers."""

    text: str
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class Edit:
    """The lines one side put in the place of the base's lines from `start` to `end`."""

    start: int
    end: int
    lines: Lines


def merge(base: str, found: str, wanted: str, path: PurePosixPath) -> Merged:
    """Carry the change from base to wanted into the text that was found."""
    if "\r\n" in found and "\r\n" not in base + wanted:
        base, wanted = (text.replace("\n", "\r\n") for text in (base, wanted))
    if found in (base, wanted) or base == wanted:
        return Merged(wanted if found == base else found)
    merged = _merge_lines(_split(base), _split(found), _split(wanted), path)
    if merged.conflicts or parses.fault(path, merged.text) is None:
        return merged
    if parses.fault(path, found) is not None:
        return merged  # it did not parse before either; that is the user's to mend
    return Merged(_marked(_split(found), _split(wanted), _ending(found)), 1)


def markers(text: str) -> bool:
    """Whether one of our conflict markers stands in a text."""
    return _MARKER.search(text) is not None


def resolved(text: str, template: bool) -> str:
    """The text with one side of each conflict, the template's or yours."""
    lines = _split(text)
    kept: list[str] = []
    between = closing = ""
    inside = side = False
    for line in lines:
        bare = line.rstrip("\r\n")
        opening = None if inside else _OPENING.fullmatch(bare)
        if opening is not None:
            width = len(opening[1])
            between, closing = "=" * width, ">" * width + " template"
            inside, side = True, False
        elif inside and bare == between and not side:
            side = True
        elif inside and bare == closing:
            inside = False
        elif not inside or side is template:
            kept.append(line)
    return "".join(kept)


def _split(text: str) -> Lines:
    """The lines of a text with their ends, split at line feeds alone."""
    parts = text.split("\n")
    lines = [part + "\n" for part in parts[:-1]]
    return (*lines, parts[-1]) if parts[-1] else tuple(lines)


def _ending(text: str) -> str:
    """How the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def edits(base: Sequence[str], other: Sequence[str]) -> tuple[Edit, ...]:
    """What one side changed, in the order of the base."""
    head = 0
    while head < min(len(base), len(other)) and base[head] == other[head]:
        head += 1
    tail = 0
    most = min(len(base), len(other)) - head
    while tail < most and base[-1 - tail] == other[-1 - tail]:
        tail += 1
    inner, changed = base[head : len(base) - tail], other[head : len(other) - tail]
    matcher = difflib.SequenceMatcher(None, inner, changed, autojunk=False)
    return tuple(
        edit
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
        for edit in _single(Edit(head + i1, head + i2, tuple(changed[j1:j2])))
    )


def _single(edit: Edit) -> Iterator[Edit]:
    """An edit line by line, where as many lines came as went."""
    if len(edit.lines) != edit.end - edit.start:
        yield edit
        return
    for place, text in enumerate(edit.lines, start=edit.start):
        yield Edit(place, place + 1, (text,))


def _merge_lines(
    base: Lines, found: Lines, wanted: Lines, path: PurePosixPath
) -> Merged:
    """Merge line by line."""
    text: list[str] = []
    position = conflicts = 0
    ending = _ending("".join(found))
    for yours, template in _groups(edits(base, found), edits(base, wanted)):
        start = min(edit.start for edit in (*yours, *template))
        end = max(edit.end for edit in (*yours, *template))
        text += base[position:start]
        position = end
        chosen = _choose(base, start, end, yours, template, path)
        if chosen is None:
            conflicts += 1
            mine, theirs = (_applied(base, start, end, e) for e in (yours, template))
            chosen = tuple(_marked(mine, theirs, ending).splitlines(keepends=True))
        _append(text, chosen, ending)
    _append(text, base[position:], ending)
    return Merged("".join(text), conflicts)


def _append(text: list[str], lines: Sequence[str], ending: str) -> None:
    """Add lines after a text whose last line may want its end."""
    if lines and text and not text[-1].endswith("\n"):
        text[-1] += ending
    text += lines


def _groups(
    yours: Sequence[Edit], template: Sequence[Edit]
) -> Iterator[tuple[list[Edit], list[Edit]]]:
    """The edits in order, those of the two sides that touch the same lines together."""
    waiting = sorted(
        [(edit.start, edit.end, 0, edit) for edit in yours]
        + [(edit.start, edit.end, 1, edit) for edit in template],
        key=lambda each: each[:3],
    )
    group: tuple[list[Edit], list[Edit]] = ([], [])
    for _, _, side, edit in waiting:
        if any(group) and not any(_touch(edit, o) for part in group for o in part):
            yield group
            group = ([], [])
        group[side].append(edit)
    if any(group):
        yield group


def _touch(one: Edit, other: Edit) -> bool:
    """Whether two edits are about the same lines, or add at the same place."""
    if one.start == one.end and other.start == other.end:
        return one.start == other.start
    return one.start < other.end and other.start < one.end


def _choose(
    base: Lines,
    start: int,
    end: int,
    yours: list[Edit],
    template: list[Edit],
    path: PurePosixPath,
) -> Lines | None:
    """The lines of one group, or None when only a person can tell."""
    if not template:
        return _applied(base, start, end, yours)
    mine, theirs = (_applied(base, start, end, side) for side in (yours, template))
    if not yours or mine == theirs:
        return theirs
    if any(edit.start != edit.end for edit in (*yours, *template)):
        return None
    return listed.both(theirs, mine, path)


def _applied(base: Lines, start: int, end: int, side: Sequence[Edit]) -> Lines:
    """The base's lines from start to end with one side's edits."""
    lines: list[str] = []
    position = start
    for edit in side:
        lines += [*base[position : edit.start], *edit.lines]
        position = edit.end
    return (*lines, *base[position:end])


def _marked(mine: Sequence[str], theirs: Sequence[str], ending: str) -> str:
    """Both sides between markers; what they begin and end with alike stands outside."""
    head = tail = 0
    while head < min(len(mine), len(theirs)) and mine[head] == theirs[head]:
        head += 1
    most = min(len(mine), len(theirs)) - head
    while tail < most and mine[-1 - tail] == theirs[-1 - tail]:
        tail += 1
    text: list[str] = list(mine[:head])
    width = _width((*mine, *theirs))
    for marker, lines in (
        ("<" * width + " yours", mine[head : len(mine) - tail]),
        ("=" * width, theirs[head : len(theirs) - tail]),
        (">" * width + " template", mine[len(mine) - tail :]),
    ):
        _append(text, (marker + ending,), ending)
        text += lines
    return "".join(text)


def _width(lines: Sequence[str]) -> int:
    """How long markers are that no line could be mistaken for; seven, as a rule."""
    runs = (len(line) - len(line.lstrip(line[0])) for line in lines if line[0] in "<=>")
    return max([6, *(run for run in runs if run > 6)]) + 1
