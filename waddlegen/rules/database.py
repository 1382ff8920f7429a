"""SQL that holds what somebody sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import (
    Call,
    Function,
    Parameter,
    PythonFile,
    Sql,
    SqlPart,
    Value,
)
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
        seen: set[str] = set()
        for statement in function.sql:
            for part in statement.parts:
                if _is_dangerous(module, file, function, part):
                    seen.add(part.name)
                    yield module.problem(file, statement.line, _said(part))
                    break
        for fragment in function.fragments:
            for part in fragment.parts:
                quoted = _QUOTED.search(fragment.text) and part.origin == "parameter"
                asks = _is_dangerous if quoted else _is_given
                if part.name not in seen and asks(module, file, function, part):
                    seen.add(part.name)
                    yield module.problem(file, fragment.line, _said(part))
                    break
    yield from _built(module)


def _said(part: SqlPart) -> str:
    """What is said of a part that the program did not write."""
    return (
        f"`{part.name}` becomes part of the SQL; pass it as a parameter,"
        " or take names from a list in the code"
    )


# Between quotes stands a value, and never what the program may choose.
_QUOTED = re.compile(r"(LIKE|IN|=)\s*\(?'[^']*\{\}")


def _is_given(
    module: ModuleSource, file: PythonFile, function: Function, part: SqlPart
) -> bool:
    """Whether a caller gives what somebody sent for a part of what a function makes."""
    if part.origin == "request":
        return True
    if part.origin not in {"parameter", "keys"}:
        return False
    return any(True for _ in _sent_for(module, function, part.name, _DEPTH))


def _sent_for(
    module: ModuleSource, function: Function, name: str, depth: int
) -> Iterator[tuple[Function, Call]]:
    """The calls that give a parameter of a function what somebody sent."""
    places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
    if name not in places or not depth:
        return
    called = function.cls if function.name == "__init__" else function.name
    for caller, call in module.calls_by_name.get(called, ()):
        value = call.argument(places.index(name), name)
        if caller is not function and value is not None:
            if _is_sent(module, caller, value, depth - 1):
                yield caller, call


_DEPTH = 5
_NUMBERS = frozenset({"int", "float", "bool"})
_SENT = re.compile(r"(^|\.)request\.(args|form|values|json|get_json|headers|view_args)")
_PASSES_ON = frozenset(
    {"get", "strip", "lower", "upper", "lstrip", "rstrip", "getlist"}
)


def _is_sent(module: ModuleSource, caller: Function, value: Value, depth: int) -> bool:
    """Whether a value is, beyond doubt, what somebody sent: here or further up."""
    if not depth or _NUMBERS & set(value.names):
        return False
    names = _taken_from(value)
    if any(_SENT.search(name) for name in names):
        return True
    parameters = {p.name for p in caller.parameters}
    for name in names:
        if name in caller.tested or _is_table(name):
            continue
        base = name.partition(".")[0]
        given = [a.value for a in caller.assigns if a.target in {name, base}]
        if any(_is_sent(module, caller, each, depth - 1) for each in given):
            return True
        if not given and name in parameters:
            if any(True for _ in _sent_for(module, caller, name, depth)):
                return True
    return False


def _taken_from(value: Value) -> tuple[str, ...]:
    """The names whose text a value may hold; what is looked up by a name does not hold it."""
    if value.kind == "await":
        return (value.text,)
    if value.kind == "subscript":
        return (value.text.partition("[")[0],)
    if value.kind == "call":
        owner, _, last = value.text.rpartition(".")
        asked = value.text if _SENT.search(value.text) else owner
        return (asked,) if last in _PASSES_ON or asked != owner else ()
    if value.kind in {"name", "fstring", "concat", "format"}:
        return value.names
    joined = value.text == "BoolOp" or value.text.startswith("{}")
    return value.names if joined else ()


def _built(module: ModuleSource) -> Iterator[Problem]:
    """What a builder of SQL is given: by its constructor, or by a method that keeps it."""
    for file, function in module.functions():
        kept = {
            part.name: text
            for text in (*function.sql, *function.fragments)
            for part in text.parts
            if part.origin == "attribute"
        }
        for name, text in kept.items():
            places = list(_givers(module, file, function, name))
            for other, line in places:
                yield module.problem(
                    other,
                    line,
                    f"what is given here becomes part of the SQL as `{name}`",
                )
            if places:
                part = SqlPart(name, "attribute", text.line)
                yield module.problem(file, text.line, _said(part))


def _givers(
    module: ModuleSource, file: PythonFile, function: Function, name: str
) -> Iterator[tuple[PythonFile, int]]:
    """The calls that leave what somebody sent in an attribute of an object."""
    for method in file.functions:
        if not function.cls or method.cls != function.cls:
            continue
        for assign in method.assigns:
            if assign.target != name:
                continue
            for each in method.parameters:
                if _keeps(method, assign.value, each):
                    for caller, call in _sent_for(module, method, each.name, _DEPTH):
                        yield _file_of(module, caller), call.line


def _keeps(method: Function, value: Value, parameter: Parameter) -> bool:
    """Whether a method keeps a parameter as it came."""
    if parameter.annotation in _NUMBERS:
        return False
    return parameter.name not in method.tested and parameter.name in _taken_from(value)


def _file_of(module: ModuleSource, wanted: Function) -> PythonFile:
    """The file that a function stands in."""
    return next(file for file, each in module.functions() if each is wanted)


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
            or _hands_back(module, function, part, other.functions[number])
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


def _hands_back(
    module: ModuleSource, caller: Function, part: SqlPart, maker: Function
) -> bool:
    """Whether a function answers with what it is given, and is given what was sent."""
    places = [p.name for p in maker.parameters if p.name not in {"self", "cls"}]
    return any(
        value is not None and _is_sent(module, caller, value, _DEPTH)
        for call in caller.calls
        if call.name == part.name
        for name in maker.passes
        if name in places
        for value in [call.argument(places.index(name), name)]
    )


def _is_ours(module: ModuleSource, caller: Function, value: Value, depth: int) -> bool:
    """Whether a caller passes what the program wrote itself, here or further up."""
    if _is_constant(value) or (value.kind == "call" and _NUMBERS & set(value.names)):
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
