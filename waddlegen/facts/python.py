"""What rules may know of one Python file: plain values, with no syntax tree behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Value(NamedTuple):
    """An expression, summarised: its kind, its text, and the dotted names inside it.

    Kinds: str, num, bool, none, name, call, await, fstring, concat, format, dict, list,
    subscript, other. `statuses` are the numbers 100 to 599 written in it.
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()


NOTHING = Value("other", "")


@dataclass(slots=True)
class Call:
    """One call as it is written; `name` is dotted, `dal.select` or `db().select`."""

    name: str
    line: int
    column: int
    args: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    star: bool = False
    double_star: bool = False
    awaited: bool = False
    bare: bool = False
    loop: Loop | None = None
    handler: Handler | None = None
    guarded: tuple[str, ...] = ()
    end_line: int = 0
    target: str = ""
    last: str = ""
    # What is spread into its keywords: the `details` of `**details`.
    spread: tuple[Value, ...] = ()
    # What is done at once with its result: tested, compared, looked into, gone through, or
    # the name of a function that is given it.
    use: str = ""

    @property
    def receiver(self) -> str:
        """The name without its last part."""
        return self.name.rpartition(".")[0]

    def argument(self, position: int, name: str) -> Value | None:
        """An argument by its place or its name."""
        if name in self.keywords:
            return self.keywords[name]
        return self.args[position] if position < len(self.args) else None


@dataclass(slots=True)
class Loop:
    """A loop and what it goes over."""

    line: int
    over: Value
    target: str
    kind: str = "for"


@dataclass(slots=True)
class Handler:
    """An `except` clause and what it does with the error."""

    line: int
    types: tuple[str, ...]
    name: str
    does: str  # pass, return, log, raise, other
    returns: Value | None = None
    logs: bool = False
    raises: bool = False
    last_line: int = 0
    body_calls: tuple[str, ...] = ()
    result_line: int = 0
    # Whether what it returns holds a False or a None.
    declines: bool = False
    # Whether all it does is to log for nobody: at the level of debugging.
    whispers: bool = False

    @property
    def broad(self) -> bool:
        """Whether it catches whatever may happen."""
        return not self.types or bool(
            {"Exception", "BaseException"} & {t.rpartition(".")[2] for t in self.types}
        )


@dataclass(slots=True)
class Return:
    """One `return`, or `assert`; `handler` is the clause it stands in.

    `perhaps` is what only some status of an answer leads to; `swallowed` is the line of the
    clause that catches a failed assertion and goes on.
    """

    line: int
    value: Value
    handler: Handler | None = None
    strings: tuple[str, ...] = ()
    perhaps: bool = False
    swallowed: int = 0


@dataclass(slots=True)
class Compare:
    """One comparison by `==` or `!=`, or one look-up by `in`."""

    line: int
    column: int
    left: Value
    right: Value


@dataclass(slots=True)
class Assign:
    """A value given to a name, an attribute or a key; `targets` are dotted."""

    line: int
    target: str
    value: Value
    column: int = 1
    augmented: bool = False
    annotation: str = ""
    fallback: str = ""
    # What stands between the brackets of the annotation.
    of: str = ""
    # The names inside the key, when a key is given the value.
    keys: tuple[str, ...] = ()


@dataclass(slots=True)
class Parameter:
    """One parameter of a function."""

    name: str
    kind: str  # positional, keyword, star, double_star
    annotation: str = ""
    default: Value | None = None
    # Whether it can be given by its place alone, so that its name is free for others.
    by_place: bool = False


@dataclass(slots=True)
class BodyRead:
    """A request's body being read: into which name, and what is checked of it."""

    line: int
    source: str  # json, form, args, data
    name: str = ""
    none_checked: bool = False
    used_line: int = 0
    validated: str = ""  # schema, manual, presence or nothing
    typed: bool = False
    evidence: int = 0
    silent: bool = False
    # Whether something asked if it, or a part of it, is there.
    asked: bool = False
    # Keys that are taken of it with nothing asking whether they are there, and where.
    unasked: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class FailOpen:
    """A check that lets the caller in when its secret is missing, or when it fails."""

    line: int
    name: str
    why: str


class Exempt(NamedTuple):
    """Requests that a hook lets on, by endpoint, view, path, method, blueprint or prefix.

    `others` when it lets on all but these. `name` is what holds the entries, if not the test.
    """

    line: int
    by: str
    entries: tuple[tuple[int, str], ...]
    name: str = ""
    others: bool = False


@dataclass(frozen=True, slots=True)
class SqlPart:
    """A part of an SQL text that is not constant, and where it comes from."""

    name: str
    origin: str  # parameter, request, keys, keywords, made, attribute, field
    line: int


@dataclass(slots=True)
class Sql:
    """SQL text handed to a database."""

    line: int
    call: str
    text: str
    parts: tuple[SqlPart, ...] = ()
    end_line: int = 0
    # The names of which its parameters are worked out.
    worked_out: tuple[str, ...] = ()
    # Where its text begins.
    written: int = 0


