"""Read any YAML text into documents whose every key and value knows its place.

Unlike a spec, a manifest may use all of YAML: several documents, anchors, merge keys.
An alias is the anchored node itself, so that a bomb costs nothing to read; one that
would be large when written out makes the text unusable, as do templates of Helm, with a
reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from waddlegen.findings import Problem

MAX_DEPTH = 80
MAX_BYTES = 12_000_000
MAX_NODES = 1_000_000
# What all aliases of a text may stand for together.
MAX_EXPANDED = 2_000_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# As Kubernetes and Compose read them; a single `y` or `n` stays text in both.
_BOOLEANS = {
    spelling: word in ("true", "yes", "on")
    for word in ("true", "false", "yes", "no", "on", "off")
    for spelling in (word, word.capitalize(), word.upper())
}
_INTEGER = re.compile(r"[-+]?(0x[0-9a-fA-F_]+|0o?[0-7_]+|0b[01_]+|[0-9][0-9_]*)")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
# Characters that libyaml refuses and PyYAML reports without a place worth reading.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_HELM_LINE = re.compile(r"(?m)^[ \t]*\{\{|:[ \t]+\{\{|^[ \t]*-[ \t]+\{\{")
_HELM_WORD = re.compile(
    r"\{\{-?[^}]*(\.Values|\.Release|\.Chart|\.Capabilities|\binclude\s+\"|\btpl\s)"
)

Scalar = str | int | float | bool | None


class Mark(NamedTuple):
    """A place in a text; line and column count from 1."""

    line: int
    column: int


# What all nodes have that hold nothing; most are such.
_NO_KEYS: dict[str, Node] = {}
_NO_MARKS: dict[str, Mark] = {}
_NO_ITEMS: list[Node] = []


class Node:
    """One value: a scalar, a mapping by `keys`, or a list of `items`.

    `spelling` is how a plain scalar that is not text was written, and the tag of a
    collection.
    """

    __slots__ = (
        *("line", "column", "value", "kind", "quoted", "spelling", "exists"),
        *("keys", "items", "key_marks"),
    )

    def __init__(
        self,
        line: int = 0,
        column: int = 0,
        value: Scalar = None,
        kind: str = "scalar",
        quoted: bool = False,
        spelling: str | None = None,
        exists: bool = True,
    ) -> None:
        """Start without children; thousands of nodes are made for every module."""
        self.line = line
        self.column = column
        self.value = value
        self.kind = kind
        self.quoted = quoted
        self.spelling = spelling
        self.exists = exists
        self.keys, self.key_marks, self.items = _NO_KEYS, _NO_MARKS, _NO_ITEMS
        if kind == "mapping":
            self.keys, self.key_marks = {}, {}
        elif kind == "list":
            self.items = []

    def __bool__(self) -> bool:
        """Whether the file has this value at all."""
        return self.exists

    def __getitem__(self, key: str) -> Node:
        """The value under a key; an absent one when there is none."""
        return self.keys.get(key, ABSENT)

    def at(self, *path: str) -> Node:
        """The value under a chain of keys."""
        node = self
        for key in path:
            node = node.keys.get(key, ABSENT)
        return node

    def __iter__(self) -> Iterator[Node]:
        """The items of a list; nothing for anything else."""
        return iter(self.items)

    def __contains__(self, key: str) -> bool:
        """Whether a mapping has a key."""
        return key in self.keys

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return self.kind == "mapping"

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return self.kind == "list"

    @property
    def is_null(self) -> bool:
        """Whether it is absent, or written as null."""
        return not self.exists or (self.kind == "scalar" and self.value is None)

    @property
    def text(self) -> str | None:
        """The value if it is text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def integer(self) -> int | None:
        """The value if it is a whole number; a boolean is none."""
        value = self.value
        whole = isinstance(value, int) and not isinstance(value, bool)
        return value if whole and isinstance(value, int) else None

    @property
    def shown(self) -> str:
        """The value in few words, for messages."""
        if self.kind != "scalar":
            return f"a {self.kind}"
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        text = "null" if self.value is None else str(self.value)
        return text if len(text) <= 60 else f"{text[:57]}..."

    def mark(self, key: str) -> Node:
        """The place of a key, as a node that messages can point at."""
        found = self.key_marks.get(key)
        return Node(found.line, found.column) if found else self

    def texts(self) -> dict[str, str]:
        """The entries of a mapping whose values are text."""
        return {
            key: node.value
            for key, node in self.keys.items()
            if isinstance(node.value, str)
        }

    def walk(self) -> Iterator[Node]:
        """Every node below and this one, each once however many aliases it has."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                if node.keys or node.items:
                    waiting.extend(reversed([*node.keys.values(), *node.items]))


ABSENT = Node(exists=False)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that a mapping has twice; parsers keep the last and say nothing."""

    key: str
    mark: Mark
    first: Mark
    # The keys that lead to the mapping.
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a text was not read, or not to its end."""

    reason: str
    mark: Mark
    is_error: bool = True


@dataclass(frozen=True, slots=True)
class Documents:
    """What a text holds."""

    roots: tuple[Node, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    unread: Unread | None = None


def read_documents(content: str | bytes) -> Documents:
    """Read a text; what cannot be read is told and nothing is raised."""
    text = _decoded(content)
    if isinstance(text, Unread):
        return Documents(unread=text)
    reader = _Reader()
    try:
        events = _LOADER(text)
        while (event := events.get_event()) is not None:
            reader.take(event)
    except _Stop as stop:
        return Documents(unread=stop.unread)
    except yaml.YAMLError as error:
        if _HELM_LINE.search(text):
            return Documents(unread=_helm(text))
        return reader.documents(_syntax(error))
    except (RecursionError, ValueError, MemoryError) as error:
        return reader.documents(Unread(f"not readable: {error}", Mark(1, 1)))
    if reader.templated or ("{{" in text and _HELM_WORD.search(text)):
        return Documents(unread=_helm(text))
    return reader.documents(None)


def _decoded(content: str | bytes) -> str | Unread:
    """The text, unless it is too large or no text."""
    if len(content) > MAX_BYTES:
        return Unread("larger than any manifest", Mark(1, 1), is_error=False)
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return Unread("not UTF-8", Mark(line, 1))
    bad = _UNREADABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        return Unread("a control character, which YAML does not allow", Mark(line, 1))
    # Halves of surrogate pairs cannot be handed to libyaml.
    return text.encode("utf-8", "replace").decode("utf-8").removeprefix("\ufeff")


def _helm(text: str) -> Unread:
    """Say that a text is a template, and where that shows."""
    found = _HELM_LINE.search(text) or _HELM_WORD.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else 1
    return Unread("a Helm template; render it to check it", Mark(line, 1), False)


def _syntax(error: yaml.YAMLError) -> Unread:
    """Say where the text stops being YAML."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "not readable"
    place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
    return Unread(f"not YAML: {problem}", place)


