"""Rows, answers and caches that one community could see of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from waddlegen.facts.python import (
    Call,
    Function,
    Parameter,
    PythonFile,
    Sql,
    Value,
)
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource, run_elsewhere

_TABLE = re.compile(
    r"\b(?:FROM|UPDATE|INTO|JOIN)\s+(?!SET\b)([a-z_][\w.]*)", re.IGNORECASE
)
_WHERE_ID = re.compile(
    r"\bWHERE\s+(?:\w+\.)?\w*id\s*=\s*(?:%s|\$\d|\?|:\w+|\{\})", re.IGNORECASE
)
_WHERE = re.compile(r"\bWHERE\b", re.IGNORECASE)
_CHANGES = re.compile(r"\s*(UPDATE|DELETE)\b", re.IGNORECASE)
# Counts and sums tell of no row.
_SELECTS = re.compile(
    r"\s*SELECT\s+(?!1\b|EXISTS\b|\w+\()(?P<columns>[\s\S]*?)\sFROM\s",
    re.IGNORECASE,
)
_OF_COMMUNITY = re.compile(r"\bcommunity(_id|_uuid|_ids)?\b", re.IGNORECASE)
_HAS = re.compile(r"\bcommunity_id\b", re.IGNORECASE)
_OWNER = re.compile(r"(created_by|owner\w*|user_id|author\w*)", re.IGNORECASE)
_CONDITION = re.compile(r"(\w+)\s*(?:=|<|>|!=|\bI?LIKE\b|\bIN\b|\bIS\b)", re.IGNORECASE)
_OF_ONE = re.compile(
    r"user|owner|member|author|created_by|token|key|secret|hash|code|email|session",
    re.IGNORECASE,
)
# Where a community comes from; a view that knows its own has no need of it.
_OF_SOMEWHERE = re.compile(
    r"slug|guild|server|channel|platform|external", re.IGNORECASE
)
_FOR_ALL = re.compile(
    r"admin|internal|stats|metrics|health|global|public", re.IGNORECASE
)
_LOADS = re.compile(r"own|belong|same_|load|_of_")
_SAYS = re.compile(r"(^|\.|_)(aaa|log|logger|audit|metrics)(\.|$)|^print$")
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class View:
    """A function that answers a request, and whether it knows the caller's community."""

    file: PythonFile
    number: int
    path: str
    knows: bool

    @property
    def function(self) -> Function:
        """The function itself."""
        return self.file.functions[self.number]

    @property
    def is_for_all(self) -> bool:
        """Whether its path says that it is for all communities."""
        return bool(_FOR_ALL.search(self.path)) and "community" not in self.path


@dataclass(frozen=True, slots=True)
class Reach:
    """A function, the view above it, and the calls that lead there, the view's first."""

    file: PythonFile
    number: int
    view: View
    calls: tuple[tuple[Function, Call], ...] = ()

    @property
    def function(self) -> Function:
        """The function itself."""
        return self.file.functions[self.number]


@rule("WB447", severity=Severity.CRITICAL, topic="state", checklist="S1")
def query_across_communities(module: ModuleSource) -> Iterator[Problem]:
    """What belongs to one community can be read or changed by another.

    A statement on a table with a community_id that asks for a bare id gives anybody the row who
    guesses the id; a cache whose key lacks the community, or a filter that may be left out,
    does the same. Add the community to the condition, and to the key.

    Bad:
        DELETE FROM quotes WHERE id = %s
    Good:
        DELETE FROM quotes WHERE id = %s AND community_id = %s
    """
    scoped = set(_scoped_tables(module))
    models, tables = set(_scoped_models(module)), set(_defined_tables(module))
    if scoped or models or tables:
        reached = _reached(module)
        yield from _statements(module, scoped, reached)
        yield from _ignored(module, scoped)
        yield from _rows_by_key(module, models, tables, reached)
    if any(
        "community" in p.name for _, f in module.functions() for p in f.parameters
    ) or any(_asks_for_its_own(function) for _, function in module.functions()):
        yield from _left_out(module)
        yield from _chosen(module)
        yield from _searches(module)
        yield from _shared_keys(module)
        yield from _shared_entries(module)
        yield from _remembered(module)