@dataclass(slots=True, eq=False)
class Function:
    """One function, method or the file itself (`<module>`)."""

    name: str
    qualname: str
    line: int
    end_line: int
    first_line: int
    is_async: bool = False
    cls: str = ""
    parent: int = -1
    nested: bool = False
    documented: bool = True
    overload: bool = False
    parameters: tuple[Parameter, ...] = ()
    returns_annotation: str = ""
    decorators: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    raises: list[Return] = field(default_factory=list)
    compares: list[Compare] = field(default_factory=list)
    # What is looked for in something that has a name, or in a text: `key in KEYS`.
    lookups: list[Compare] = field(default_factory=list)
    assigns: list[Assign] = field(default_factory=list)
    entries: list[Assign] = field(default_factory=list)
    # Choices that end with a constant, given to a keyword or under a key.
    choices: list[Assign] = field(default_factory=list)
    # The keys of mappings: the line a mapping begins in, the key, and the line of that.
    keys: list[tuple[int, str, int]] = field(default_factory=list)
    # The entries of mappings that are names or made by classes: objects under a key.
    holds: list[Assign] = field(default_factory=list)
    # What mappings give as `timeout`; `target` is the line that the mapping begins in.
    timeouts: list[Assign] = field(default_factory=list)
    handlers: list[Handler] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    asserts: list[Return] = field(default_factory=list)
    bodies: list[BodyRead] = field(default_factory=list)
    # What may be a body that another function has read: `source` is what that is called.
    borrowed: list[BodyRead] = field(default_factory=list)
    fails_open: list[FailOpen] = field(default_factory=list)
    exempt: list[Exempt] = field(default_factory=list)
    sql: list[Sql] = field(default_factory=list)
    # Parts of SQL that are put together here and handed to a database elsewhere.
    fragments: list[Sql] = field(default_factory=list)
    # The texts of somebody that HTML in an f-string shows unescaped: line and name.
    markup: list[tuple[int, str]] = field(default_factory=list)
    # Parameters that are answered as they came, whatever was asked about them.
    passes: tuple[str, ...] = ()
    headers: list[tuple[str, int]] = field(default_factory=list)
    environ: list[tuple[str, int]] = field(default_factory=list)
    # What is looked up under a key in capitals, or under a name (after a NUL).
    keyed: list[tuple[str, str, int]] = field(default_factory=list)
    tested: set[str] = field(default_factory=set)
    # The lines on which tests begin.
    asks: set[int] = field(default_factory=set)
    # Names whose truth is asked as they are, compared with nothing.
    truths: set[str] = field(default_factory=set)
    trivial: bool = False
    yields: bool = False
    globals: tuple[str, ...] = ()
    # Names that are awaited as they are: what they hold was made before.
    awaits: set[str] = field(default_factory=set)
    # Names that a key is looked up in, and `name[key]` where the key is a text.
    subscripted: set[str] = field(default_factory=set)

    @property
    def is_test(self) -> bool:
        """Whether pytest would collect it by its name."""
        return self.name.startswith("test")

    @property
    def statuses(self) -> set[int]:
        """Every status it answers with, raises or aborts with."""
        found = {s for each in self.returns for s in each.value.statuses}
        found |= {s for each in self.raises for s in each.value.statuses}
        for call in self.calls:
            if call.last in {"abort", "make_response"} or "error" in call.last:
                for value in (*call.args, *call.keywords.values()):
                    found |= set(value.statuses)
        return found


@dataclass(slots=True)
class Class:
    """One class: its bases, and the names it gives values to."""

    name: str
    line: int
    bases: tuple[str, ...]
    documented: bool
    fields: tuple[Assign, ...] = ()
    decorators: tuple[str, ...] = ()


@dataclass(slots=True)
class Import:
    """One imported name; `optional` when its absence is provided for."""

    module: str
    name: str
    alias: str
    line: int
    optional: bool = False
    level: int = 0
    typing: bool = False

    @property
    def origin(self) -> str:
        """The dotted name of what was imported."""
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(slots=True)
class Literal:
    """A text of the file that a rule may care for."""

    line: int
    column: int
    text: str
    function: int = 0
    default_of: str = ""


@dataclass(slots=True)
class Suppression:
    """A comment that asks for a finding to be ignored."""

    line: int
    codes: tuple[str, ...]
    reason: str
    until: str
    own_line: bool


@dataclass(slots=True)
class PythonFile:
    """Every fact of one file; `problem` says why there may be none."""

    path: str
    lines: int = 0
    documented: bool = False
    problem: str = ""
    problem_line: int = 1
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    literals: list[Literal] = field(default_factory=list)
    main_guard: bool = False
    exits_at_import: int = 0
    suppressions: list[Suppression] = field(default_factory=list)
    constants: dict[str, Value] = field(default_factory=dict)
    # Lists of pairs of a name and a text that the file itself holds: mounts of blueprints.
    pairs: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    # Tables that loops go over, row by row, by their name or as `for:` and a line.
    tables: dict[str, tuple[tuple[Value, ...], ...]] = field(default_factory=dict)
    # Schemas: each field with its line and the keys of its own mapping.
    schemas: dict[str, tuple[tuple[str, int, tuple[str, ...]], ...]] = field(
        default_factory=dict
    )
    # Collections that hold nothing but texts, each with its line.
    listed: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)

    @property
    def module(self) -> Function:
        """What the file does when it is imported."""
        return self.functions[0] if self.functions else _EMPTY

    @property
    def calls(self) -> Iterator[Call]:
        """Every call of the file."""
        for function in self.functions:
            yield from function.calls

    def within(self, index: int) -> Iterator[Function]:
        """A function and those defined inside it."""
        inside = {index}
        yield self.functions[index]
        for number in range(index + 1, len(self.functions)):
            if self.functions[number].parent in inside:
                inside.add(number)
                yield self.functions[number]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]

    @property
    def is_test(self) -> bool:
        """Whether it belongs to the tests."""
        parts = self.path.split("/")
        stem = parts[-1].removesuffix(".py")
        return (
            bool({"tests", "test", "testing"} & set(parts[:-1]))
            or stem.startswith("test_")
            or stem.endswith("_test")
            or stem in {"conftest", "tests"}
        )

    @property
    def is_generated(self) -> bool:
        """Whether a tool wrote it (gRPC stubs)."""
        return self.name.endswith(("_pb2.py", "_pb2_grpc.py", "_pb2.pyi"))


_EMPTY = Function("<module>", "<module>", 1, 1, 1)
