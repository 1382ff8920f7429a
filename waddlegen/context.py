"""The plain values a template sees: a spec with all its derived names, as dicts and lists.

Copier hands its templates plain data, so ours get nothing else: what a spec's class or an
endpoint offers as a property is a key here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel

from waddlegen.endpoint import Endpoint, endpoints, example
from waddlegen.spec import FieldSpec, ModuleSpec

_KEYS: dict[type, tuple[str, ...]] = {}


def _keys(kind: type) -> tuple[str, ...]:
    """The names a template may read on a value: its fields and its properties."""
    if kind not in _KEYS:
        _KEYS[kind] = tuple(_find_keys(kind))
    return _KEYS[kind]


def _find_keys(kind: type) -> Iterator[str]:
    """Look the names up on a class and the classes it extends."""
    if issubclass(kind, BaseModel):
        yield from kind.model_fields
    else:
        yield from getattr(kind, "__dataclass_fields__")
    for ancestor in kind.mro():
        if ancestor is BaseModel:
            return
        for key, value in vars(ancestor).items():
            if isinstance(value, property):
                yield key


# Most values are of these: they are told apart before anything that costs.
_PLAIN = frozenset({str, int, float, bool, type(None)})
Memo = dict[int, Any]


def plain(value: object, memo: Memo) -> Any:
    """Turn a value of the spec into dicts, lists, texts and numbers.

    `memo` remembers parts by identity: a table stands in many endpoints, and is turned
    once. The parts have to outlive it.
    """
    if type(value) in _PLAIN:
        return value
    if id(value) in memo:
        return memo[id(value)]
    match value:
        case Enum():
            return value.value
        case list() | tuple():
            return [plain(item, memo) for item in value]
        case Mapping():
            return {key: plain(item, memo) for key, item in value.items()}
        case BaseModel() | Endpoint():
            memo[id(value)] = _mapping(value, memo)
            return memo[id(value)]
    return _mapping(value, memo) if is_dataclass(value) else value


def _mapping(value: object, memo: Memo) -> dict[str, Any]:
    """The fields and properties of one value, and what templates ask beyond them."""
    keys = _keys(type(value))
    match value:
        case Endpoint(feature=feature):
            keys = tuple(key for key in keys if key not in ("feature", "tables"))
            more = {"feature": {"id": feature.id, "class_name": feature.class_name}}
        case FieldSpec():
            more = {"example": plain(example(value), memo)}
        case _:
            more = {}
    found = ((key, getattr(value, key)) for key in keys)
    return {k: v if type(v) in _PLAIN else plain(v, memo) for k, v in found} | more


def module_context(
    spec: ModuleSpec, seeds: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the templates of one module see: `module`, with the text of its seeded files.

    `seeds` are the files beside the spec, path to text; a service or test among them
    takes the place of the one the template would make.
    """
    seeds = seeds or {}
    memo: Memo = {}
    made = endpoints(spec)
    module = plain(spec, memo)
    every = [plain(endpoint, memo) for endpoint in made]
    for feature in module["features"]:
        feature["endpoints"] = [e for e in every if e["feature"]["id"] == feature["id"]]
    module["endpoints"] = every
    module["seeds"] = [
        {"path": path, "text": text} for path, text in sorted(seeds.items())
    ]
    module["unseeded"] = {
        kind: [f for f in module["features"] if path.format(f["id"]) not in seeds]
        for kind, path in _SEEDED.items()
    }
    return {"module": module}


_SEEDED = {
    "services": "services/{}_service.py",
    "tests": "tests/test_{}_service.py",
}


def fleet_context(specs: Iterable[ModuleSpec]) -> dict[str, Any]:
    """What the templates of the fleet see: `modules`, sorted by id."""
    ordered = sorted(specs, key=lambda spec: spec.id)
    return {"modules": [module_context(spec)["module"] for spec in ordered]}
