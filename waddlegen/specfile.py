"""Read a spec file, and say everything that is wrong with it at once.

pydantic decides what fits the language and `consistency` what fits together; this file
finds the line and column of every objection.
"""

from __future__ import annotations

import re
import types
import typing
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from waddlegen import consistency
from waddlegen.errors import SpecError
from waddlegen.spec import ModuleSpec
from waddlegen.wording import Objection, listed, say, shown, similar
from waddlegen.yamlnodes import LINE_BREAK, Loc, Node, compose

MAX_BYTES = 1024 * 1024
_WIDEST = 96


@dataclass(frozen=True, slots=True, order=True)
class SpecProblem:
    """One thing wrong with a spec file; line 0 means the file as a whole."""

    path: str
    line: int
    column: int
    field: str
    message: str
    hint: str = ""
    source: str = ""

    def __str__(self) -> str:
        """Render the problem, its source line with a caret, and the hint."""
        where = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        field = f"{self.field}: " if self.field else ""
        lines = [f"{where}: {field}{self.message}"]
        if self.source:
            text, pad = _cut(self.source, self.column)
            lines += [f"{self.line:>5} | {text}", f"{'':>5} | {pad}^"]
        if self.hint:
            lines.append(f"{'':>5} = {self.hint}")
        return "\n".join(lines)


