"""Read YAML text into nodes that know their line and column, collecting every fault.

libyaml only scans; what a scalar means is decided here, by the core schema of YAML 1.2
(`no` is text, `0o17` is octal). That reads a spec of 300 lines in 5 ms, where ruamel.yaml
takes 80 to 140, and the events carry the marks that messages need. Nothing recurses, and
what makes YAML dangerous or surprising (aliases, merge keys, tags) is refused, never
expanded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

Loc = tuple[str | int, ...]

MAX_DEPTH = 40
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LINE_BREAK = re.compile(r"\r\n|\n|\r")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    word: word.lower() == "true"
    for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
# Numbers beyond 64 bits fit no column, and most JSON readers round them.
_LARGEST = 2**63 - 1

# Control characters, line breaks that editors and Python count differently, halves of
# surrogate pairs, and byte order marks inside the text.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
# Escapes in double quotes can still spell these, and a carriage return.
_FORBIDDEN_ESCAPED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
)


class Fault(NamedTuple):
    """Something wrong at one place; `loc` leads there through keys and indexes."""

    line: int
    column: int
    loc: Loc
    message: str
    hint: str = ""


@dataclass(slots=True)
class Node:
    """One value of the file and where it stands; lines and columns count from 1."""

    line: int
    column: int
    value: object
    raw: str = ""
    key_at: tuple[int, int] | None = None
    keys: dict[str, Node] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)


class _Unusable:
    """Stands for a key that no value can be kept under."""


@dataclass(slots=True)
class _Open:
    """A list or mapping being read, and the key whose value comes next."""

    node: Node
    key: Node | _Unusable | None = None


class _TooDeep(Exception):
    """The file nests deeper than any spec does."""


def compose(text: str) -> tuple[Node | None, list[Fault]]:
    """Read one document; no node when it is too broken to be looked at any further."""
    faults = list(_forbidden(text))
    if faults:
        return None, faults
    return _Composer(text).compose()


def _forbidden(text: str) -> Iterator[Fault]:
    """Name each character that may not stand in the file, where it first does."""
    seen: set[str] = set()
    for match in _FORBIDDEN.finditer(text):
        if match[0] not in seen:
            seen.add(match[0])
            lines = LINE_BREAK.split(text[: match.start()])
            message = f"the character {_code(match[0])} may not stand in a spec"
            yield Fault(len(lines), len(lines[-1]) + 1, (), message, "remove it")


def _code(character: str) -> str:
    """Name a character by its number."""
    return f"U+{ord(character):04X}"


class _Composer:
    """Turns the events of one text into nodes."""

    def __init__(self, text: str) -> None:
        """Start with nothing read."""
        self.text = text
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.faults: list[Fault] = []

    def compose(self) -> tuple[Node | None, list[Fault]]:
        """Read all events, or up to the first that makes the rest meaningless."""
        documents = 0
        try:
            for event in yaml.parse(self.text, Loader=_LOADER):
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._fault(event, "a second document starts here", _ONE)
                        break
                self._take(event)
        except _TooDeep:
            return None, self.faults
        except yaml.YAMLError as error:
            self.faults.append(_syntax_fault(error, self.text))
            return None, self.faults
        return self.root, self.faults

    def _take(self, event: yaml.Event) -> None:
        """Use one event."""
        match event:
            case yaml.ScalarEvent():
                self._place(self._scalar(event))
            case yaml.AliasEvent():
                self._fault(event, f"aliases such as *{event.anchor}{_REFUSED}", _SPELL)
                self._place(self._node(event, None))
            case yaml.SequenceStartEvent():
                self._start(event, [])
            case yaml.MappingStartEvent():
                self._start(event, {})
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self.open.pop()

    def _start(self, event: yaml.CollectionStartEvent, value: object) -> None:
        """Open a list or a mapping."""
        self._refuse_extras(event)
        node = self._node(event, value)
        self._place(node)
        if len(self.open) == MAX_DEPTH:
            self._fault(event, f"nested more than {MAX_DEPTH} levels deep")
            raise _TooDeep
        self.open.append(_Open(node))

    def _node(self, event: yaml.Event, value: object, raw: str = "") -> Node:
        """Make a node where an event starts."""
        mark = event.start_mark
        assert mark is not None
        return Node(mark.line + 1, mark.column + 1, value, raw)

    def _place(self, node: Node) -> None:
        """Put a node where the innermost open list or mapping wants it."""
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent.node.value, list):
            parent.node.items.append(node)
            parent.node.value.append(node.value)
        elif parent.key is None:
            parent.key = self._key(node, parent.node.keys)
        else:
            self._place_under(parent, parent.key, node)
            parent.key = None

    def _place_under(self, parent: _Open, key: Node | _Unusable, node: Node) -> None:
        """Put a value under its key, unless the key was refused."""
        if isinstance(key, Node) and isinstance(parent.node.value, dict):
            node.key_at = (key.line, key.column)
            parent.node.keys[str(key.value)] = node
            parent.node.value[str(key.value)] = node.value

    def _key(self, node: Node, known: dict[str, Node]) -> Node | _Unusable:
        """Check a key; what follows a bad one is read, but not kept."""
        if not isinstance(node.value, str):
            hint = f'write it in quotes: "{node.raw}"' if node.raw else ""
            self._fault_at(node, (), "a key must be text", hint)
        elif node.value == "<<":
            self._fault_at(node, ("<<",), f"merge keys{_REFUSED}", _SPELL)
        elif node.value in known:
            first = known[node.value].key_at or (0, 0)
            message = f"this key is given twice, first on line {first[0]}"
            self._fault_at(node, (node.value,), message, "keep one of the two")
        else:
            return node
        return _Unusable()

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        """Read a scalar: quoted and block texts are text, a plain one by its looks."""
        self._refuse_extras(event)
        node = self._node(event, event.value, event.value)
        bad = _FORBIDDEN_ESCAPED.search(event.value)
        if bad:
            message = f"the text holds the control character {_code(bad[0])}"
            self._fault_at(node, (), message, "remove it")
            node.value = _FORBIDDEN_ESCAPED.sub("", event.value)
        elif event.implicit[0] and not event.tag:
            node.value = self._plain(node, event.value)
        return node

    def _plain(self, node: Node, text: str) -> object:
        """Decide what a plain scalar is, as the core schema of YAML 1.2 does."""
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _LEADING_ZERO.fullmatch(text):
            hint = f'"{text}" in quotes is text; a number starts with another digit'
            self._fault_at(node, (), f"{_shortened(text)} is ambiguous", hint)
            return 0
        if _INTEGER.fullmatch(text):
            return self._number(node, text, _integer(text))
        if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            return self._number(node, text, _float(text))
        return text

    def _number(self, node: Node, text: str, value: int | float | None) -> int | float:
        """Refuse numbers that are not finite, or too large for a database."""
        if value is None or abs(value) > _LARGEST:
            self._fault_at(node, (), f"{_shortened(text)} is too large a number")
            return 0
        if not math.isfinite(value):
            self._fault_at(node, (), f"{text} is not a number a spec can hold")
            return 0
        return value

    def _refuse_extras(self, event: yaml.NodeEvent) -> None:
        """Refuse anchors and tags."""
        if event.anchor is not None:
            self._fault(event, f"anchors such as &{event.anchor}{_REFUSED}", _SPELL)
        tag = getattr(event, "tag", None)
        if tag is not None:
            hint = "quotes make a value text; nothing else needs a tag"
            self._fault(event, f"tags such as {_tag(tag)}{_REFUSED}", hint)

    def _fault(self, event: yaml.Event, message: str, hint: str = "") -> None:
        """Keep a fault at the start of an event."""
        self._fault_at(self._node(event, None), (), message, hint)

    def _fault_at(self, node: Node, tail: Loc, message: str, hint: str = "") -> None:
        """Keep a fault at a node, found through the open keys."""
        loc = (*self._loc(), *tail)
        self.faults.append(Fault(node.line, node.column, loc, message, hint))

    def _loc(self) -> Loc:
        """The keys and indexes that lead to what is being read."""
        loc: list[str | int] = []
        for part in self.open:
            if isinstance(part.node.value, list):
                loc.append(len(part.node.items))
            elif isinstance(part.key, Node):
                loc.append(str(part.key.value))
        return tuple(loc)


_REFUSED = " are not part of the spec language"
_SPELL = "write the text out in each place"
_ONE = "a spec is one document; remove `---`"


def _integer(text: str) -> int | None:
    """Read a whole number; none when it has more digits than any number needs."""
    if len(text) > 40:
        return None
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(text: str) -> float | None:
    """Read a number with a point or an exponent; none when it overflows."""
    if _NOT_FINITE.fullmatch(text):
        return math.nan if "a" in text.lower() else math.inf
    value = float(text)
    return value if math.isfinite(value) else None


def _tag(tag: str) -> str:
    """Spell a tag as the file does."""
    standard = "tag:yaml.org,2002:"
    return f"!!{tag.removeprefix(standard)}" if tag.startswith(standard) else tag


def _shortened(text: str) -> str:
    """A number as it stands, or its start."""
    return text if len(text) <= 30 else f"{text[:27]}..."


# libyaml's words, and ours: what is wrong, and what to do about it.
_SYNTAX = {
    "mapping values are not allowed": (
        "a `key: value` is not allowed here",
        "put text that holds `: ` in quotes, or see whether the lines line up",
    ),
    "did not find expected key": (
        "the indentation does not fit the lines above",
        "keys of one mapping start in the same column",
    ),
    "did not find expected '-'": (
        "the indentation does not fit the list above",
        "the items of one list start in the same column",
    ),
    "block sequence entries are not allowed": (
        "a list item is not allowed here",
        "start the list on a line of its own",
    ),
    "found unexpected end of stream": (
        "a text in quotes does not end",
        "close the quotes",
    ),
    "found unexpected document indicator": (
        "a text in quotes does not end",
        "close the quotes",
    ),
    "did not find expected ',' or ']'": (
        "a list in [ ] needs a comma or its end here",
        "put text that holds `,`, `[` or `]` in quotes",
    ),
    "did not find expected ',' or '}'": (
        "a mapping in { } needs a comma or its end here",
        "put text that holds `,`, `{` or `}` in quotes",
    ),
    "could not find expected ':'": (
        "a key without a value",
        "write `key: value`",
    ),
    "found character that cannot start any token": (
        "no text may start with this character",
        "put the text in quotes",
    ),
    "did not find expected alphabetic": (
        "no text may start with `&` or `*`",
        "put the text in quotes",
    ),
    "found unknown escape character": (
        "an unknown escape in double quotes",
        "double the backslash, or use single quotes",
    ),
    "did not find expected hexdecimal number": (
        "an escape in double quotes lacks digits",
        "double the backslash, or use single quotes",
    ),
    "found invalid Unicode character escape": (
        "an escape in double quotes is no character",
        "double the backslash, or use single quotes",
    ),
    "did not find expected <document start>": (
        "the file goes on after its end",
        "a spec is one mapping; see whether the lines line up",
    ),
    "did not find expected node content": (
        "a value is missing here",
        "put text that holds `,`, `[`, `]`, `{` or `}` in quotes",
    ),
    "found undefined tag handle": ("tags" + _REFUSED, "put the text in quotes"),
}


def _syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    """Say in our words where and why the text is not YAML."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "not readable")
    lines = LINE_BREAK.split(text)
    line, column = _inside(lines, mark.line if mark else 0, mark.column if mark else 0)
    indentation = re.match(r"[ \t]*", lines[line])
    if indentation and "\t" in indentation[0]:
        tab = indentation[0].index("\t")
        message = "a tab in the indentation"
        return Fault(line + 1, tab + 1, (), message, "indent with spaces")
    for start, (message, hint) in _SYNTAX.items():
        if problem.startswith(start):
            break
    else:
        message, hint = f"this is not YAML: {problem}", ""
    context = getattr(error, "context_mark", None)
    if "quotes does not end" in message and context:
        line, column = _inside(lines, context.line, context.column)
    return Fault(line + 1, column + 1, (), message, hint)


def _inside(lines: list[str], line: int, column: int) -> tuple[int, int]:
    """Move a place behind the end of the text to the end of its last line."""
    last = max((i for i, text in enumerate(lines) if text.strip()), default=0)
    if line > last:
        return last, len(lines[last])
    return line, min(column, len(lines[line]))
