"""SQL that holds what somebody sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.kinds import Kind
from waddlegen.facts.python import (
    Assign,
    Call,
    Function,
    Parameter,
    PythonFile,
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
            if fragment.call == "text" and not module.imports("sqlalchemy"):
                continue
            for part in fragment.parts:
                quoted = _QUOTED.search(fragment.text) and part.origin == "parameter"
                asks = _is_dangerous if quoted else _is_given
                if part.name not in seen and asks(module, file, function, part):
                    seen.add(part.name)
                    yield module.problem(file, fragment.line, _said(part))
                    break
    yield from _built(module)
    yield from _orders(module)


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
    if part.origin == "field":
        return _is_sent_field(module, file, function, part.name, _DEPTH)
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
            if is_sent(module, caller, value, depth - 1):
                yield caller, call


_DEPTH = 5
_NUMBERS = frozenset({"int", "float", "bool"})
_SENT = re.compile(r"(^|\.)request\.(args|form|values|json|get_json|headers|view_args)")
_PASSES_ON = frozenset(
    {"get", "strip", "lower", "upper", "lstrip", "rstrip", "getlist"}
)


def is_sent(module: ModuleSource, caller: Function, value: Value, depth: int) -> bool:
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
        if name.count(".") == 1 and not name.startswith("self."):
            file = _file_of(module, caller)
            if _is_sent_field(module, file, caller, name, depth - 1):
                return True
        base = name.partition(".")[0]
        given = [a.value for a in caller.assigns if a.target in {name, base}]
        if any(is_sent(module, caller, each, depth - 1) for each in given):
            return True
        if not given and name in parameters:
            if any(True for _ in _sent_for(module, caller, name, depth)):
                return True
    return False


def _is_sent_field(
    module: ModuleSource, file: PythonFile, function: Function, name: str, depth: int
) -> bool:
    """Whether a part of an object, or of a mapping, is any text that somebody sent."""
    base, bracket, key = name.partition("[")
    if bracket:
        return key.rstrip("]") not in function.tested and any(
            True for _ in _sent_for(module, function, base, depth)
        )
    base, _, field = name.partition(".")
    return any(
        _takes_any_text(module, kind, field)
        for kind in _classes_of(module, file, function, base, min(depth, 3))
    )


def _classes_of(
    module: ModuleSource, file: PythonFile, function: Function, name: str, depth: int
) -> Iterator[Kind]:
    """The classes of what a name holds: by what is said here, or by what callers give."""
    kind = module.kinds.of(file, function, name)
    if kind is not None:
        yield kind
        return
    places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
    if name not in places or not depth:
        return
    for caller, call in module.calls_by_name.get(function.name, ()):
        value = call.argument(places.index(name), name)
        if caller is function or value is None:
            continue
        above = _file_of(module, caller)
        if value.kind == "name":
            yield from _classes_of(module, above, caller, value.text, depth - 1)
        elif value.kind in {"call", "await"}:
            name = value.text.removesuffix("()")
            made = module.kinds.classes.get(module.kinds.made_by(above, name))
            if made is not None:
                yield made


def _takes_any_text(module: ModuleSource, kind: Kind, name: str) -> bool:
    """Whether a field of what a request is read into may be any text at all."""
    lineage = list(_lineage(module, kind))
    owner = next((k for k in lineage if _field(k, name) is not None), None)
    if any(_judges(each, name) for each in lineage):
        return False
    if owner is None:
        return any(_is_kept_as_sent(module, each, name) for each in lineage)
    field = _field(owner, name)
    if field is None or not _is_text(module, owner, field):
        return False
    if any(_MODEL in base for each in lineage for base in each.cls.bases):
        return True
    places = [each.target for each in owner.cls.fields if each.annotation]
    return any(
        value is not None and is_sent(module, caller, value, 3)
        for maker in (kind.name, "cls")
        for caller, call in module.calls_by_name.get(maker, ())
        if maker != "cls" or caller.cls == kind.name
        for value in [call.argument(places.index(name), name)]
    )


def _is_kept_as_sent(module: ModuleSource, kind: Kind, name: str) -> bool:
    """Whether a constructor keeps what somebody sent under a name, just as it came."""
    made = kind.methods.get("__init__")
    kept = [a for a in made.assigns if a.target == f"self.{name}"] if made else []
    changed = any(
        assign.target == f"self.{name}"
        for method in kind.methods.values()
        if method is not made
        for assign in method.assigns
    )
    return (
        made is not None
        and not changed
        and any(
            _keeps(made, assign.value, each)
            and any(True for _ in _sent_for(module, made, each.name, 3))
            for assign in kept
            for each in made.parameters
        )
    )


_MODEL = "BaseModel"


def _lineage(module: ModuleSource, kind: Kind) -> Iterator[Kind]:
    """A class and those it is made from, as far as they are the module's."""
    pending, seen = [kind], set()
    while pending:
        each = pending.pop(0)
        if each.name in seen:
            continue
        seen.add(each.name)
        yield each
        for base in each.cls.bases:
            above = module.kinds.classes.get(base.rpartition(".")[2])
            if above is not None:
                pending.append(above)


