"""Decorators that guard: those which let only known callers in."""

from __future__ import annotations

import re

from waddlegen.facts.callers import AUTH, NOT_AUTH
from waddlegen.facts.code import Code, from_library
from waddlegen.facts.python import PythonFile


def is_guard(code: Code, file: PythonFile, name: str) -> bool:
    """Whether a decorator lets only known callers in."""
    last = name.rpartition(".")[2]
    origin = code.origin(file, name)
    found = code.resolve(file, name) or code.resolve(file, origin)
    if found and not from_library(file, name):
        return any(
            code.checks_caller(other, index)
            or composes(code, other, index)
            or _turns_away(other, index)
            or any(
                inner.nested and 401 in inner.statuses for inner in other.within(index)
            )
            for other, index in found[:3]
        )
    known = origin.rpartition(".")[2] or last
    if NOT_AUTH.search(known):
        return False
    if code.library is not None and from_library(file, name):
        shared = code.library.functions.get(known, [])
        if any(code.library.checks_caller(other, index) for other, index in shared):
            return True
    return bool(AUTH.search(known)) or bool(AUTH.search(last) and known == last)


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


def composes(code: Code, file: PythonFile, number: int) -> bool:
    """Whether a decorator is made of another one that guards."""
    for function in file.within(number):
        for each in (*function.calls, *function.decorators):
            last = code.origin(file, each.name).rpartition(".")[2]
            if AUTH.search(last) and not NOT_AUTH.search(last):
                if from_library(file, each.name):
                    return True
    return False
