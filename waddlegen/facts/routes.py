"""Resolve a module's routes across its files: paths, methods, and what guards them."""

from __future__ import annotations

from collections.abc import Iterator

from waddlegen.facts.blueprints import factories_of, parents_of, prefixes_of
from waddlegen.facts.callers import AUTH as AUTH
from waddlegen.facts.code import Code as Code
from waddlegen.facts.hooks import SOCKET_HOOKS, hooks_of
from waddlegen.facts.paths import VERBS, joined, method_list, text_of, written
from waddlegen.facts.protection import find_auth
from waddlegen.facts.python import Call, PythonFile
from waddlegen.facts.route import Route as Route
from waddlegen.facts.views import added_routes, made_routes


def routes(code: Code) -> tuple[Route, ...]:
    """Every route of the module, its path complete and its guards known."""
    parents = parents_of(code)
    factories = factories_of(code)
    prefixes = prefixes_of(code, parents)
    prefixes |= {key: made[1] for key, made in factories.items() if key not in prefixes}
    found: list[Route] = []
    for file in code.files:
        if file.is_test:
            continue
        found += _decorated(file)
        found += added_routes(code, file)
        found += made_routes(code, file)
    hooks = hooks_of(code)
    sockets = hooks_of(code, SOCKET_HOOKS)
    for each in (hooks, sockets):
        for key, (local, _) in factories.items():
            each.setdefault(key, []).extend(each.get(local, []))
    for route in found:
        route.path = joined(prefixes.get(route.blueprint, ""), route.path)
        find_auth(code, route, sockets if route.websocket else hooks, parents)
    return tuple(found)


def _decorated(file: PythonFile) -> Iterator[Route]:
    """Routes made by decorators."""
    for number, function in enumerate(file.functions):
        for place, call in enumerate(function.decorators):
            methods = _methods(file, call)
            if methods is None:
                continue
            path = text_of(file, call.argument(0, "rule"))
            if path is None:
                continue
            receiver = call.receiver
            yield Route(
                file,
                number,
                path,
                methods,
                call.line,
                (file.path, receiver),
                tuple(function.decorators[place + 1 :]),
                tuple(function.decorators[:place]),
                websocket=call.last == "websocket",
                guard_line=min(call.end_line + 1, function.line),
                endpoint=written(call.keywords.get("endpoint")) or function.name,
            )


def _methods(file: PythonFile, call: Call) -> tuple[str, ...] | None:
    """The methods of a route decorator; none for other decorators."""
    if not call.receiver or not (call.args or "rule" in call.keywords):
        return None
    if call.last in VERBS:
        first = call.args[0] if call.args else call.keywords["rule"]
        path = not first.text or first.text.startswith(("/", "{}"))
        if first.kind in {"str", "fstring"} and path:
            return (call.last.upper(),)
        return None
    if call.last == "websocket":
        return ("WS",)
    if call.last != "route":
        return None
    return method_list(file, call)
