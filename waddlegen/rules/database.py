"""SQL that holds what somebody sent, and queries that cross communities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from waddlegen.facts.python import Function, PythonFile, Sql, SqlPart, Value
from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


@rule("WB441", severity=Severity.CRITICAL, topic="sql", checklist="S4")
def sql_from_input(module: ModuleSource) -> Iterator[Problem]:
    """SQL is put together from something the program did not write itself.

    Whoever controls the value controls the statement. Pass values as parameters; take names of
    columns and tables from a list in the code.

    Bad:
        db.executesql(f"SELECT * FROM users WHERE name = '{name}'")
    Good:
        db.executesql("SELECT * FROM users WHERE name = %s", [name])
    """
    for file, function in module.functions():
        for statement in function.sql:
            for part in statement.parts:
                if _is_dangerous(module, file, function, part):
                    yield module.problem(
                        file,
                        _line(statement),
                        f"`{part.name}` becomes part of the SQL; pass it as a parameter,"
                        " or take names from a list in the code",
                    )
                    break


def _line(statement: Sql) -> int:
    """Where the text is put together."""
    return statement.line


def _is_dangerous(
    module: ModuleSource, file: PythonFile, function: Function, part: SqlPart
) -> bool:
    """Whether a part may be what somebody sent; callers with constants are believed."""
    if part.origin == "request":
        return True
    if part.origin == "made":
        return any(
            _quotes(other.functions[number])
            or _hands_on(module, function, part, other.functions[number])
            for other, number in module.code.resolve(file, part.name)[:2]
        )
    if part.origin not in {"parameter", "keys", "keywords"}:
        return False
    places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
    if part.name not in places:
        return False
    position = places.index(part.name)
    found = False
    for caller, call in module.calls_by_name.get(function.name, ()):
        if caller is function:
            continue
        found = True
        if part.origin == "keywords":
            if call.double_star:
                return True
            continue
        if call.double_star or call.star:
            return True
        value = call.argument(position, part.name)
        if value is not None and not _is_ours(module, caller, value, 3):
            return True
    if not found and function.name.startswith("_") and part.origin == "parameter":
        return False
    return not found


def _quotes(function: Function) -> bool:
    """Whether a function answers with one of its parameters between the quotes of SQL."""
    names = {each.name for each in function.parameters}
    return any(
        re.search(r"'[^']*\{\}[^']*'", each.value.text)
        and names & set(each.value.names)
        for each in function.returns
    )


# A clause of SQL with a gap in it, where no value may stand.
_CLAUSE = re.compile(
    r"\b(ORDER\s+BY|GROUP\s+BY|WHERE|AND|OR|FROM|JOIN|SET|LIMIT|OFFSET|SELECT)\b[^%$?]*\{\}|"
    r"\{\}\s*(=|<|>|ASC\b|DESC\b|I?LIKE\b|IN\b|IS\b)",
    re.IGNORECASE,
)


def _is_table(name: str) -> bool:
    """Whether a name is a constant, in which what was sent is looked up."""
    return any(part.lstrip("_").isupper() for part in name.split("."))


def _hands_on(
    module: ModuleSource, caller: Function, part: SqlPart, maker: Function
) -> bool:
    """Whether a function makes a clause of what it is given, and is given what was sent."""
    places = [p.name for p in maker.parameters if p.name not in {"self", "cls"}]
    given = [call for call in caller.calls if call.name == part.name]
    for each in maker.returns:
        if each.value.kind not in {"fstring", "concat", "format"}:
            continue
        if not _CLAUSE.search(each.value.text):
            continue
        for place, name in enumerate(places):
            names = each.value.names
            if name not in names or name in maker.tested or any(map(_is_table, names)):
                continue
            for call in given:
                value = call.argument(place, name)
                if value is not None and not _is_ours(module, caller, value, 3):
                    return True
    return False


def _is_ours(module: ModuleSource, caller: Function, value: Value, depth: int) -> bool:
    """Whether a caller passes what the program wrote itself, here or further up."""
    if _is_constant(value):
        return True
    if not depth or value.kind not in {"name", "concat", "fstring"}:
        return False
    names = [p.name for p in caller.parameters if p.name not in {"self", "cls"}]
    for name in value.names:
        given = [a.value for a in caller.assigns if a.target == name]
        if given:
            if not all(_is_ours(module, caller, each, depth - 1) for each in given):
                return False
        elif name in names:
            calls = module.calls_by_name.get(caller.name, ())
            above = [
                (other, call.argument(names.index(name), name))
                for other, call in calls
                if other is not caller
            ]
            if not above or not all(
                each is None or _is_ours(module, other, each, depth - 1)
                for other, each in above
            ):
                return False
        elif not name.rpartition(".")[2].lstrip("_").isupper():
            return False
    return True


def _is_constant(value: Value) -> bool:
    """Whether a caller passes what it wrote itself."""
    if value.kind in {"str", "num", "none", "bool"}:
        return True
    if value.kind in {"list", "dict"} and not value.names:
        return True
    if value.kind == "dict" and "*" not in value.text.split(","):
        return True
    return value.kind == "name" and value.text.rpartition(".")[2].isupper()


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
_OWNER = re.compile(r"(created_by|owner\w*|user_id|author\w*)", re.IGNORECASE)
_CONDITION = re.compile(r"(\w+)\s*(?:=|<|>|!=|\bI?LIKE\b|\bIN\b|\bIS\b)", re.IGNORECASE)
_OF_SOMEBODY = re.compile(
    r"user|owner|member|author|created_by|token|key|secret|hash|code|slug|email|guild|server|"
    r"channel|platform|external|session",
    re.IGNORECASE,
)
_FOR_ALL = re.compile(
    r"admin|internal|stats|metrics|health|global|public", re.IGNORECASE
)


@rule("WB447", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def query_across_communities(module: ModuleSource) -> Iterator[Problem]:
    """A row of one community can be read or changed by another.

    The table has a community_id, but this statement asks for a bare id: whoever guesses an id
    gets the row. Add the community to the condition.

    Bad:
        DELETE FROM quotes WHERE id = %s
    Good:
        DELETE FROM quotes WHERE id = %s AND community_id = %s
    """
    scoped = set(_scoped_models(module))
    for _, function in module.functions():
        for statement in function.sql:
            if "community_id" in statement.text:
                found = _TABLE.findall(statement.text)
                if len(set(found)) == 1:
                    scoped.add(found[0].lower())
    reached = _reached(module)
    yield from _rows_by_key(module, reached)
    yield from _shared_keys(module)
    yield from _shared_entries(module)
    for file, function in module.functions():
        routes = reached.get((file.path, function.qualname))
        if not routes:
            continue
        for statement in function.sql:
            if "community" in statement.text:
                continue
            tables = {name.lower() for name in _TABLE.findall(statement.text)}
            if len(tables) != 1 or not tables <= scoped:
                continue
            changes = _CHANGES.match(statement.text) and _WHERE_ID.search(
                statement.text
            )
            if not changes and not _is_of_anybody(statement, routes):
                continue
            if _checks_owner(function, statement):
                continue
            yield module.problem(
                file,
                statement.line,
                f"the table {tables.pop()} has a community_id, and this statement does"
                " not ask for it",
            )


def _is_of_anybody(statement: Sql, routes: list[Route]) -> bool:
    """Whether a view reads or changes rows that it names by nothing but an id, or words.

    What is asked for by its owner or by a secret may be anywhere; so may an admin's rows, and
    rows whose community is looked at afterwards.
    """
    reads = _SELECTS.match(statement.text)
    if reads is None and not _CHANGES.match(statement.text):
        return False
    if reads is not None and _OWNER.fullmatch(reads["columns"].strip()):
        return False
    _, *conditions = _WHERE.split(statement.text, 1)
    if conditions and conditions[0].lstrip().startswith("{}"):
        return False  # whatever was put together above
    names = _CONDITION.findall(conditions[0]) if conditions else []
    if any(_OF_SOMEBODY.search(name) for name in names):
        return False
    return not any(_looks_at_community(route) for route in routes)


def _looks_at_community(route: Route) -> bool:
    """Whether a view is for all communities, or asks itself whose a row is."""
    return bool(
        _FOR_ALL.search(route.path)
        or any(
            "community" in f"{c.left.text} {c.right.text}"
            for c in route.function.compares
        )
        or any("community" in call.last for call in route.function.calls)
    )


def _rows_by_key(
    module: ModuleSource, reached: Mapping[tuple[str, str], list[Route]]
) -> Iterator[Problem]:
    """`session.get(Model, id)` of a model that belongs to a community."""
    scoped = {
        made.name
        for file in module.python
        for made in file.classes
        if any(each.target == "community_id" for each in made.fields)
    }
    for file, function in module.functions():
        routes = reached.get((file.path, function.qualname), [])
        if not routes or any(map(_looks_at_community, routes)):
            continue
        for call in function.calls:
            first = call.args[0] if len(call.args) > 1 else None
            if call.last == "get" and first is not None and first.text in scoped:
                if not any(
                    "community" in f"{c.left.text} {c.right.text}"
                    for c in function.compares
                ):
                    yield module.problem(
                        file,
                        call.line,
                        f"{first.text} has a community_id, and this takes the row of any"
                        " community",
                        call.column,
                    )


_CACHE = re.compile(r"redis|cache", re.IGNORECASE)
# What is unique in all communities names a row of one of them.
_UNIQUE = re.compile(r"(^|[._])(id|uuid|token|hash|digest|key)$|_id$", re.IGNORECASE)


def _shared_keys(module: ModuleSource) -> Iterator[Problem]:
    """What is looked up for one community, and cached for all of them."""
    for file, function in module.functions():
        if not any("community" in p.name for p in function.parameters):
            continue
        for call in function.calls:
            if call.last not in {"get", "set", "setex"} or not call.args:
                continue
            if not _CACHE.search(call.receiver):
                continue
            key, line = call.args[0], call.line
            for assign in function.assigns:
                if key.kind == "name" and assign.target == key.text:
                    key, line = assign.value, assign.line
            said = f"{key.text} {' '.join(key.names)}"
            composed = key.kind in {"fstring", "concat", "format"} and key.names
            if (
                not composed
                or "community" in said
                or any(map(_UNIQUE.search, key.names))
            ):
                continue
            message = (
                "this key is the same for all communities; name the community in it"
            )
            yield module.problem(file, line, message)
            break


def _shared_entries(module: ModuleSource) -> Iterator[Problem]:
    """What is looked up for one community, and kept in memory for all of them."""
    for file, function in module.functions():
        if not any("community" in p.name for p in function.parameters):
            continue
        for assign in function.assigns:
            owner, bracket, _ = assign.target.partition("[")
            if not bracket or not assign.target.endswith("[*]"):
                continue
            keys = _keys_of(function, owner)
            local = any(a.target == owner for a in function.assigns)
            if local or not keys or any("community" in key for key in keys):
                continue
            if not any(map(_UNIQUE.search, keys)) and owner not in _names(assign.value):
                message = (
                    f"`{owner}` has one entry for all communities; name the community"
                    " in its key"
                )
                yield module.problem(file, assign.line, message, topic="state")


def _names(value: Value) -> frozenset[str]:
    """The names inside a value."""
    return frozenset(value.names)


def _keys_of(function: Function, owner: str) -> list[str]:
    """What a function looks up in a mapping, by its names; nothing when it never does."""
    found: list[str] = []
    for value in (
        *(r.value for r in function.returns),
        *(a.value for a in function.assigns),
    ):
        if value.kind == "subscript" and value.text == f"{owner}[*]":
            found += [name for name in value.names if name != owner]
    for call in function.calls:
        if call.receiver == owner and call.last == "get" and call.args:
            found += call.args[0].names
    for assign in function.assigns:
        if assign.target in found:
            found += assign.value.names
    return found


def _scoped_models(module: ModuleSource) -> Iterator[str]:
    """The tables of models that have a community_id, their own or flask_core's."""
    for file in module.python:
        for made in file.classes:
            given = {each.target: each.value for each in made.fields}
            scoped = "community_id" in given or "CommunityScoped" in made.bases
            table = given.get("__tablename__")
            if scoped and table is not None and table.kind == "str":
                yield table.text.lower()


def _checks_owner(function: Function, statement: Sql) -> bool:
    """Whether the function looked at the row's community before."""
    if any("community" in p.name for p in function.parameters):
        return any(
            "community" in other.text
            for other in function.sql
            if other is not statement
        )
    return any(
        "community_id" in f"{c.left.text} {c.right.text}" for c in function.compares
    )


def _reached(module: ModuleSource) -> dict[tuple[str, str], list[Route]]:
    """The functions that views call, with what a caller gives them, and those views."""
    found: dict[tuple[str, str], list[Route]] = {}
    for route in module.routes:
        function = route.function
        found.setdefault((route.file.path, function.qualname), []).append(route)
        for call in function.calls:
            for other, number in module.code.resolve(route.file, call.name)[:3]:
                place = other.path, other.functions[number].qualname
                found.setdefault(place, []).append(route)
    return found