def _field(kind: Kind, name: str) -> Assign | None:
    """The field of a class that a name means."""
    return next((f for f in kind.cls.fields if f.target == name and f.annotation), None)


# What keeps a text to what the program has written.
_NARROWS = frozenset({"pattern", "regex", "choices"})
_NARROWING = frozenset(
    "AfterValidator BeforeValidator PlainValidator WrapValidator StringConstraints constr".split()
)


def _is_text(module: ModuleSource, kind: Kind, field: Assign) -> bool:
    """Whether a field is a text that nothing narrows."""
    plain = field.annotation == "str" or (
        field.annotation in {"Optional[]", "Annotated[]"} and field.of in {"str", "?"}
    )
    if not plain and field.annotation == "?":
        line = module.line_of(module.path(kind.file.path), field.line)
        plain = _MAYBE_TEXT.search(line) is not None
    if field.annotation == "Annotated[]":
        line = module.line_of(module.path(kind.file.path), field.line)
        plain = "Annotated[str" in line
    return plain and not any(
        (call.last in _NARROWING or _NARROWS & call.keywords.keys())
        for call in kind.file.calls
        if call.line == field.line
        or (call.target == field.target and call.line == field.line)
    )


_MAYBE_TEXT = re.compile(r":\s*(str\s*\|\s*None|None\s*\|\s*str)\b")
_VALIDATORS = frozenset({"field_validator", "validator", "validates"})
_WHOLE = frozenset({"model_validator", "root_validator"})


def _judges(kind: Kind, name: str) -> bool:
    """Whether a class looks at a field itself before anybody uses it."""
    for method in kind.methods.values():
        lasts = {each.last for each in method.decorators}
        if lasts & _VALIDATORS and any(
            name == value.text or value.text == "*"
            for each in method.decorators
            for value in each.args
        ):
            return True
        whole = lasts & _WHOLE or method.name in {"__post_init__", "__init__"}
        if whole and any(name in each.split(".") for each in method.tested):
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
    if part.origin == "field":
        return _is_sent_field(module, file, function, part.name, _DEPTH)
    if part.origin == "made":
        return any(
            _quotes(module, other.functions[number])
            or _hands_on(module, function, part, other.functions[number])
            or _hands_back(module, file, function, part, other.functions[number])
            for other, number in module.code.resolve(file, part.name)[:2]
        )
    if part.origin not in {"parameter", "keys", "keywords"}:
        return False
    places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
    if part.name not in places or _is_of_few(module, function, part.name):
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


def _is_of_few(module: ModuleSource, function: Function, name: str) -> bool:
    """Whether a parameter takes what an enumeration, or a Literal, lists."""
    kind = next(p.annotation for p in function.parameters if p.name == name)
    last = kind.rpartition(".")[2]
    if last in {"", "str", "Any"}:
        return False
    if last.startswith("Literal["):
        return True
    known = module.kinds.classes.get(last)
    if known is not None:
        return any(base.endswith(("Enum", "Flag")) for base in known.cls.bases)
    return any(
        each.target == last and "Literal[" in each.value.text
        for file in module.python
        for each in file.module.assigns
    )


