"""Decorators that guard: those which let only known callers in."""

from __future__ import annotations

import re

from waddlegen.facts.callers import AUTH, NOT_AUTH
from waddlegen.facts.code import Code, from_library
from waddlegen.facts.python import Call, PythonFile


def is_guard(code: Code, file: PythonFile, name: str, depth: int = 3) -> bool:
    """Whether a decorator lets only known callers in."""
    last = name.rpartition(".")[2]
    origin = code.origin(file, name)
    found = code.resolve(file, name) or code.resolve(file, origin)
    if found and not from_library(file, name):
        return any(
            code.checks_caller(other, index)
            or composes(code, other, index, depth - 1)
            or _turns_away(other, index)
            or _answers_no(other, index)
            for other, index in found[:3]
        )
    known = origin.rpartition(".")[2] or last
    if NOT_AUTH.search(known):
        return False
    if depth and _is_stack(code, file, name, depth - 1):
        return True
    if code.library is not None and from_library(file, name):
        shared = code.library.functions.get(known, [])
        if any(
            code.library.checks_caller(other, index) or _answers_no(other, index)
            for other, index in shared
        ):
            return True
    if last in _DEMANDS and _is_permission(code, file, name.rpartition(".")[0]):
        return True
    classes = code.classes_named({known})
    if classes and not AUTH.search(known):
        return any(_refuses(code, home, made.name) for home, made in classes)
    return bool(AUTH.search(known)) or bool(AUTH.search(last) and known == last)


# `admin_permission.require(403)`: the name before it says what is asked for.
_DEMANDS = frozenset({"require", "required", "needs", "need", "protect", "guard"})


def _is_permission(code: Code, file: PythonFile, owner: str) -> bool:
    """Whether an object is one that permits, by its name or that of its class."""
    return any(
        AUTH.search(each) and not NOT_AUTH.search(each)
        for each in (owner, code.origin(file, owner))
    )


def _refuses(code: Code, file: PythonFile, name: str) -> bool:
    """Whether a method of a class refuses callers: `Needs("action")` used as a decorator."""
    return any(
        function.cls == name
        and (code.checks_caller(file, number) or composes(code, file, number, 0))
        for number, function in enumerate(file.functions)
    )


def _is_stack(code: Code, file: PythonFile, name: str, depth: int) -> bool:
    """Whether a name is given decorators put together, and one of them guards.

    `secured = compose(async_endpoint, require_key("action"))`, or a lambda that does it.
    """
    home, variable = file, name
    if "." not in name:
        stem, _, other = _imported(file, name).rpartition(".")
        for candidate in code.by_stem.get(stem.rpartition(".")[2], ()) if stem else ():
            home, variable = candidate, other
    for assign in home.module.assigns:
        if assign.target == variable and assign.value.kind in {"call", "other", "list"}:
            parts = {*assign.value.names} - {name, variable}
            parts |= _inside_lambda(home, assign.line, assign.value.text)
            return any(is_guard(code, home, part, depth) for part in sorted(parts))
    return False


def _imported(file: PythonFile, name: str) -> str:
    """What a name was imported as; empty when it was not."""
    return next((each.origin for each in file.imports if each.alias == name), "")


def _inside_lambda(file: PythonFile, line: int, kind: str) -> set[str]:
    """What a lambda of a line calls."""
    if kind != "Lambda":
        return set()
    return {
        call.name
        for function in file.functions
        if function.name == "<lambda>" and function.line == line
        for call in function.calls
    }


def _answers_no(file: PythonFile, number: int) -> bool:
    """Whether what a decorator makes answers 401, or 403 after it has asked for a role."""
    return any(
        401 in inner.statuses
        or (403 in inner.statuses and any(_ROLE.search(each) for each in inner.tested))
        for inner in file.within(number)
        if inner.nested
    )


_ROLE = re.compile(r"(^|[._\[])(roles?|rank|permissions?|scopes?)(\]|$)")


def _turns_away(file: PythonFile, number: int) -> bool:
    """Whether a decorator asks who calls, and answers in the place of the view if need be."""
    outer = file.functions[number]
    views = {p.name for p in outer.parameters}
    if not AUTH.search(outer.name) or NOT_AUTH.search(outer.name):
        return False
    for inner in file.within(number):
        if inner is outer or not inner.tested:
            continue
        asks = any(_ASKS_WHO.search(call.last) for call in inner.calls)
        instead = [r for r in inner.returns if not views & set(r.value.names)]
        if asks and instead and len(instead) < len(inner.returns):
            return True
    return False


_ASKS_WHO = re.compile(r"authenticat|get_auth|verif|load_user|current_user|check_")


def composes(code: Code, file: PythonFile, number: int, depth: int = 2) -> bool:
    """Whether a decorator is made of another one that guards."""
    for function in file.within(number):
        for each in (*function.calls, *function.decorators):
            name = each.name.removesuffix("()")  # as of `needs("role")(view)`
            last = code.origin(file, name).rpartition(".")[2]
            named = AUTH.search(last) and not NOT_AUTH.search(last)
            if named and from_library(file, name):
                return True
            if depth > 0 and "." not in name and last != function.name:
                made = any(a.target == name for a in file.module.assigns)
                known = made or code.resolve(file, name)
                if known and _wraps(file, number, each):
                    if is_guard(code, file, name, depth - 1):
                        return True
    return False


def _wraps(file: PythonFile, number: int, call: Call) -> bool:
    """Whether a call is given what a decorator decorates, or is itself the decorator."""
    views = {p.name for f in file.within(number) for p in f.parameters}
    given = {name for value in call.args for name in value.names}
    return bool(views & given) or any(
        call in each.decorators or any(r.value.text == call.name for r in each.returns)
        for each in file.within(number)
    )