def _scoped_tables(module: ModuleSource) -> Iterator[str]:
    """The tables that have a community_id: by their models, or by what is asked of them."""
    for file in module.python:
        for made in file.classes:
            given = {each.target: each.value for each in made.fields}
            belongs = "community_id" in given or "CommunityScoped" in made.bases
            table = given.get("__tablename__")
            if belongs and table is not None and table.kind == "str":
                yield table.text.lower()
    for _, function in module.functions():
        for statement in function.sql:
            if _HAS.search(statement.text):
                found = {name.lower() for name in _TABLE.findall(statement.text)}
                if len(found) == 1:
                    yield found.pop()


def _views(module: ModuleSource) -> Iterator[View]:
    """What answers requests: routes, what has a path above it, what asks for its community."""
    known: set[tuple[str, int]] = set()
    for route in module.routes:
        known.add((route.file.path, route.number))
        yield View(
            route.file, route.number, route.path, _knows(route.function, route.path)
        )
    for file in module.python:
        for number, function in enumerate(file.functions):
            if (file.path, number) in known or file.is_test:
                continue
            paths = [d.args[0].text for d in function.decorators if d.args]
            path = next((text for text in paths if text.startswith("/")), "")
            verb = function.cls and function.name in _VERBS and function.headers
            if path or verb or _asks_for_its_own(function):
                yield View(file, number, path, _knows(function, path))


def _knows(function: Function, path: str) -> bool:
    """Whether a view knows the community it acts for."""
    return (
        bool(re.search(r"<[^>]*community", path))
        or any(p.name.startswith("community") for p in function.parameters)
        or _asks_for_its_own(function)
    )


def _asks_for_its_own(function: Function) -> bool:
    """Whether a function reads the community that the request was let in for."""
    return not _OWN.isdisjoint(function.names)


_VERBS = frozenset("get post put patch delete".split())
_OWN = frozenset({"g.community_id", "g.community", "request.community_id"})


def _reached(module: ModuleSource) -> dict[tuple[str, int], list[Reach]]:
    """Every function that a view calls, directly or through others, and how."""
    found: dict[tuple[str, int], list[Reach]] = {}
    for view in _views(module):
        pending = [Reach(view.file, view.number, view)]
        seen: set[tuple[str, int]] = set()
        while pending:
            reach = pending.pop()
            place = (reach.file.path, reach.number)
            if place in seen:
                continue
            seen.add(place)
            found.setdefault(place, []).append(reach)
            if len(reach.calls) < _DEPTH:
                pending += _below(module, reach)
    return found


def _below(module: ModuleSource, reach: Reach) -> Iterator[Reach]:
    """The functions that one calls."""
    for made in reach.function.calls:
        call = run_elsewhere(made) or made
        for other, number in _meant(module, reach.file, call):
            calls = (*reach.calls, (reach.function, call))
            yield Reach(other, number, reach.view, calls)


def _meant(
    module: ModuleSource, file: PythonFile, call: Call
) -> list[tuple[PythonFile, int]]:
    """The functions that a call may mean: of several, those the owner's name speaks of."""
    found = module.code.resolve(file, call.name)
    if len(found) > 1:
        owner = call.receiver.rpartition(".")[2].strip("_()").rstrip("s").lower()
        named = [
            (other, number)
            for other, number in found
            if owner and owner in f"{other.functions[number].cls} {other.path}".lower()
        ]
        found = named or (found if not call.receiver.startswith("self.") else [])
    return found[:3]


def _statements(
    module: ModuleSource,
    scoped: set[str],
    reached: dict[tuple[str, int], list[Reach]],
) -> Iterator[Problem]:
    """Statements that a view reaches and that name rows of any community."""
    if _filters_by_itself(module):
        return
    for file in module.python:
        for number, function in enumerate(file.functions):
            reaches = reached.get((file.path, number))
            for statement in function.sql if reaches else ():
                if _OF_COMMUNITY.search(statement.text):
                    continue
                tables = {name.lower() for name in _TABLE.findall(statement.text)}
                if len(tables) != 1:
                    continue
                table = tables.pop()
                if any(
                    _crosses(scoped, table, reach, statement) for reach in reaches or ()
                ):
                    line = statement.written or statement.line
                    yield module.problem(file, line, _said(table, scoped))


