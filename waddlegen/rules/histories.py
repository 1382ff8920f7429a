"""Lists that an object keeps for each user or key, and that only ever get longer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from waddlegen.facts.python import Assign, Call, Function, PythonFile

_HISTORY = re.compile(
    r"histor|recent|seen|log|message|past|earlier|previous|hit|time|stamp|window|attempt|strike|"
    r"event|score|sample|track|buffer|memory|turn",
    re.IGNORECASE,
)
_ADDS = frozenset({"append", "appendleft", "extend", "insert"})
_CUTS = frozenset({"pop", "popleft", "clear", "remove"})


def endless_lists(file: PythonFile, assign: Assign, methods: Sequence[Function]) -> int:
    """The line on which a list in a mapping gets longer, and nothing cuts it; 0 for none.

    That somebody may take a whole entry away by its key bounds no list.
    """
    name = assign.target
    if not _HISTORY.search(name) or not _is_mapping(assign):
        return 0
    if any(_forgets_all(function, name) for function in methods):
        return 0
    if any(_is_short(call, name) for function in methods for call in function.calls):
        return 0
    if any(
        call.line == assign.line and call.keywords.keys() & {"maxlen", "ttl", "maxsize"}
        for call in file.calls
    ):
        return 0
    lines = [line for function in methods for line in _longer(function, name)]
    cut = any(_cuts(function, name) for function in methods)
    return min(lines) if lines and not cut else 0


def _is_mapping(assign: Assign) -> bool:
    """Whether a name is given an empty mapping."""
    value = assign.value
    if value.kind == "dict":
        return not value.text
    return value.text.rpartition(".")[2] in {"dict", "defaultdict", "OrderedDict"}


def _is_short(call: Call, name: str) -> bool:
    """Whether an entry begins as a deque of a largest size."""
    return call.receiver == name and any(
        "deque" in other for value in call.args for other in value.names
    )


def _forgets_all(function: Function, name: str) -> bool:
    """Whether a method goes over the mapping, looks at its size, or begins anew."""
    if any(each.target == name for each in function.assigns):
        return True
    whole = {name, f"{name}.items", f"{name}.keys", f"{name}.values"}
    for loop in function.loops:
        if loop.over.kind in {"name", "call"} and not whole.isdisjoint(loop.over.names):
            return True
    return any(_empties(call, name) for call in function.calls)


def _empties(call: Call, name: str) -> bool:
    """Whether a call takes out more than one entry, or asks how many there are."""
    if call.name == "len":
        return bool(call.args) and call.args[0].text == name
    if call.receiver != name:
        return False
    return call.last in {"clear", "popitem"} or (call.last == "pop" and bool(call.loop))


def _entries(function: Function, name: str) -> set[str]:
    """The names by which a method calls one entry of a mapping."""
    return {
        each.target
        for each in function.assigns
        if each.value.text in {f"{name}[*]", f"{name}.setdefault", f"{name}.get"}
        or (each.value.kind == "other" and f"{name}.get" in each.value.names)
    }


def _longer(function: Function, name: str) -> Iterator[int]:
    """The lines on which a method adds to an entry."""
    entries = _entries(function, name) | {f"{name}[]", f"{name}.setdefault()"}
    for call in function.calls:
        if call.last in _ADDS and call.receiver in entries:
            yield call.line


def _cuts(function: Function, name: str) -> bool:
    """Whether a method makes an entry shorter, or looks how long it is before it adds."""
    entries = _entries(function, name) | {f"{name}[]", f"{name}.setdefault()"}
    if any(call.receiver in entries and call.last in _CUTS for call in function.calls):
        return True
    if any(each.partition("[")[0] in entries for each in function.deletes):
        return True
    for assign in function.assigns:
        base = assign.target.partition("[")[0]
        if assign.target.startswith(f"{name}[") and assign.value.kind != "list":
            return True
        if base in entries and assign.target != base:
            return True
    return any(
        call.name == "len"
        and call.args
        and call.args[0].text.partition("[")[0] in entries | {name}
        for call in function.calls
    )