class _Stop(Exception):
    """The text is not worth reading any further."""

    def __init__(self, reason: str, mark: Mark, is_error: bool = True) -> None:
        """Keep what is to be told."""
        super().__init__(reason)
        self.unread = Unread(reason, mark, is_error)


@dataclass(slots=True)
class _Open:
    """A list or mapping being read."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_mark: Mark | None = None
    merges: list[Node] = field(default_factory=list)
    # Inside a key that is no text: what follows is read and not kept.
    skipped: bool = False
    weight: int = 1


class _Reader:
    """Turns events into nodes, without recursion."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self.roots: list[Node] = []
        self.duplicates: list[Duplicate] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0
        self.expanded = 0
        self.templated = False

    def documents(self, unread: Unread | None) -> Documents:
        """What was read so far."""
        return Documents(tuple(self.roots), tuple(self.duplicates), unread)

    def take(self, event: Any) -> None:
        """Use one event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if self._is_key(event):
                return
            node = _scalar(event)
            if event.anchor:
                self.anchors[event.anchor] = (node, 1)
            self._place(node, 1)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end()
        elif kind is yaml.MappingStartEvent:
            self._start(event, "mapping")
        elif kind is yaml.SequenceStartEvent:
            self._start(event, "list")
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self.anchors.clear()

    def _is_key(self, event: Any) -> bool:
        """Keep a scalar as a key, without a node, where a mapping waits for one."""
        parent = self.open[-1] if self.open else None
        if parent is None or parent.key is not None or parent.skipped:
            return False
        # An empty key has a spelling of its own; an anchored one may stand elsewhere.
        if parent.node.kind == "list" or event.anchor or not event.value:
            return False
        self._count(event.start_mark.line + 1)
        parent.weight += 1
        parent.key = event.value
        parent.key_mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        return True

    def _count(self, line: int) -> None:
        """Count a node; what has too many is no manifest."""
        self.count += 1
        if self.count > MAX_NODES:
            raise _Stop("more values than any manifest", Mark(line, 1), False)

    def _start(self, event: Any, kind: str) -> None:
        """Open a list or a mapping."""
        mark = event.start_mark
        node = Node(mark.line + 1, mark.column + 1, kind=kind, spelling=event.tag)
        if len(self.open) >= MAX_DEPTH:
            raise _Stop("nested deeper than any manifest", Mark(node.line, 1))
        self.open.append(_Open(node, event.anchor))

    def _end(self) -> None:
        """Close a list or a mapping and put it where it belongs."""
        done = self.open.pop()
        for merged in done.merges:
            for source in merged.items or [merged]:
                for key, value in source.keys.items():
                    if key not in done.node.keys:
                        done.node.keys[key] = value
                        done.node.key_marks[key] = source.key_marks[key]
        if done.anchor:
            self.anchors[done.anchor] = (done.node, done.weight)
        self._place(done.node, done.weight)

    def _alias(self, event: Any) -> None:
        """Put the anchored node in the alias's place."""
        mark = event.start_mark
        unknown = (Node(mark.line + 1, mark.column + 1), 1)
        node, weight = self.anchors.get(event.anchor or "", unknown)
        self.expanded += weight
        if self.expanded > MAX_EXPANDED:
            raise _Stop("aliases that expand to millions", Mark(mark.line + 1, 1))
        self._place(node, weight)

    def _place(self, node: Node, weight: int) -> None:
        """Put a node where the innermost open list or mapping wants it."""
        self._count(node.line)
        if not self.open:
            self.roots.append(node)
            return
        parent = self.open[-1]
        parent.weight += weight
        if parent.node.kind == "list":
            parent.node.items.append(node)
        elif parent.key is None and not parent.skipped:
            self._key(parent, node)
        else:
            self._value(parent, node)

    def _key(self, parent: _Open, node: Node) -> None:
        """Remember the key that the next node belongs to."""
        if node.kind != "scalar":
            # `{{ name }}` reads as a mapping whose key is a mapping.
            self.templated |= node.kind == "mapping" and not parent.node.spelling
            parent.skipped = True
            return
        parent.key = node.spelling if node.spelling else str(node.value)
        parent.key_mark = Mark(node.line, node.column)

    def _value(self, parent: _Open, node: Node) -> None:
        """Put a value under the key that is open."""
        key, mark = parent.key, parent.key_mark
        parent.key, parent.skipped = None, False
        if key is None or mark is None:
            return
        if key == "<<" and (node.kind != "scalar"):
            parent.merges.append(node)
            return
        first = parent.node.key_marks.get(key)
        if first:
            path = tuple(each.key for each in self.open if each.key)
            self.duplicates.append(Duplicate(key, mark, first, path))
        parent.node.keys[key] = node
        parent.node.key_marks[key] = mark