def _filters_by_itself(module: ModuleSource) -> bool:
    """Whether the database is told the community, and filters every row by it."""
    return any(
        "community" in statement.text
        and re.search(r"set_config|^\s*SET\s", statement.text)
        for _, function in module.functions()
        for statement in function.sql
    )


def _said(table: str, scoped: set[str]) -> str:
    """What is said of a statement that names rows of any community."""
    if table in scoped:
        return f"the table {table} has a community_id, and this statement does not ask for it"
    return (
        f"nobody asks whether what these rows of {table} belong to is of the community"
    )


def _crosses(scoped: set[str], table: str, reach: Reach, statement: Sql) -> bool:
    """Whether a view gets rows of any community by a statement."""
    if _is_settled(reach, statement) or not _is_near(reach):
        return False
    if table not in scoped:
        return _ignores_its_community(reach, statement, scoped)
    if _CHANGES.match(statement.text) and _WHERE_ID.search(statement.text):
        return True
    return _is_of_anybody(statement, reach.view)


def _is_near(reach: Reach) -> bool:
    """Whether a view itself chooses the rows: it knows its community, or hands on its key."""
    if reach.view.knows or len(reach.calls) <= 1:
        return True
    keys = {
        p.name
        for p in reach.view.function.parameters
        if p.name == "id" or p.name.endswith("_id")
    }
    handed = {
        name for _, call in reach.calls for v in _values(call) for name in v.names
    }
    return any(name in handed and name in reach.view.path for name in keys)


def _is_of_anybody(statement: Sql, view: View) -> bool:
    """Whether rows are named by nothing but an id, or words.

    What is asked for by its owner or by a secret may be anywhere; so may an admin's rows, and
    rows whose community is looked at afterwards.
    """
    reads = _SELECTS.match(statement.text)
    if view.is_for_all or (reads is None and not _CHANGES.match(statement.text)):
        return False
    if reads is not None and _OWNER.fullmatch(reads["columns"].strip()):
        return False
    names = _conditions(statement)
    if any(_OF_ONE.search(name) for name in names):
        return False
    if view.knows:
        return True
    if any(_OF_SOMEWHERE.search(name) for name in names):
        return False
    return not any("community" in call.last for call in view.function.calls)


def _conditions(statement: Sql) -> list[str]:
    """The columns that a statement asks for."""
    _, *conditions = _WHERE.split(statement.text, maxsplit=1)
    return _CONDITION.findall(conditions[0]) if conditions else []


def _is_settled(reach: Reach, statement: Sql) -> bool:
    """Whether something on the way looked at the row's community."""
    function = reach.function
    for other in function.sql:
        earlier = other.line < statement.line and not re.match(
            r"\s*INSERT", other.text, re.IGNORECASE
        )
        if earlier and _OF_COMMUNITY.search(other.text):
            return True
    own = next(
        (
            call
            for call in function.calls
            if call.name == statement.call
            and call.line <= statement.end_line <= call.end_line
        ),
        None,
    )
    if own is not None and _settles(function, own):
        return True
    if any(_LOADS.search(each.last) for each in reach.view.function.decorators):
        return True
    return any(_settles(above, call) for above, call in reach.calls)


def _settles(function: Function, call: Call) -> bool:
    """Whether a function looked at the community of what it hands to a call."""
    if any(_is_about(c.left) or _is_about(c.right) for c in function.compares):
        return True
    given = {name for value in _values(call) for name in value.names}
    if any(re.match(r"g\.(?!communit|identity|user|api_key|key)", n) for n in given):
        return True  # a guard has put it there
    handed = {_base(name) for name in given}
    handed -= {"self", "g", "request", "db"}
    for assign in function.assigns:
        if _base(assign.target) in handed and _loads_a_row(assign.value):
            return True
    for other in function.calls:
        if other.line >= call.line or _SAYS.search(other.name):
            continue
        names = {_base(name) for value in _values(other) for name in value.names}
        if any(_is_about(value) for value in _values(other)) and names & handed:
            return True
    return False


def _loads_a_row(value: Value) -> bool:
    """Whether a row is found by a community and something else."""
    if value.kind not in {"call", "await"} or not _is_about(value):
        return False
    return any(
        "community" not in name
        and not value.text.startswith(name)
        and _base(name) not in {"self", "g"}
        for name in value.names
    )


