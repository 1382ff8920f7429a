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


def plain(value: object) -> Any:
    """Turn a value of the spec into dicts, lists, texts and numbers."""
    match value:
        case Enum():
            return value.value
        case FieldSpec():
            return {**_mapping(value), "example": plain(example(value))}
        case Endpoint():
            feature = {"id": value.feature.id, "class_name": value.feature.class_name}
            rest = {
                key: plain(getattr(value, key))
                for key in _keys(Endpoint)
                if key not in ("feature", "tables")
            }
            return {"feature": feature, **rest}
        case BaseModel():
            return _mapping(value)
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return _mapping(value) if is_dataclass(value) else value


def _mapping(value: object) -> dict[str, Any]:
    """The fields and properties of one value."""
    return {key: plain(getattr(value, key)) for key in _keys(type(value))}


def module_context(
    spec: ModuleSpec, seeds: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the templates of one module see: `module`, with the text of its seeded files.

    `seeds` are the files beside the spec, path to text; a service or test among them
    takes the place of the one the template would make.
    """
    seeds = seeds or {}
    module = plain(spec)
    every = [plain(endpoint) for endpoint in endpoints(spec)]
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