def _scalar(event: Any) -> Node:
    """Read a scalar: a plain one by its looks, any other as text.

    The spelling of a plain one that is not text is kept: a key is what was written.
    """
    mark = event.start_mark
    text: str = event.value
    line, column = mark.line + 1, mark.column + 1
    if not event.implicit[0] or event.tag not in (None, "!"):
        return Node(line, column, text, quoted=True)
    value = _plain(text)
    spelling = None if isinstance(value, str) else text
    return Node(line, column, value, spelling=spelling)


def _plain(text: str) -> Scalar:
    """Decide what a plain scalar is, as Go's YAML reader does."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] in "0123456789+-." and len(text) < 400:
        return _number(text)
    return text


def _number(text: str) -> Scalar:
    """A number, or the text when it is none."""
    try:
        if _INTEGER.fullmatch(text):
            return _integer(text.replace("_", ""))
        if _FLOAT.fullmatch(text):
            return float(text.replace("_", "").replace(".inf", "inf").lower())
    except ValueError:
        return text
    return text


def _integer(text: str) -> int:
    """A whole number in one of YAML's bases; a leading zero is octal."""
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if digits[:2] in ("0x", "0b", "0o"):
        return sign * int(digits, 0)
    if len(digits) > 1 and digits.startswith("0"):
        return sign * int(digits, 8) if not set(digits) & set("89") else int(text)
    return sign * int(digits)


def problem_at(
    path: str, node: Node, whole: Node, message: str, hint: str = ""
) -> Problem:
    """What is wrong at a value, or at the whole it is missing from."""
    place = node if node.line else whole
    return Problem(path, max(1, place.line), message, max(1, place.column), hint)