def _is_about(value: Value) -> bool:
    """Whether a value has to do with a community."""
    return "community" in value.text or any("community" in n for n in value.names)


def _values(call: Call) -> tuple[Value, ...]:
    """What a call is given."""
    return (*call.args, *call.keywords.values())


def _base(name: str) -> str:
    """The first part of a dotted name, without its key."""
    return re.split(r"[.\[(]", name, maxsplit=1)[0]


def _ignores_its_community(reach: Reach, statement: Sql, scoped: set[str]) -> bool:
    """Whether a view has a community in its path and asks for what belongs to any.

    The table has no community itself, but hangs on one that has: attendees of an event.
    """
    view = reach.view
    if not reach.calls or not (
        _SELECTS.match(statement.text) or _CHANGES.match(statement.text)
    ):
        return False
    ignored = [p.name for p in view.function.parameters if "community" in p.name]
    if not ignored or _uses(view.file, view.number, ignored[0]):
        return False
    _, call = reach.calls[0]
    handed = {name for value in _values(call) for name in value.names}
    for name in set(_conditions(statement)) & handed:
        kind = name.removesuffix("_id")
        if kind != name and any(
            re.search(rf"(^|_){kind}s?$", table) for table in scoped
        ):
            return True
    return False


def _uses(file: PythonFile, number: int, name: str) -> bool:
    """Whether a function, or one inside it, uses a name."""
    return any(name in each.names for each in file.within(number))


def _ignored(module: ModuleSource, scoped: set[str]) -> Iterator[Problem]:
    """Functions that are given a community and do not ask for it."""
    for file in module.python:
        for number, function in enumerate(file.functions):
            given = [p.name for p in function.parameters if "community" in p.name]
            if not given or not function.sql or function.cls.startswith("_"):
                continue
            if any(_uses(file, number, name) for name in given):
                continue
            for statement in function.sql:
                tables = {name.lower() for name in _TABLE.findall(statement.text)}
                reads = re.match(r"\s*(SELECT|UPDATE|DELETE)", statement.text, re.I)
                asked = _OF_COMMUNITY.search(statement.text)
                if reads and tables & scoped and not asked:
                    message = (
                        f"`{given[0]}` is not asked for here, and the table"
                        f" {min(tables & scoped)} has a community_id"
                    )
                    line = statement.written or statement.line
                    yield module.problem(file, line, message)


def _rows_by_key(
    module: ModuleSource,
    models: set[str],
    tables: set[str],
    reached: dict[tuple[str, int], list[Reach]],
) -> Iterator[Problem]:
    """Rows of models and PyDAL tables with a community that are taken by a bare key."""
    for file in module.python if models or tables else ():
        for number, function in enumerate(file.functions):
            reaches = reached.get((file.path, number), [])
            compares = function.compares
            if not reaches or any(
                _is_about(c.left) or _is_about(c.right) for c in compares
            ):
                continue
            known = [r for r in reaches if not _looks_at_community(r.view)]
            for line, name, column in _keyed_rows(function, models, tables):
                asked = Sql(line, "", f"SELECT * FROM {name} WHERE {column} = %s")
                if any(
                    _crosses({name}, name, reach, asked)
                    for reach in (reaches if column else known)
                ):
                    message = (
                        f"{name} has a community_id, and this takes the row of any"
                        " community"
                    )
                    yield module.problem(file, line, message)


def _keyed_rows(
    function: Function, models: set[str], tables: set[str]
) -> Iterator[tuple[int, str, str]]:
    """Where rows are taken by a key: the line, the model or table, and the column if told."""
    for call in function.calls:
        first = call.args[0] if len(call.args) > 1 else None
        if call.last == "get" and first is not None and first.text in models:
            yield call.line, first.text, ""
        owner, _, last = call.receiver.rpartition(".")
        if last == "query" and owner in models and not call.double_star:
            if call.last in {"get", "get_or_404"}:
                yield call.line, owner, ""
            elif (
                call.last in {"filter_by", "filter_by_or_404"} and "id" in call.keywords
            ):
                if not any("community" in name for name in call.keywords):
                    yield call.line, owner, "id"
    for compare in function.compares:
        owner, _, column = compare.left.text.rpartition(".")
        name = owner.rpartition(".")[2]
        if column == "id" or (column.endswith("_id") and not _OF_ONE.search(column)):
            if owner in models or (owner != name and name in tables):
                yield compare.line, name, column


