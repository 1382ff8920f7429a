"""Read what a pydantic model takes: its fields, and whether it refuses others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waddlegen.facts.python import Assign, Call, Class, PythonFile

_ROOTS = frozenset({"BaseModel", "pydantic.BaseModel"})
_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Model:
    """One pydantic model: the keys it must be given, those it may, and no others if closed."""

    name: str
    required: frozenset[str]
    known: frozenset[str]
    closed: bool


def model_of(files: Sequence[PythonFile], name: str) -> Model | None:
    """The model of a name; None when it is none, or not all of it can be seen."""
    found = [
        (file, number)
        for file in files
        for number, made in enumerate(file.classes)
        if made.name == name
    ]
    if len(found) != 1:
        return None
    return _read(files, *found[0], depth=_DEPTH)


def _read(
    files: Sequence[PythonFile], file: PythonFile, number: int, depth: int
) -> Model | None:
    """A model, with what it takes over from those it is made of."""
    made = file.classes[number]
    required: set[str] = set()
    known: set[str] = set()
    closed = False
    for base in made.bases:
        if base in _ROOTS:
            continue
        parent = model_of(files, base.rpartition(".")[2]) if depth else None
        if parent is None:
            return None
        required |= parent.required
        known |= parent.known
        closed |= parent.closed
    calls = {call.line: call for call in file.calls if call.last in _DESCRIBES}
    if not made.bases or any(_has_alias(calls.get(a.line)) for a in made.fields):
        return None
    for each in made.fields:
        name = each.target
        if name == "model_config":
            closed |= _forbids(each, calls)
        elif each.annotation and not each.annotation.endswith("ClassVar[]"):
            known.add(name)
            required.discard(name)
            if _is_required(each, calls):
                required.add(name)
    closed |= _inner_forbids(file, number)
    return Model(made.name, frozenset(required), frozenset(known), closed)


_DESCRIBES = frozenset({"Field", "ConfigDict", "dict"})


def _has_alias(call: Call | None) -> bool:
    """Whether a field goes by another name outside."""
    return call is not None and any("alias" in name for name in call.keywords)


def _is_required(field: Assign, calls: Mapping[int, Call]) -> bool:
    """Whether a field has no default."""
    value = field.value
    if value.kind == "other" and not value.text:
        return True
    if value.kind != "call":
        return False
    call = calls.get(field.line)
    if call is None or call.last != "Field" or call.double_star:
        return False
    if {"default", "default_factory"} & call.keywords.keys():
        return False
    # `...` says that a field is required.
    return not call.args or (call.args[0].kind, call.args[0].text) == ("num", "?")


def _forbids(config: Assign, calls: Mapping[int, Call]) -> bool:
    """Whether `model_config` forbids other keys."""
    call = calls.get(config.line)
    extra = call.keywords.get("extra") if call is not None else None
    return extra is not None and extra.text.rpartition(".")[2] == "forbid"


def _inner_forbids(file: PythonFile, number: int) -> bool:
    """Whether a class `Config` directly inside forbids other keys."""
    inner: Class | None = next(iter(file.classes[number + 1 : number + 2]), None)
    if inner is None or inner.name != "Config" or inner.bases:
        return False
    return any(
        each.target == "extra" and each.value.text.rpartition(".")[2] == "forbid"
        for each in inner.fields
    )
