"""Paths and methods, as the calls that make routes give them."""

from __future__ import annotations

from collections.abc import Mapping

from waddlegen.facts.python import Call, PythonFile, Value

VERBS = frozenset("get post put patch delete head options".split())


def method_list(file: PythonFile, call: Call) -> tuple[str, ...]:
    """The `methods=` of a call; GET without one."""
    given = call.keywords.get("methods")
    if given is None:
        return ("GET",)
    if given.kind == "name" and given.text in file.constants:
        given = file.constants[given.text]
    names = tuple(
        name.strip().upper() for name in given.text.split(",") if name.strip()
    )
    return names if all(name.isalpha() for name in names) and names else ("GET",)


def text_of(file: PythonFile, value: Value | None) -> str | None:
    """The text of a path, constants of the file followed."""
    if value is None:
        return None
    if value.kind == "str":
        return value.text
    if value.kind in {"fstring", "concat"}:
        return _filled(file, value)
    if value.kind == "name":
        constant = file.constants.get(value.text)
        return constant.text if constant and constant.kind == "str" else "/{}"
    return None


def _filled(file: PythonFile, value: Value) -> str:
    """A composed text with the constants of the file put in."""
    if value.text.count("{}") != len(value.names):
        return value.text
    text = value.text
    for name in value.names:
        constant = file.constants.get(name)
        known = constant is not None and constant.kind == "str"
        text = text.replace("{}", constant.text if constant and known else "\0", 1)
    return text.replace("\0", "{}")


def with_bound(value: Value | None, bound: Mapping[str, Value]) -> Value | None:
    """A value with the names of a loop put in."""
    if value is None or not bound:
        return value
    head, dot, rest = value.text.partition(".")
    if value.kind in {"name", "call"} and head in bound:
        given = bound[head]
        if not dot:
            return given
        names = tuple(
            given.text + name[len(head) :] if name.partition(".")[0] == head else name
            for name in value.names
        )
        return Value(value.kind, given.text + dot + rest, names)
    if value.kind in {"fstring", "concat"}:
        texts = [bound[n].text for n in value.names if n in bound]
        text = value.text
        for each in texts:
            text = text.replace("{}", each, 1)
        return Value(value.kind, text, value.names)
    if value.kind == "call" and bound.keys() & set(value.names):
        names = tuple(bound[n].text if n in bound else n for n in value.names)
        return Value(value.kind, value.text, names)
    return value


def written(value: Value | None) -> str:
    """A text that is written out."""
    return value.text if value is not None and value.kind == "str" else ""


def joined(prefix: str, path: str) -> str:
    """A path below its prefix."""
    whole = "/" + "/".join(p.strip("/") for p in (prefix, path) if p.strip("/"))
    return whole + ("/" if path.endswith("/") and len(path) > 1 else "")