def _scoped_models(module: ModuleSource) -> Iterator[str]:
    """The classes of models that have a community_id."""
    for file in module.python:
        for made in file.classes:
            if any(each.target == "community_id" for each in made.fields):
                yield made.name


def _defined_tables(module: ModuleSource) -> Iterator[str]:
    """The tables that PyDAL is told of with a community_id."""
    for _, call in module.calls_by_name.get("define_table", ()):
        name = call.args[0].text if call.args else ""
        for _, field in module.calls_by_name.get("Field", ()):
            if call.line <= field.line <= call.end_line and field.args:
                if field.args[0].text == "community_id":
                    yield name


def _looks_at_community(view: View) -> bool:
    """Whether a view is for all communities, or asks itself whose a row is."""
    function = view.function
    return bool(
        _FOR_ALL.search(view.path)
        or any(_is_about(c.left) or _is_about(c.right) for c in function.compares)
        or any("community" in call.last for call in function.calls)
    )


_FILTER = re.compile(r"communit|tenant|filter|condition|where|scope|only|must")
_READS = re.compile(
    r"search|find|get|load|list|fetch|query|count|select|look|recall|near|one|all"
)


def _left_out(module: ModuleSource) -> Iterator[Problem]:
    """Calls that leave out what would keep them in their community."""
    paths = {(r.file.path, r.number): r.path for r in module.routes}
    for other, function in module.functions():
        for place, parameter in enumerate(_given_places(function)):
            default = parameter.default
            if default is None or default.kind not in {"none", "dict", "list"}:
                continue
            if not _FILTER.search(parameter.name):
                continue
            callers = _callers(module, other, function)
            if not _filters_by(function, parameter.name, place, callers):
                continue
            for file, number, call in callers:
                caller = file.functions[number]
                view = View(file, number, paths.get((file.path, number), ""), True)
                if call.star or call.double_star or view.is_for_all:
                    continue
                if call.argument(place, parameter.name) is None and _is_in_one(caller):
                    if _is_like(call, parameter.name, place, callers) and not _settles(
                        caller, call
                    ):
                        message = (
                            f"without `{parameter.name}` this is about all communities"
                        )
                        yield module.problem(file, call.line, message, call.column)


def _given_places(function: Function) -> list[Parameter]:
    """The parameters that a caller fills."""
    return [p for p in function.parameters if p.name not in {"self", "cls"}]


def _callers(
    module: ModuleSource, file: PythonFile, function: Function
) -> list[tuple[PythonFile, int, Call]]:
    """Where a function is called, as far as its name says."""
    found = []
    for caller, call in module.calls_by_name.get(function.name, ()):
        for other in module.python:
            for number, each in enumerate(other.functions):
                if each is caller and any(
                    place.functions[index] is function
                    for place, index in _meant(module, other, call)
                ):
                    found.append((other, number, call))
    return found


def _is_like(
    call: Call, name: str, place: int, callers: list[tuple[PythonFile, int, Call]]
) -> bool:
    """Whether a call asks for the same as one that is about a community: no other table."""
    said = {value.text for value in _values(call) if value.kind == "str"}
    return "communit" in name or any(
        said <= {each.text for each in _values(other) if each.kind == "str"}
        for _, _, other in callers
        if (value := other.argument(place, name)) is not None and _is_about(value)
    )


def _filters_by(
    function: Function,
    name: str,
    place: int,
    callers: list[tuple[PythonFile, int, Call]],
) -> bool:
    """Whether a parameter, when it is given, keeps what is found in one community."""
    if "communit" in name:
        added = [a.value.text for a in function.assigns if a.augmented]
        for call in function.calls:
            if call.last in {"append", "extend"} and call.args:
                added.append(call.args[0].text)
        return name in function.tested and any("community" in text for text in added)
    if not _READS.search(function.name) or name not in function.names:
        return False
    given = [call.argument(place, name) for _, _, call in callers]
    return any(value is not None and _is_about(value) for value in given)


