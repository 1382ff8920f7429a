"""Make requests of what is known of a route: its path, its methods, its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from waddlegen.facts.routes import Route
from waddlegen.live.client import Answer
from waddlegen.live.trial import Trial

UUID = "00000000-0000-4000-8000-000000000000"
_PARAMETER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
_BODIES = ("POST", "PUT", "PATCH")
_COMMON = ("user_id", "username", "message", "text", "name", "community_id", "action")


def requested(route: Route) -> tuple[str, ...]:
    """The methods to ask a route with."""
    return tuple(m for m in route.methods if m not in {"HEAD", "OPTIONS"})


def path_of(route: Route, text: str = "x1") -> str:
    """A path that the route answers, with something in its parameters."""

    def value(match: re.Match[str]) -> str:
        """What stands for one parameter."""
        kinds = {"int": "1", "float": "1.5", "uuid": UUID}
        return kinds.get(match[1] or "", quote(text, safe=""))

    return _PARAMETER.sub(value, route.path)


def call(trial: Trial, route: Route, method: str, headers: Mapping[str, str]) -> Answer:
    """Ask a route with a body of plain values where it may have one."""
    body = dict.fromkeys(fields(trial, route), "1") if method in _BODIES else None
    return trial.ask(method, path_of(route), headers, body)


def reads_body(route: Route, method: str) -> bool:
    """Whether a route looks at what it is sent."""
    if method not in _BODIES:
        return False
    function = route.function
    if any(body.source in {"json", "form", "data"} for body in function.bodies):
        return True
    names = (call.name for call in (*route.decorators, *function.calls))
    return any(
        re.search(r"valid|read_|schema|get_json", n, re.IGNORECASE) for n in names
    )


def fields(trial: Trial, route: Route) -> tuple[str, ...]:
    """The names that a route may look for in a body."""
    found = [
        call.args[0].text
        for call in route.function.calls
        if call.last == "get" and call.args and call.args[0].kind == "str"
    ]
    models = [each for file in trial.source.python for each in file.classes]
    named = " ".join(
        v.text
        for call in (*route.decorators, *route.function.calls)
        for v in (*call.args, *call.keywords.values())
    )
    named += " ".join(call.name for call in route.function.calls)
    for model in models:
        if re.search(rf"\b{model.name}\b", named):
            found += [each.target for each in model.fields]
    plain = [name for name in found if re.fullmatch(r"[a-z_][a-z0-9_]*", name)]
    return tuple(dict.fromkeys((*plain, *_COMMON)))