def _cut(source: str, column: int) -> tuple[str, str]:
    """Cut a long line around a column; also the blanks that lead to the column."""
    visible = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in source)
    start = 0
    if len(visible) > _WIDEST:
        start = max(0, min(column - _WIDEST // 2, len(visible) - _WIDEST))
        visible = visible[start : start + _WIDEST]
    return visible.rstrip(), "".join(map(_blank, visible[: column - 1 - start]))


def _blank(character: str) -> str:
    """As much blank as a character is wide in a terminal."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "


def load(path: Path, display: str | None = None) -> ModuleSpec:
    """Read the spec in a file, or raise SpecError with every problem in it."""
    name = display or str(path)
    return _Reading(_read(path, name), name, wanted_id=path.stem).spec()


def parse(text: str, name: str) -> ModuleSpec:
    """Read a spec from a text; `name` stands for the file in messages."""
    return _Reading(text, name).spec()


def _read(path: Path, name: str) -> str:
    """The text of a file, or SpecError when it is not a text of sensible size."""
    try:
        if path.is_dir():
            raise _whole(name, "is a folder, not a spec file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _whole(name, "no such file") from None
    except OSError as error:
        raise _whole(name, f"cannot be read: {error.strerror or error}") from error
    return _decode(content, name)


def _decode(content: bytes, name: str) -> str:
    """Decode UTF-8, or point at the first byte that is not."""
    if len(content) > MAX_BYTES:
        raise _too_large(name)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _whole(name, "is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = LINE_BREAK.split(content[: error.start].decode("utf-8"))
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        line, column = len(before), len(before[-1].removeprefix("\ufeff")) + 1
        hint = "save the file as UTF-8"
        raise SpecError([SpecProblem(name, line, column, "", message, hint)]) from None


def _too_large(name: str) -> SpecError:
    """Refuse a file that cannot be a spec."""
    return _whole(name, "is larger than 1 MiB; a spec is a few hundred lines")


def _whole(name: str, message: str) -> SpecError:
    """Object to a file as a whole."""
    return SpecError([SpecProblem(name, 0, 0, "", message)])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a loc leads: the node, and what the language says about it."""

    node: Node
    line: int
    column: int
    loc: Loc
    part: type[BaseModel] | None = None
    expected: object = None
    key: str | None = None


class _Reading:
    """One text on its way to a spec."""

    def __init__(self, text: str, name: str, wanted_id: str | None = None) -> None:
        """Start with nothing found."""
        self.text = text.removeprefix("\ufeff")
        self.name = name
        self.wanted_id = wanted_id
        self.lines = LINE_BREAK.split(self.text)
        self.root = Node(1, 1, {})
        self.problems: list[SpecProblem] = []
        self.taken: set[tuple[int, int]] = set()

    def spec(self) -> ModuleSpec:
        """Read the spec, or raise everything that is wrong with it."""
        if len(self.text.encode("utf-8", "replace")) > MAX_BYTES:
            raise _too_large(self.name)
        if self._compose():
            self._compare_id()
            spec = self._validate()
            if spec is not None:
                self._check(spec)
            if spec is not None and not self.problems:
                return spec
        raise SpecError(self.problems)

    def _compose(self) -> bool:
        """Read the YAML; whether it is a mapping that is worth a closer look."""
        root, faults = compose(self.text)
        self.root = root or self.root
        for fault in faults:
            self._add(fault.line, fault.column, fault.loc, fault.message, fault.hint)
            self.taken.add((fault.line, fault.column))
        if root is None or not isinstance(root.value, dict):
            if not faults:
                self._not_a_mapping(root)
            return False
        return True

    def _not_a_mapping(self, root: Node | None) -> None:
        """Object to a file that holds no keys."""
        hint = "start with `id: the-module`, `title: ...`, `category: ...`"
        if root is None or root.value is None:
            self._add(1, 1, (), "the file is empty", hint)
        else:
            message = f"a spec is a mapping of keys, not {shown(root.value)}"
            self._add(root.line, root.column, (), message, hint)

    def _compare_id(self) -> None:
        """Object to a file that is not named for its module."""
        node = self.root.keys.get("id")
        if self.wanted_id is None or node is None or node.value == self.wanted_id:
            return
        if isinstance(node.value, str):
            message = f"{shown(node.value)} is not the name of the file"
            hint = f"write id: {self.wanted_id}, or rename the file"
            self._add(node.line, node.column, ("id",), message, hint)

    def _validate(self) -> ModuleSpec | None:
        """Hold the values against the language."""
        try:
            return ModuleSpec.model_validate(self.root.value)
        except ValidationError as error:
            self._object(error.errors(include_url=False, include_input=False))
            return None

    def _object(self, errors: Sequence[ErrorDetails]) -> None:
        """Turn pydantic's errors into problems, one for each place."""
        places: dict[tuple[Loc, str | None], _Place] = {}
        grouped: dict[tuple[Loc, str | None], list[ErrorDetails]] = {}
        for error in filter(lambda error: not _is_echo(error, errors), errors):
            place = _find(self.root, error["loc"])
            places[place.loc, place.key] = place
            grouped.setdefault((place.loc, place.key), []).append(error)
        hints = {at: _unknown_hint(places[at]) for at in _unknown(grouped)}
        meant = {
            (*at[0][:-1], _meant(places[at])) for at in hints if _meant(places[at])
        }
        for at, group in grouped.items():
            place = places[at]
            # "titel" is unknown and "title" is missing: one mistake, one problem.
            if group[0]["type"] == "missing" and place.loc in meant:
                continue
            if (place.line, place.column) in self.taken:
                continue
            message, hint = say(_objection(place, error) for error in group)
            self._add(place.line, place.column, place.loc, message, hints.get(at, hint))

    def _check(self, spec: ModuleSpec) -> None:
        """Hold the parts of the spec against each other."""
        for loc, message in consistency.check(spec):
            place = _find(self.root, loc)
            text, _, hint = message.partition("\n")
            self._add(place.line, place.column, place.loc, text, hint)

    def _add(self, line: int, column: int, loc: Loc, message: str, hint: str) -> None:
        """Keep a problem, with its source line."""
        source = self.lines[line - 1] if line <= len(self.lines) else ""
        field = _field(self.root, loc)
        self.problems.append(
            SpecProblem(self.name, line, column, field, message, hint, source)
        )


def _is_echo(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Whether a list is only called too short because an item of it was refused."""
    loc = error["loc"]
    return error["type"] == "too_short" and any(
        other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc)
        for other in errors
    )


def _unknown(
    grouped: dict[tuple[Loc, str | None], list[ErrorDetails]],
) -> Iterator[tuple[Loc, str | None]]:
    """The places of unknown keys."""
    for at, group in grouped.items():
        if group[0]["type"] == "extra_forbidden":
            yield at


def _objection(place: _Place, error: ErrorDetails) -> Objection:
    """What the wording needs to know about one error of pydantic."""
    node = place.node
    value = place.key if place.key is not None else node.value
    field = place.part.model_fields.get(str(place.loc[-1])) if place.part else None
    description = (field.description if field else "") or ""
    return Objection(
        type=error["type"],
        value=value,
        context=error.get("ctx", {}),
        raw=node.raw,
        choices=_choices(place.expected),
        description=description[:1].lower() + description[1:].rstrip("."),
    )


def _find(root: Node, loc: Sequence[str | int]) -> _Place:
    """Follow a loc through the nodes, beside the language, past pydantic's own tags."""
    node, expected, seen = root, _bare(ModuleSpec), list[str | int]()
    part: type[BaseModel] | None = None
    for step in loc:
        if step == "[key]":
            line, column = node.key_at or (node.line, node.column)
            return _Place(node, line, column, tuple(seen), key=str(seen[-1]))
        if isinstance(expected, tuple):
            expected = _tagged(expected, step)
            continue
        part, inner = _inside(expected, step)
        below = _child(node, step)
        if inner is _LEAF and below is None:
            break
        seen.append(step)
        if below is None:
            return _Place(node, node.line, node.column, tuple(seen), part)
        node, expected = below, inner
        if inner is _LEAF:
            break
    if node.key_at and inner_is_unknown(part, seen):
        line, column = node.key_at
        return _Place(node, line, column, tuple(seen), part)
    at = _tag_node(node) if isinstance(expected, tuple) else node
    return _Place(at, at.line, at.column, tuple(seen), part, expected)


def inner_is_unknown(part: type[BaseModel] | None, seen: Sequence[str | int]) -> bool:
    """Whether the last step is a key its part does not know."""
    return part is not None and bool(seen) and seen[-1] not in part.model_fields


_LEAF = object()


def _child(node: Node, step: str | int) -> Node | None:
    """The node one step further, where there is one."""
    if isinstance(step, int):
        return node.items[step] if step < len(node.items) else None
    return node.keys.get(step)


def _tag_node(node: Node) -> Node:
    """The value of `do`, where a kind of operation is chosen."""
    return node.keys.get("do", node)


def _bare(annotation: object) -> object:
    """A type without its constraints and its None; several parts stay a tuple."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _bare(typing.get_args(annotation)[0])
    if origin in (types.UnionType, typing.Union):
        kept = [_bare(a) for a in typing.get_args(annotation) if a is not type(None)]
        if len(kept) == 1:
            return kept[0]
        return tuple(kept) if all(map(_is_part, kept)) else _LEAF
    return annotation


def _is_part(expected: object) -> bool:
    """Whether a type is a part of the language, with keys of its own."""
    return isinstance(expected, type) and issubclass(expected, BaseModel)


def _inside(expected: object, step: str | int) -> tuple[type[BaseModel] | None, object]:
    """What a step into a type leads to, and the part whose key the step is."""
    if isinstance(expected, type) and issubclass(expected, BaseModel):
        field = expected.model_fields.get(str(step))
        return expected, _bare(field.annotation) if field else None
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is tuple and isinstance(step, int):
        return None, _bare(arguments[0])
    if origin is dict:
        return None, _bare(arguments[1])
    return None, _LEAF


def _tagged(parts: tuple[Any, ...], tag: str | int) -> object:
    """The part that a kind of operation stands for."""
    for part in parts:
        if tag in _choices(_bare(part.model_fields["do"].annotation)):
            return part
    return _LEAF


def _choices(expected: object) -> tuple[str, ...]:
    """The words a value may be one of."""
    if isinstance(expected, type) and issubclass(expected, Enum):
        return tuple(str(member.value) for member in expected)
    if isinstance(expected, tuple):
        kinds = (_bare(part.model_fields["do"].annotation) for part in expected)
        return tuple(word for kind in kinds for word in _choices(kind))
    if typing.get_origin(expected) is Literal:
        return tuple(map(str, typing.get_args(expected)))
    return ()


def _field(root: Node, loc: Loc) -> str:
    """Spell a loc for readers: `features[chat].actions[send].port`."""
    text, node = "", root
    for step in loc:
        below = _child(node, step) if node else None
        text += f"[{_label(below, step)}]" if isinstance(step, int) else f".{step}"
        node = below or Node(0, 0, None)
    return text.removeprefix(".")[:200]


def _label(node: Node | None, index: int) -> str:
    """Name an item of a list by what it calls itself, else by its index."""
    for key in ("id", "name", "event", "module", "table"):
        named = node.keys.get(key) if node else None
        if named and re.fullmatch(r"[\w.-]{1,60}", str(named.value)):
            return str(named.value)
    return str(index)


# Where one part says `id`, another says `name`.
_TWINS = {"name": "id", "id": "name"}


def _meant(place: _Place) -> str | None:
    """The key of the same part that was probably meant by an unknown one."""
    if place.part is None:
        return None
    key, known = str(place.loc[-1]), place.part.model_fields
    near = similar(key, known, 0.8)
    if near is None and key not in _homes():
        near = similar(key, known)
    twin = _TWINS.get(key)
    return near or (twin if twin in known else None)


def _unknown_hint(place: _Place) -> str:
    """Say which key was meant, or where a key of this name belongs."""
    if place.part is None:
        return ""
    key = str(place.loc[-1])
    meant = _meant(place)
    if meant:
        return f'did you mean "{meant}"?'
    homes = _homes().get(key, ())
    below = [home for home in homes if home in place.part.model_fields]
    homes = tuple(below) or homes
    if 0 < len(homes) <= 3:
        return f"`{key}` belongs {listed(map(_at_home, homes))}"
    known = list(place.part.model_fields)
    more = ", ..." if len(known) > 8 else ""
    return f"the keys here are {', '.join(known[:8])}{more}"


def _at_home(home: str) -> str:
    """Spell where a key belongs."""
    return f"under `{home}`" if home else "at the top of the file"


@cache
def _homes() -> dict[str, tuple[str, ...]]:
    """For each key of the language, the keys it can stand under."""
    homes: dict[str, dict[str, None]] = {}
    waiting: list[tuple[str, Any]] = [("", ModuleSpec)]
    seen: set[tuple[str, Any]] = set()
    while waiting:
        home, part = waiting.pop(0)
        if (home, part) in seen:
            continue
        seen.add((home, part))
        for name, field in part.model_fields.items():
            homes.setdefault(name, {})[home] = None
            waiting += [(name, below) for below in _parts(_bare(field.annotation))]
    return {name: tuple(places) for name, places in homes.items()}


def _parts(expected: object) -> tuple[Any, ...]:
    """The parts a type holds."""
    if isinstance(expected, tuple):
        return expected
    if typing.get_origin(expected) is tuple:
        return _parts(_bare(typing.get_args(expected)[0]))
    return (expected,) if _is_part(expected) else ()
