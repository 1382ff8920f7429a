"""The fields of Kubernetes' common kinds, and what in a manifest does not fit them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from waddlegen.facts.yamldocs import Node

# One field of a type: what its value is, and whether it must be there.
Fields = Mapping[str, str]
_SCALARS = ("string", "integer", "boolean", "number", "quantity", "intorstring")


@dataclass(frozen=True, slots=True)
class Table:
    """The types, the type of each kind in each version, the versions of all kinds."""

    kinds: Mapping[str, str]
    versions: Mapping[str, tuple[str, ...]]
    types: Mapping[str, Fields]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit: `sort` is unknown, missing or type."""

    sort: str
    node: Node
    path: str
    message: str
    hint: str


@functools.cache
def table() -> Table:
    """Read the table once."""
    path = Path(__file__).with_name("kubernetes_fields.json")
    data = json.loads(path.read_text("utf-8"))
    versions = {kind: tuple(found) for kind, found in data["versions"].items()}
    return Table(data["kinds"], versions, data["types"])


@functools.cache
def _fields(name: str) -> tuple[Fields, tuple[str, ...]]:
    """The fields of a type with what they hold, and those that must be there."""
    fields = table().types[name]
    needed = tuple(field[:-1] for field in fields if field.endswith("!"))
    return {field.removesuffix("!"): kind for field, kind in fields.items()}, needed


def misfits(root: Node, kind: str, api_version: str) -> Iterator[Misfit]:
    """Compare an object with its kind; nothing for kinds that are not in the table."""
    name = table().kinds.get(f"{kind} {api_version}")
    if name:
        yield from _of_type(root, name, "", frozenset())


@functools.lru_cache(maxsize=4096)
def resembles(name: str, known: tuple[str, ...]) -> str:
    """The known name that one was probably meant to be; "" for none."""
    lowered = {each.lower(): each for each in known}
    if name.lower() in lowered:
        return lowered[name.lower()]
    import difflib

    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.8)
    return lowered[close[0]] if close else ""


def _of_type(
    node: Node, name: str, path: str, above: frozenset[int]
) -> Iterator[Misfit]:
    """Compare a mapping with the fields of a type."""
    if not node.is_mapping:
        if not node.is_null:
            yield _wrong(node, path, "a mapping")
        return
    if id(node) in above:
        return
    known, needed = _fields(name)
    meant: set[str] = set()
    around = above | {id(node)}
    for key, value in node.keys.items():
        inner = f"{path}.{key}" if path else key
        if type(value.value) in _PLAIN.get(known.get(key, ""), ()):
            continue
        if key in known:
            yield from _of_kind(value, known[key], inner, around)
        else:
            close = resembles(key, tuple(known))
            meant.add(close)
            hint = f"write `{close}`" if close else "remove it, or see where it belongs"
            message = f"`{path or name}` has no field `{key}`"
            yield Misfit("unknown", node.mark(key), inner, message, hint)
    for field in needed:
        if node[field].is_null and field not in meant:
            message = f"`{path or name}` lacks `{field}`, which it must have"
            yield Misfit("missing", node, f"{path}.{field}", message, f"add `{field}:`")


def _of_kind(
    node: Node, kind: str, path: str, above: frozenset[int]
) -> Iterator[Misfit]:
    """Compare a value with what its field holds."""
    if kind == "any" or node.is_null:
        return
    if kind.startswith("["):
        if not node.is_list:
            yield _wrong(node, path, "a list")
        for item in node:
            if item.is_null and kind[1:] == "string":
                yield _wrong(item, path, "text")
            yield from _of_kind(item, kind[1:], f"{path}[]", above)
    elif kind.startswith("{"):
        if not node.is_mapping:
            yield _wrong(node, path, "a mapping")
        for key, item in node.keys.items():
            if item.is_null and kind[1:] == "string" and path.endswith("data"):
                continue
            yield from _of_kind(item, kind[1:], f"{path}.{key}", above)
    elif kind in _SCALARS:
        yield from _scalar(node, kind, path)
    else:
        yield from _of_type(node, kind, path, above)


# What a plain value of a kind is most often; nothing more is to be said of it.
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "number": (int, float),
    "quantity": (int, float, str),
    "intorstring": (int, str),
}
_WANTED = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "number": "a number",
    "quantity": "a quantity",
    "intorstring": "a whole number or text",
}


def _scalar(node: Node, kind: str, path: str) -> Iterator[Misfit]:
    """Compare a plain value."""
    value = node.value
    if kind == "string" and isinstance(value, str) and node.kind == "scalar":
        return
    boolean = isinstance(value, bool)
    variable = isinstance(value, str) and ("$" in value or "{{" in value)
    fits = {
        "string": isinstance(value, str),
        "integer": node.integer is not None or _is_whole(value),
        "boolean": boolean,
        "number": isinstance(value, (int, float)) and not boolean,
        "quantity": isinstance(value, (int, float, str)) and not boolean,
        "intorstring": isinstance(value, (int, str)) and not boolean,
    }[kind]
    if node.kind != "scalar" or not (fits or variable):
        yield _wrong(node, path, _WANTED[kind])


def _is_whole(value: object) -> bool:
    """Whether a number with a point is whole: JSON does not tell them apart."""
    return isinstance(value, float) and value.is_integer()


def _wrong(node: Node, path: str, wanted: str) -> Misfit:
    """Say that a value is of the wrong type."""
    if wanted == "text" and node.kind == "scalar":
        spelled = node.spelling if node.spelling else node.shown
        hint = f'quotes make it text: "{spelled}"'
    elif wanted in ("a whole number", "true or false") and node.text is not None:
        hint = "write it without quotes"
    else:
        hint = f"give {wanted}"
    message = f"`{path}` is {node.shown}, where Kubernetes takes {wanted}"
    return Misfit("type", node, path, message, hint)
