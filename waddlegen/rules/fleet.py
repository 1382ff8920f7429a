"""What modules promise each other, and comments that ignore findings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from waddlegen.discover import places
from waddlegen.facts.models import Model, model_of
from waddlegen.facts.python import Call, Function
from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_PORT = re.compile(
    r"(?:getenv|environ\.get)\(\s*[\"'](?:MODULE_PORT|GRPC_PORT)[\"']\s*,\s*[\"']?(\d{4,5})"
)


@rule("WB951", severity=Severity.ERROR, topic="fleet")
def payload_nobody_takes(module: ModuleSource) -> Iterator[Problem]:
    """What a module sends to another is refused there, every time.

    The other module's model requires a key that is not sent, or forbids one that is: 400, and
    nobody notices until the feature is missed. Send what the model takes.

    Bad:
        await session.post(f"{REPUTATION_URL}/api/v1/events", json={"user": user})
    Good:
        await session.post(f"{REPUTATION_URL}/api/v1/events", json={"user_id": user})
    """
    for file, function, call in module.calls():
        sent = _sent(function, call)
        path = _path(call) if sent is not None else ""
        if sent is None or not path:
            continue
        wrong = [
            (name, _refused(model, sent))
            for name, model in _receivers(module, path, call.last.upper())
        ]
        if wrong and all(why for _, why in wrong):
            name, why = wrong[0]
            yield module.problem(
                file,
                _line_of(function, call, why),
                f"{name} refuses this: {why} at {call.last.upper()} {path}",
                call.column,
                topic="validation",
            )


def _line_of(function: Function, call: Call, why: str) -> int:
    """Where the key stands that is too much; else where the body is sent."""
    body = call.keywords["json"]
    begins = {a.line for a in function.assigns if a.target == body.text} | set(
        range(call.line, call.end_line + 1)
    )
    for begin, key, line in function.keys:
        if begin in begins and f"forbids `{key}`" in why:
            return line
    return call.line


def _sent(function: Function, call: Call) -> frozenset[str] | None:
    """The keys of the body that a call sends; None when not all of them can be seen."""
    body = call.keywords.get("json")
    if body is None or call.last not in {"post", "put", "patch"}:
        return None
    added: set[str] = set()
    if body.kind == "name":
        name = body.text
        made = [a.value for a in function.assigns if a.target == name]
        if len(made) != 1 or any(c.receiver == name for c in function.calls):
            return None
        for each in function.assigns:
            if each.target.startswith(f"{name}["):
                added.add(each.target[len(name) + 1 : -1])
        body = made[0]
    if body.kind != "dict":
        return None
    keys = {key for key in body.text.split(",") if key} | added
    return None if keys & {"*", "None"} else frozenset(keys)


def _path(call: Call) -> str:
    """The path of the address that is called, when it can be seen."""
    url = call.argument(0, "url")
    if url is None or url.kind not in {"str", "fstring", "concat"}:
        return ""
    match = re.search(r"(?:^|\}|[\w:.]/?)(/api/[\w/-]+)$", url.text)
    return match[1] if match else ""


def _receivers(
    module: ModuleSource, path: str, method: str
) -> Iterator[tuple[str, Model]]:
    """The models that the fleet's other modules hold such a body against."""
    last = path.rpartition("/")[2]
    for other in _others(module.repository):
        if other.folder == module.folder or not _mentions(other, last):
            continue
        for route in other.routes:
            if route.path.rstrip("/") == path and method in route.methods:
                for name in _model_names(route):
                    model = model_of(other.python, name)
                    if model is not None:
                        yield other.name, model


@lru_cache(maxsize=8)
def _others(repository: Path) -> tuple[ModuleSource, ...]:
    """The Python modules of a repository."""
    return tuple(
        ModuleSource(place.repository, place.folder)
        for place in places(repository)
        if place.language == "python"
    )


def _mentions(module: ModuleSource, word: str) -> bool:
    """Whether any file of a module's program has a word, before all of it is read."""
    return any(
        word in (module.read(inside) or "")
        for inside in module.files
        if inside.endswith(".py")
    )


_TAKES_MODEL = re.compile(r"^(validate|read|parse|load|body)_?\w*$|^\w+_body$")


def _model_names(route: Route) -> Iterator[str]:
    """The names of the models that a view's body becomes."""
    for call in (*route.decorators, *route.function.calls):
        named = [v.text for v in call.args if v.kind == "name"]
        if call.last in {"model_validate", "parse_obj"}:
            yield call.receiver.rpartition(".")[2]
        elif _TAKES_MODEL.search(call.last) and named:
            yield named[0].rpartition(".")[2]
        elif call.double_star and call.last[:1].isupper():
            yield call.last


def _refused(model: Model, sent: frozenset[str]) -> str:
    """Why a model refuses a body; nothing when it takes it."""
    missing = sorted(model.required - sent)
    if missing:
        return f"{model.name} requires `{missing[0]}`"
    unknown = sorted(sent - model.known)
    if unknown and model.closed:
        return f"{model.name} forbids `{unknown[0]}`"
    return ""


@rule("WB952", severity=Severity.ERROR, topic="fleet")
def port_taken_twice(module: ModuleSource) -> Iterator[Problem]:
    """Two modules of the fleet claim the same port.

    On one host only one of them starts, and calls reach the wrong one. Give each its own.

    Bad:
        MODULE_PORT 8070 in two modules
    Good:
        one port a module
    """
    others = _ports(module.repository)
    for read in module.env:
        if (
            read.name not in {"MODULE_PORT", "GRPC_PORT"}
            or not (read.default or "").isdigit()
        ):
            continue
        taken = [
            folder.name
            for folder, ports in others.items()
            if folder != module.folder and str(read.default) in ports
        ]
        if taken:
            yield module.problem(
                read.file,
                read.line,
                f"port {read.default} is also that of {', '.join(sorted(taken)[:3])}",
            )


@lru_cache(maxsize=8)
def _ports(repository: Path) -> dict[Path, frozenset[str]]:
    """The ports of every module of a repository, as their configuration says."""
    found: dict[Path, frozenset[str]] = {}
    for place in places(repository):
        if place.language != "python":
            continue
        for name in ("config.py", "app.py", "main.py", "settings.py"):
            path = place.folder / name
            try:
                text = path.read_text("utf-8", "replace")[:200_000]
            except OSError:
                continue
            ports = frozenset(_PORT.findall(text))
            if ports:
                found[place.folder] = found.get(place.folder, frozenset()) | ports
    return found


@rule("WB991", severity=Severity.WARNING, topic="suppression")
def comment_that_ignores_wrongly(module: ModuleSource) -> Iterator[Problem]:
    """A comment that ignores a finding has no reason, has expired, or ignores nothing.

    An exception needs a reason that a reader can judge, and one for a critical rule or an error
    an end. Correct the comment, or remove it.

    Bad:
        # waddlegen: ignore[WB411]
    Good:
        # waddlegen: ignore[WB411] reason="only the router reaches it" until=2027-01-31
    """
    # The engine says this itself: only it knows which comments were used.
    yield from ()
