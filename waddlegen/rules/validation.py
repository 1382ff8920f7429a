"""What callers send, and whether it is looked at before it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import BodyRead, Function
from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Severity
from waddlegen.measures import once, validation_of
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


@rule("WB421", severity=Severity.ERROR, topic="validation", checklist="S2")
def unvalidated_input(module: ModuleSource) -> Iterator[Problem]:
    """A route uses what it is sent without checking it.

    A wrong type becomes a 500, an endless text a row in the database. Check types, bounds and
    unknown keys with a schema, and answer 400 with the name of the field.

    Bad:
        data = await request.get_json()
        await service.add(data["text"])
    Good:
        @validate_json(AddQuote)
        async def add_quote(data: AddQuote): ...
    """
    for route in module.routes:
        if route.is_open or route.websocket:
            continue
        function = route.function
        yield from _numbers(module, route)
        yield from _models(module, route)
        level = validation_of(module, route)
        bodies = [b for b in function.bodies if b.source in {"json", "form"} and b.name]
        if level is None or level >= 1 or not bodies:
            continue
        if route.is_webhook or route.is_exchange:
            continue
        body = next((b for b in bodies if b.validated in {"", "presence"}), bodies[0])
        if body.validated == "presence":
            message = "the body is only asked for presence, not for types and lengths"
        else:
            message = "the body is used as it comes; validate it first"
        yield module.problem(route.file, body.line, f"`{route.label}`: {message}")


def _numbers(module: ModuleSource, route: Route) -> Iterator[Problem]:
    """`int(request.args.get(...))` where nothing catches what is no number."""
    if any(
        re.search(r"async_endpoint|handle_errors", c.name) for c in route.decorators
    ):
        return
    for call in route.function.calls:
        if call.name not in {"int", "float"} or not call.args:
            continue
        value = call.args[0]
        if not any(
            name.endswith(("request.args.get", "request.form.get", "request.args"))
            for name in (value.text, *value.names)
        ):
            continue
        if {"ValueError", "Exception", "TypeError", "*"} & set(call.guarded):
            continue
        yield module.problem(
            route.file,
            call.line,
            f"a query that is no number makes `{call.name}` raise: 500 instead of 400",
            call.column,
        )


_MISFITS = frozenset({"ValidationError", "ValueError"})


def _models(module: ModuleSource, route: Route) -> Iterator[Problem]:
    """`Model(**data)` where nothing turns what does not fit into 400."""
    models = _models_of(module)
    function = route.function
    if not models or not any(b.source == "json" for b in function.bodies):
        return
    if _answers_misfits(module) or any(
        _catches_misfits(module, route, call.name)
        for call in (*route.decorators, *route.above)
    ):
        return
    for call in function.calls:
        made = call.double_star and call.last in models
        parsed = call.last in _PARSES and call.receiver.rpartition(".")[2] in models
        if not (made or parsed) or _MISFITS & {
            g.rpartition(".")[2] for g in call.guarded
        }:
            continue
        caught = {"Exception", "*"} & set(call.guarded)
        if caught and any(
            handler.broad
            and (handler.returns is None or 400 in handler.returns.statuses)
            for handler in function.handlers
        ):
            continue
        yield module.problem(
            route.file,
            call.line,
            f"a body that does not fit makes `{call.name}` raise: 500 instead of 400",
            call.column,
        )


_PARSES = frozenset({"model_validate", "parse_obj", "model_validate_json"})


@once
def _models_of(module: ModuleSource) -> set[str]:
    """The pydantic models of a module, by name."""
    found = {"BaseModel"}
    for _ in range(3):
        found |= {
            made.name
            for file in module.python
            for made in file.classes
            if any(base.rpartition(".")[2] in found for base in made.bases)
        }
    return found - {"BaseModel"}


@once
def _answers_misfits(module: ModuleSource) -> bool:
    """Whether the application has an answer for what does not fit a model."""
    if module.uses_create_app:
        return True
    for _, function in module.functions():
        for call in (*function.decorators, *function.calls):
            if call.last in {
                "errorhandler",
                "app_errorhandler",
                "register_error_handler",
            }:
                if call.args and call.args[0].text.rpartition(".")[2] in _MISFITS:
                    return True
            if "error_handlers" in call.last:
                return True
    return False


def _catches_misfits(module: ModuleSource, route: Route, name: str) -> bool:
    """Whether a decorator, here or in flask_core, catches what does not fit."""
    library = module.code.library
    found = module.code.resolve(route.file, name)[:2]
    found += library.resolve(route.file, name)[:2] if library else []
    return any(
        _MISFITS & {kind.rpartition(".")[2] for kind in handler.types}
        for other, number in found
        for inner in other.within(number)
        for handler in inner.handlers
    )


@rule("WB422", severity=Severity.WARNING, topic="validation", checklist="S2")
def body_that_may_be_none(module: ModuleSource) -> Iterator[Problem]:
    """The body is used as a mapping, though it may be none, a list or a number.

    `data.get` on None is an AttributeError: 500 where the caller should read 400. Ask first.

    Bad:
        data = await request.get_json()
        name = data.get("name")
    Good:
        data = await request.get_json()
        if not isinstance(data, dict):
            return error_response("a JSON object is expected", 400)
    """
    for route in module.routes:
        for body in route.function.bodies:
            if _may_be_none(body, route.function):
                yield module.problem(
                    route.file,
                    body.line,
                    f"`{body.name}` may be None or no mapping when it is used in line"
                    f" {body.used_line}: 500 instead of 400",
                )


def _may_be_none(body: BodyRead, function: Function) -> bool:
    """Whether a body is used before anything asked what it is."""
    if body.source != "json" or not body.used_line or body.none_checked:
        return False
    caught = {"AttributeError", "TypeError"}
    return not any(
        caught & {t.rpartition(".")[2] for t in handler.types}
        for handler in function.handlers
    )