def _is_in_one(function: Function) -> bool:
    """Whether a function acts for one community, and knows which."""
    return _asks_for_its_own(function) or any(
        p.name in {"community_id", "community"} for p in function.parameters
    )


_CHECKS = re.compile(
    r"resolve|check|allow|require|authori|verify|member|may|can_|has_|access|belong|scope|"
    r"own|guard|permit"
)


def _chosen(module: ModuleSource) -> Iterator[Problem]:
    """Views that believe the caller about its community, though the key says which it is."""
    if not any(_asks_for_its_own(function) for _, function in module.functions()):
        return
    for view in _views(module):
        function = view.function
        if _asks_for_its_own(function) or _FOR_ALL.search(view.path):
            continue
        line = _asked_line(function)
        looked = any(_is_about(c.left) or _is_about(c.right) for c in function.compares)
        looked = looked or any("community" in name for name in function.tested)
        if not line or looked or any(_CHECKS.search(c.last) for c in function.calls):
            continue
        used = any(
            _is_about(value)
            for call in function.calls
            if call.line > line and not _SAYS.search(call.name)
            for value in _values(call)
            if value.kind == "name"
        )
        if used:
            message = (
                "the caller says which community this is for, and nobody checks it"
            )
            yield module.problem(view.file, line, message)


def _asked_line(function: Function) -> int:
    """Where a view takes its community from a header or the query string; 0 for nowhere."""
    for name, line in function.headers:
        if name.lower() == "x-community-id":
            return line
    for call in function.calls:
        if call.name in {"request.args.get", "request.values.get"} and call.args:
            if call.args[0].kind == "str" and "community" in call.args[0].text:
                return call.line
    return 0


_NEAREST = frozenset("search query_points similarity_search search_points".split())
_VECTORS = frozenset("query_vector vector query_embeddings query_texts query".split())
_FILTERS = frozenset("query_filter filter where filters expr must".split())


def _searches(module: ModuleSource) -> Iterator[Problem]:
    """Searches for what is alike that look into the texts of all communities."""
    for file, function in module.functions():
        for call in function.calls:
            if call.last not in _NEAREST and call.last != "query":
                continue
            if not _VECTORS & call.keywords.keys() or call.double_star:
                continue
            collection = call.last != "query" or "query" not in call.keywords
            about = any(_is_about(value) for value in _values(call))
            if collection and not about and not _FILTERS & call.keywords.keys():
                if _stores_by_community(module):
                    message = "this searches what all communities have stored"
                    yield module.problem(file, call.line, message, call.column)


def _stores_by_community(module: ModuleSource) -> bool:
    """Whether the module stores vectors together with the community they belong to."""
    return any(
        call.last in {"upsert", "PointStruct", "add", "add_texts"}
        and any(_is_about(value) for value in _values(call))
        or call.last == "upsert"
        and any(a.value.kind == "dict" and _is_about(a.value) for a in function.assigns)
        for _, function, call in module.calls()
    )


_CACHE = re.compile(r"redis|cache|memo", re.IGNORECASE)
_CACHES = re.compile(r"Cache$|LRU|TTL")
# What is unique in all communities names a row of one of them.
_UNIQUE = re.compile(
    r"(^|[._])(id|uuid|token|hash|digest|key|state|sid|nonce|code|jti|ticket)$|_id$",
    re.IGNORECASE,
)
_PERSON = re.compile(r"user|member|viewer|author", re.IGNORECASE)
_STORES = frozenset({"set", "setex", "put", "store"})


# Commands of Redis that count, collect or vote under a key.
_GATHERS = frozenset(
    "sadd incr incrby decr hset hincrby zadd zincrby lpush rpush setnx getset".split()
)
# What is about a caller, whichever community it is in.
_OF_ALL = re.compile(
    r"rate|limit|throttl|flood|login|attempt|lock|online|presence|session|seen|dedup|replay|"
    r"nonce|idempot|global|refresh",
    re.IGNORECASE,
)