def _quotes(module: ModuleSource, function: Function) -> bool:
    """Whether a function answers with one of its parameters between the quotes of SQL."""
    names = {
        each.name
        for each in function.parameters
        if each.annotation not in _NUMBERS
        and not _is_of_few(module, function, each.name)
    }
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
    module: ModuleSource,
    file: PythonFile,
    caller: Function,
    part: SqlPart,
    maker: Function,
) -> bool:
    """Whether a function answers with text that it is given, and is given what was sent."""
    places = [p.name for p in maker.parameters if p.name not in {"self", "cls"}]
    if not maker.passes or _CLEANS.search(maker.name):
        return False
    # What a function pastes into a clause itself is said where it does so.
    pasted = {part.name for text in maker.fragments for part in text.parts}
    return any(
        value is not None and _may_be_sent(module, file, caller, value)
        for call in caller.calls
        if call.name == part.name
        for name in maker.passes
        if name in places and name not in pasted
        if not _is_of_few(module, maker, name)
        for value in [call.argument(places.index(name), name)]
    )


# A function that is so called makes names of what it is given, or looks them up.
_CLEANS = re.compile(r"quote|escape|ident|sanitiz|safe|clean|valid|check|allow")


def _may_be_sent(
    module: ModuleSource, file: PythonFile, caller: Function, value: Value
) -> bool:
    """Whether a value is what somebody sent, or a parameter that nobody vouches for."""
    if is_sent(module, caller, value, _DEPTH):
        return True
    if value.kind != "name" or value.text in caller.tested:
        return False
    known = next((p for p in caller.parameters if p.name == value.text), None)
    if known is None or known.annotation in _NUMBERS:
        return False
    if any(each.target == value.text for each in caller.assigns):
        return False
    part = SqlPart(value.text, "parameter", caller.line)
    return _is_dangerous(module, file, caller, part)


def _orders(module: ModuleSource) -> Iterator[Problem]:
    """What PyDAL is told to order or group by, as somebody sent it."""
    for caller, call in module.calls_by_name.get("select", ()):
        for key in ("orderby", "groupby"):
            value = call.keywords.get(key)
            if value is not None and is_sent(module, caller, value, _DEPTH):
                file = _file_of(module, caller)
                message = f"`{key}` is what somebody sent, and becomes part of the SQL"
                yield module.problem(file, call.line, message, call.column)


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
            if any(call.double_star for other, call in calls if other is not caller):
                return False
            if not above or not all(
                each is None or _is_ours(module, other, each, depth - 1)
                for other, each in above
            ):
                return False
        elif not name.rpartition(".")[2].lstrip("_").isupper():
            if not _is_narrow_field(module, caller, name):
                return False
    return True


def _is_narrow_field(module: ModuleSource, caller: Function, name: str) -> bool:
    """Whether a name is a field of a model that takes a few texts, or numbers, alone."""
    base, dot, field = name.partition(".")
    if not dot or "." in field:
        return False
    kind = module.kinds.of(_file_of(module, caller), caller, base)
    if kind is None:
        return False
    lineage = list(_lineage(module, kind))
    owner = next((k for k in lineage if _field(k, field) is not None), None)
    found = _field(owner, field) if owner else None
    if owner is None or found is None:
        return False
    return any(_judges(k, field) for k in lineage) or not _is_text(module, owner, found)


def _is_constant(value: Value) -> bool:
    """Whether a caller passes what it wrote itself."""
    if value.kind in {"str", "num", "none", "bool"}:
        return True
    if value.kind in {"list", "dict"} and not value.names:
        return True
    if value.kind == "dict" and "*" not in value.text.split(","):
        return True
    return value.kind == "name" and value.text.rpartition(".")[2].isupper()
