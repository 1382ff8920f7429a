"""Blueprints: what each is registered in, and the prefix it has there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from waddlegen.facts.code import Code
from waddlegen.facts.paths import joined, text_of, written
from waddlegen.facts.python import Call, Function, PythonFile, Value

Key = tuple[str, str]
Parents = Mapping[Key, tuple[Key, str | None]]


def prefixes_of(code: Code, parents: Parents) -> dict[Key, str]:
    """The complete prefix of each blueprint, by the file and the name it has there."""
    own: dict[Key, str] = {}
    for file in code.files:
        for call in file.calls:
            if call.last in {"Blueprint", "APIRouter"} and call.target:
                prefix = call.keywords.get("url_prefix") or call.keywords.get("prefix")
                own[(file.path, call.target)] = text_of(file, prefix) or ""
    return {key: _whole_prefix(key, own, parents, 0) for key in {*own, *parents}}


def factories_of(code: Code) -> dict[Key, tuple[Key, str]]:
    """Blueprints that a function of the module makes: its own name for it, and the prefix."""
    makers: dict[str, tuple[PythonFile, Function, Call]] = {}
    for file in code.files:
        for function in file.functions[1:]:
            for call in function.calls:
                if call.last == "Blueprint" and call.target and not function.nested:
                    if any(r.value.text == call.target for r in function.returns):
                        makers[function.name] = (file, function, call)
    found: dict[Key, tuple[Key, str]] = {}
    for file in code.files if makers else ():
        for call in file.module.calls:
            if call.last in makers and call.target:
                home, function, made = makers[call.last]
                prefix = made.keywords.get("url_prefix")
                for place, parameter in enumerate(function.parameters):
                    if prefix is not None and prefix.text == parameter.name:
                        prefix = (
                            call.argument(place, parameter.name) or parameter.default
                        )
                local = (home.path, made.target)
                found[(file.path, call.target)] = (local, text_of(file, prefix) or "")
    return found


def parents_of(code: Code) -> Parents:
    """What each blueprint is registered in, and the prefix it is given there."""
    parents: dict[Key, tuple[Key, str | None]] = {}
    for file in code.files:
        for call in file.calls:
            if call.last == "register_blueprint" and call.args:
                for table, name, mount in _mounted(code, file, call):
                    child = blueprint_of(code, table, Value("name", name, (name,)))
                    parents[child] = ((file.path, call.receiver), mount)
                child = blueprint_of(code, file, call.args[0])
                given = text_of(file, call.keywords.get("url_prefix"))
                parents[child] = ((file.path, call.receiver), given)
    return parents


def _mounted(
    code: Code, file: PythonFile, call: Call
) -> Iterator[tuple[PythonFile, str, str]]:
    """The blueprints of a list that `for blueprint, prefix in MOUNTS` goes over."""
    if call.loop is None or call.loop.over.kind != "name":
        return
    origin = code.origin(file, call.loop.over.text)
    stem, _, name = origin.rpartition(".")
    for table in code.by_stem.get(stem.rpartition(".")[2], ()) if stem else (file,):
        for blueprint, prefix in table.pairs.get(name, ()):
            yield table, blueprint, prefix


def _whole_prefix(
    key: tuple[str, str],
    own: Mapping[tuple[str, str], str],
    parents: Mapping[tuple[str, str], tuple[tuple[str, str], str | None]],
    depth: int,
) -> str:
    """A blueprint's prefix with those of the blueprints it is registered in."""
    prefix = own.get(key, "")
    if key not in parents or depth > 5:
        return prefix
    parent, given = parents[key]
    if given is not None:
        prefix = given
    above = _whole_prefix(parent, own, parents, depth + 1) if parent in own else ""
    return joined(above, prefix) if above else prefix


def blueprint_of(code: Code, file: PythonFile, value: Value) -> tuple[str, str]:
    """The file and name of a blueprint that is passed around."""
    name = value.text if value.kind in {"name", "call"} else (value.names or ("",))[0]
    if any(call.target == name for call in file.calls if call.last == "Blueprint"):
        return file.path, name
    origin = code.origin(file, name)
    stem, _, variable = origin.rpartition(".")
    for candidate in code.by_stem.get(stem.rpartition(".")[2], []):
        for call in candidate.calls:
            if call.last == "Blueprint" and call.target == variable:
                return candidate.path, variable
    for candidate in code.files:
        for call in candidate.calls:
            if call.last == "Blueprint" and call.target in {variable, name}:
                if stem.rpartition(".")[2] in candidate.path or not stem:
                    return candidate.path, call.target
    return file.path, name


def blueprint_name(code: Code, key: Key) -> str:
    """The name that a blueprint gives to its endpoints."""
    for file in code.files:
        if file.path == key[0]:
            for call in file.calls:
                if call.last == "Blueprint" and call.target == key[1]:
                    return written(call.argument(0, "name"))
    return ""