def _shared_keys(module: ModuleSource) -> Iterator[Problem]:
    """What is looked up, or counted, for one community, and kept for all of them."""
    caches = {
        made.target.rpartition(".")[2]
        for file in module.python
        for made in file.calls
        if made.target and _CACHES.search(made.last)
    }
    for file, function in module.functions():
        for call in function.calls:
            kept = call.last in _STORES or call.last == "get"
            if not (kept or call.last in _GATHERS) or not call.args:
                continue
            last = call.receiver.rpartition(".")[2]
            if kept and not (_CACHE.search(call.receiver) or last in caches):
                continue
            shared = _shared_key if kept else _shared_tally
            place = shared(module, file, function, call)
            if place is not None:
                message = (
                    "this key is the same for all communities; name the community in it"
                )
                yield module.problem(*place, message)
                break


def _key_of(function: Function, call: Call) -> tuple[Value, int]:
    """The key that a call is given, and where it is made."""
    key, line = call.args[0], call.line
    for assign in function.assigns:
        if key.kind == "name" and assign.target == key.text:
            key, line = assign.value, assign.line
    return key, line


def _shared_tally(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> tuple[PythonFile, int] | None:
    """Where the key is made of what is counted in one community, and does not name it."""
    if call.last in {"incr", "decr"} and not _CACHE.search(call.receiver):
        return None
    if not any(p.name in {"community_id", "community"} for p in function.parameters):
        return None
    key, line = _key_of(function, call)
    if _is_about(key) or _OF_ALL.search(f"{key.text} {function.name}"):
        return None
    if key.kind == "call":
        made = _made_by(module, file, key)
        if made is None or _is_about(made) or _OF_ALL.search(made.text):
            return None
    elif key.kind not in {"fstring", "concat", "format"} or not key.names:
        return None
    names = key.names if key.kind != "call" else key.names[1:]
    if not names or any(name.startswith("self.") for name in names):
        return None
    if any("community" in name for name in _resolved(function, key)):
        return (file, line) if _is_foreign_to_all(module, file, line) else None
    parts = set(re.findall(r"[.\['\"](\w*id)['\"]?\]?\}", _text(module, file, line)))
    named = _names_one(function, list(names)) or parts - {"user_id", "member_id"}
    return None if named else (file, line)


def _text(module: ModuleSource, file: PythonFile, line: int) -> str:
    """A line as it is written."""
    return module.line_of(module.path(file.path), line)


# What another service calls its own things by: the same in every community.
_FOREIGN = re.compile(r"\b(provider|platform|source)\b['\"]?\]?\}")


def _is_foreign_to_all(module: ModuleSource, file: PythonFile, line: int) -> bool:
    """Whether a key names something by what it is called at another service."""
    return _FOREIGN.search(_text(module, file, line)) is not None


def _made_by(module: ModuleSource, file: PythonFile, key: Value) -> Value | None:
    """What the one function that makes a key answers with."""
    found = _meant(module, file, Call(key.text, 0, 0))
    made = [r.value for other, number in found for r in other.functions[number].returns]
    texts = {"concat", "fstring", "format"}
    return made[0] if len(made) == 1 and made[0].kind in texts else None


def _shared_key(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> tuple[PythonFile, int] | None:
    """Where the key of a call is made, when it lacks the community it should name."""
    key, line = _key_of(function, call)
    names = _resolved(function, key)
    if "community" in f"{key.text} {' '.join(names)}":
        return None
    value = call.args[-1] if len(call.args) > 1 else None
    if value is not None and call.last != "get" and _is_about(value):
        if value.kind != "await":
            return None
    composed = (
        key.kind in {"fstring", "concat", "format"} or (key.kind == "list" and names)
    ) and key.names
    given = any("community" in p.name for p in function.parameters)
    if composed and given and not _names_one(function, names):
        return file, line
    if call.last == "get" or value is None or not _depends(function, value):
        return None
    if key.kind == "call":
        for other, number in _meant(module, file, Call(key.text, 0, 0)):
            made = other.functions[number]
            kinds = {"concat", "fstring", "format", "call"}
            if made.returns and made.returns[0].value.kind in kinds:
                if _takes_anything(module, made):
                    return None if _names_one(function, names) else (file, line)
                return other, made.returns[0].line
        return None
    plain = key.kind in {"name", "list"}
    return (file, line) if plain and not _names_one(function, names) else None


def _takes_anything(module: ModuleSource, made: Function) -> bool:
    """Whether a function makes keys of whatever it is given, a community too."""
    if any(p.kind == "star" for p in made.parameters):
        return True
    return any(
        _is_about(value)
        for _, call in module.calls_by_name.get(made.name, ())
        for value in _values(call)
    )


def _resolved(function: Function, value: Value, depth: int = 3) -> list[str]:
    """The names that a value is made of, each followed to what it was given."""
    found: list[str] = []
    names = value.names[1:] if value.kind == "call" else value.names
    for name in names:
        given = [a.value for a in function.assigns if a.target == name]
        if given and depth:
            for each in given:
                found += _resolved(function, each, depth - 1)
        else:
            found.append(name)
    return found


def _named(call: Call) -> Iterator[str]:
    """The names that a call is given."""
    for value in _values(call):
        yield from value.names


def _names_one(function: Function, names: list[str]) -> bool:
    """Whether a key names one thing that belongs to one community.

    An id does, unless the function itself asks for the id and the community.
    """
    both = any("community" in statement.text for statement in function.sql) or (
        # An id beside its kind is what something is called elsewhere.
        not all(map(_UNIQUE.search, names))
        and any(
            any(map(_is_about, _values(call))) and set(names) <= set(_named(call))
            for call in function.calls
            if call.awaited
        )
    )
    if both:
        names = [name for name in names if not name.endswith("_id")]
    return any(_UNIQUE.search(name) and not _PERSON.search(name) for name in names)


def _depends(function: Function, value: Value, depth: int = 3) -> bool:
    """Whether a value was worked out for one community.

    What says itself which community it is of was not: an object made with it, a mapping.
    """
    if value.kind in {"call", "await"}:
        last = value.text.removesuffix("()").rpartition(".")[2]
        if last[:1].isupper() or last in _NO_ANSWER:
            return False
        if _is_about(value):
            return last not in _WRITES_OUT
    for name in value.names if depth else ():
        for assign in function.assigns:
            if assign.target == name and _depends(function, assign.value, depth - 1):
                return True
    return False


_NO_ANSWER = frozenset(
    "create_task ensure_future call_later start_task partial".split()
)
_WRITES_OUT = frozenset("dumps str encode json_dumps dict list tuple".split())


def _shared_entries(module: ModuleSource) -> Iterator[Problem]:
    """What is looked up for one community, and kept in memory for all of them."""
    for file, function in module.functions():
        for assign in function.assigns:
            owner, bracket, _ = assign.target.partition("[")
            if not bracket or not assign.keys or assign.augmented:
                continue
            local = any(a.target == owner for a in function.assigns)
            if local or owner in assign.value.names or "community" in owner:
                continue
            if any(p.name == owner for p in function.parameters):
                continue
            key = Value("other", "", assign.keys)
            names = [*assign.keys, *_resolved(function, key)]
            if any("community" in name for name in names):
                continue
            names = _resolved(function, key)
            if _names_one(function, names) or not _depends(function, assign.value):
                continue
            message = (
                f"`{owner}` has one entry for all communities; name the community in its"
                " key"
            )
            yield module.problem(file, assign.line, message)
            line = _looked_up(file, function, owner)
            if line and abs(line - assign.line) > 2:
                yield module.problem(file, line, message)


def _looked_up(file: PythonFile, filler: Function, owner: str) -> int:
    """The first line on which an entry of a mapping is looked up; 0 for none."""
    for function in file.functions:
        if owner.startswith("self.") and function.cls != filler.cls:
            continue
        for call in function.calls:
            if call.receiver == owner and call.last == "get":
                return call.line
        for assign in function.assigns:
            if assign.value.text == f"{owner}[*]":
                return assign.line
        for each in function.returns:
            if each.value.text == f"{owner}[*]":
                return each.line
    return 0


_MEMOS = frozenset("lru_cache cache cached alru_cache ttl_cache memoize".split())


def _remembered(module: ModuleSource) -> Iterator[Problem]:
    """Functions whose answers are kept by their arguments, and that ask for more."""
    for file, function in module.functions():
        memo = [d for d in function.decorators if d.last in _MEMOS and not d.keywords]
        if memo and _asks_for_its_own(function):
            message = "this is remembered for all communities; take the community as a parameter"
            yield module.problem(file, function.line, message)
