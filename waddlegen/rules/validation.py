"""What callers send, and whether it is looked at before it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.bodies import SCHEMAS
from waddlegen.facts.python import Assign, BodyRead, Call, Function, PythonFile, Value
from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Severity
from waddlegen.measures import (
    functions_anywhere,
    models_of,
    once,
    reader_of,
    reads_json,
    validation_of,
)
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
    yield from _registered_elsewhere(module)
    for file, function in module.functions():
        yield from _without_schema(module, file, function)


def _registered_elsewhere(module: ModuleSource) -> Iterator[Problem]:
    """Views that a decorator of the module's own makes routes of."""
    views = {(route.file.path, route.number) for route in module.routes}
    makers = _route_makers(module)
    for file in module.python if makers else ():
        for number, function in enumerate(file.functions):
            names = {call.last for call in function.decorators}
            if not names & makers or (file.path, number) in views:
                continue
            if not any(_catches_numbers(module, file, name) for name in sorted(names)):
                yield from _numbers_of(module, file, function)


@once
def _route_makers(module: ModuleSource) -> set[str]:
    """The decorators of the module that register what they decorate."""
    return {
        file.functions[number].name
        for function, call in module.calls_by_name.get("add_url_rule", ())
        for file in module.python
        if function in file.functions and function.nested
        for number in [function.parent]
    }


def _without_schema(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[Problem]:
    """`validate_input(body, SCHEMAS.get(action, {}))`, where an action has no schema."""
    for call in function.calls:
        if call.last != "get" or len(call.args) != 2 or call.args[1] != _NO_SCHEMA:
            continue
        if not any(
            each.last in SCHEMAS and each.line <= call.line <= each.end_line
            for each in function.calls
        ):
            continue
        schemas = _keys(module, file, call.receiver)
        for other in function.calls:
            same = other.last == "get" and other.args[:1] == call.args[:1]
            if not schemas or not same or other.receiver == call.receiver:
                continue
            missing = sorted(_keys(module, file, other.receiver) - schemas)
            if missing:
                message = (
                    f"`{missing[0]}` has no schema, so that its input goes unchecked"
                )
                yield module.problem(file, call.line, message, call.column)


_NO_SCHEMA = Value("dict", "")


def _keys(module: ModuleSource, file: PythonFile, name: str) -> set[str]:
    """The keys of a mapping that a file, or one that it imports from, writes down."""
    last = name.rpartition(".")[2]
    for other in (file, *module.python):
        for function in other.functions:
            for assign in function.assigns:
                if assign.target in {name, last} and assign.value.kind == "dict":
                    keys = set(assign.value.text.split(","))
                    return set() if {"*", "None"} & keys else keys
    return set()


def _numbers(module: ModuleSource, route: Route) -> Iterator[Problem]:
    """`int(request.args.get(...))` where nothing catches what is no number."""
    found = list(_numbers_of(module, route.file, route.function))
    if not found or _answers_numbers(module):
        return
    around = (*route.decorators, *route.above)
    if not any(_catches_numbers(module, route.file, c.name) for c in around):
        yield from found


def _numbers_of(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[Problem]:
    """As above, in any function."""
    for call in function.calls:
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
            file,
            call.line,
            f"a query that is no number makes `{call.name}` raise: 500 instead of 400",
            call.column,
        )


@once
def _answers_numbers(module: ModuleSource) -> bool:
    """Whether the application has an answer of its own for ValueError."""
    return any(
        call.last in {"errorhandler", "app_errorhandler", "register_error_handler"}
        and call.args
        and call.args[0].text == "ValueError"
        for _, function in module.functions()
        for call in (*function.decorators, *function.calls)
    )


def _catches_numbers(module: ModuleSource, file: PythonFile, name: str) -> bool:
    """Whether a decorator answers ValueError as the fault of the caller, or may do so."""
    library = module.code.library
    found = module.code.resolve(file, name)[:2]
    if not found and library is not None:
        found = library.resolve(file, name)[:2]
    if not found:
        return bool(re.search(r"async_endpoint|handle_errors", name))
    for other, number in found:
        for inner in other.within(number):
            for handler in inner.handlers:
                kinds = {kind.rpartition(".")[2] for kind in handler.types}
                told = handler.returns.statuses if handler.returns else ()
                if "ValueError" in kinds or (handler.broad and 400 in told):
                    return True
    return False


_MISFITS = frozenset({"ValidationError", "ValueError"})


def _models(module: ModuleSource, route: Route) -> Iterator[Problem]:
    """`Model(**data)` where nothing turns what does not fit into 400."""
    models = models_of(module)
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


_PAGES = frozenset(
    "limit per_page page_size pagesize size count top max take rows num n ttl".split()
)
_BOUNDS = re.compile(r"^(min|max|clamp\w*|bound\w*|limit_\w+|cap\w*)$|valid|check")


@rule("WB424", severity=Severity.WARNING, topic="validation", checklist="S2")
def page_of_any_length(module: ModuleSource) -> Iterator[Problem]:
    """The caller says how much a query returns, and nothing bounds it.

    `?limit=100000000` reads the whole table into memory. Clamp the number where it is read.

    Bad:
        limit = request.args.get("limit", 50, type=int)
        rows = await store.recent(limit)
    Good:
        limit = min(max(request.args.get("limit", 50, type=int), 1), 200)
    """
    for route in module.routes:
        function = route.function
        for call in function.calls:
            if not call.name.endswith("request.args.get") or not call.args:
                continue
            if call.args[0].text not in _PAGES:
                continue
            for assign in function.assigns:
                if assign.line <= call.line <= assign.line + 2 and _is_number(
                    assign.value, call
                ):
                    if _is_unbounded(module, route, assign.target):
                        message = (
                            f"nothing bounds `{assign.target}`, which callers choose"
                        )
                        yield module.problem(route.file, assign.line, message)
                    break


def _is_number(value: Value, call: Call) -> bool:
    """Whether a value is what a query gives, as a number and nothing else."""
    if value.kind != "call":
        return False
    kind = call.argument(2, "type")
    if value.text == call.name:
        return kind is not None and kind.text == "int"
    return value.text == "int" and call.name in value.names


def _is_unbounded(module: ModuleSource, route: Route, name: str) -> bool:
    """Whether a number goes to a query as it is, here and in what it is given to."""
    function = route.function
    if name in function.tested:
        return False
    given = False
    for call in function.calls:
        values = (*call.args, *call.keywords.values())
        if not any(name in (v.text, *v.names) for v in values):
            continue
        if _BOUNDS.search(call.last):
            return False
        for place, value in enumerate(call.args):
            given |= value.text == name and call.last not in {"int", "str", "range"}
            if value.text == name and _bounds_it(module, route, call, place, ""):
                return False
        for key, value in call.keywords.items():
            given |= value.text == name
            if value.text == name and _bounds_it(module, route, call, -1, key):
                return False
    return given


def _bounds_it(
    module: ModuleSource, route: Route, call: Call, place: int, key: str
) -> bool:
    """Whether a function that is given a number bounds it, or cannot be looked into."""
    library = module.code.library
    found = module.code.resolve(route.file, call.name)[:4]
    found += library.resolve(route.file, call.name)[:4] if library else []
    if not found:
        # What others wrote may bound it; a query does not.
        return call.last not in {"limit", "fetch", "execute", "fetchmany"}
    for file, number in found:
        inner = file.functions[number]
        names = [p.name for p in inner.parameters if p.name not in {"self", "cls"}]
        name = key or (names[place] if place < len(names) else "")
        if name in inner.tested or any(
            name in (v.text, *v.names)
            for each in inner.calls
            if _BOUNDS.search(each.last)
            for v in (*each.args, *each.keywords.values())
        ):
            return True
    return False


@rule("WB425", severity=Severity.WARNING, topic="validation", checklist="S2")
def list_of_any_length(module: ModuleSource) -> Iterator[Problem]:
    """A model of a request takes a list of as many records as the caller likes.

    One request can then hold the module for minutes, and its memory. Say how many are taken at
    most.

    Bad:
        class Ingest(BaseModel):
            messages: list[ChatLine]
    Good:
        class Ingest(BaseModel):
            messages: list[ChatLine] = Field(max_length=100)
    """
    models = models_of(module)
    if not models:
        return
    taken = _taken_models(module)
    for file in module.python:
        for made in file.classes:
            if made.name not in models or made.name not in taken:
                continue
            for each in made.fields:
                kind = each.annotation.rpartition(".")[2]
                if kind in {"list[]", "List[]"} and each.of in models:
                    if not _has_bound(file, each):
                        message = f"`{each.target}` may be of any length"
                        yield module.problem(file, each.line, message, each.column)


@once
def _taken_models(module: ModuleSource) -> set[str]:
    """The names that views are given as models, or check the body against."""
    found: set[str] = set()
    for route in module.routes:
        function = route.function
        found |= {p.annotation.rpartition(".")[2] for p in function.parameters}
        for call in (*route.decorators, *function.calls):
            found |= {v.text for v in call.args if v.kind == "name"}
            if call.double_star:
                found.add(call.last)
            if call.last in _PARSES:
                found.add(call.receiver.rpartition(".")[2])
    return found


def _has_bound(file: PythonFile, each: Assign) -> bool:
    """Whether a field says how long it may be, or something looks at it."""
    for call in file.calls:
        if each.line <= call.line <= each.line + 5 and call.last == "Field":
            if {"max_length", "max_items"} & set(call.keywords):
                return True
    return any(
        call.last in {"field_validator", "validator", "model_validator"}
        and (not call.args or each.target in {v.text for v in call.args})
        for function in file.functions
        for call in function.decorators
    )


@rule("WB427", severity=Severity.ERROR, topic="validation", checklist="S2")
def field_that_may_be_missing(module: ModuleSource) -> Iterator[Problem]:
    """A field is taken out of the body, and nothing asks whether it is there.

    Without it the view ends in a KeyError: 500 where the caller should read 400. Check the body
    against a schema, or ask for the field first.

    Bad:
        params = await read_params()
        channel = params["channel_id"]
    Good:
        wanted = Channel.model_validate(await read_params())
    """
    for route in module.routes:
        if route.is_open or route.websocket or route.is_webhook:
            continue
        function = route.function
        # A body that nothing looks at is found as a whole.
        taken = [b for b in function.bodies if b.validated == "manual"]
        taken = [b for b in taken if b.source == "json"]
        taken += [b for b in function.borrowed if _is_lent(module, route, b)]
        taken = [b for b in taken if b.unasked and b.validated != "schema"]
        if not taken or _answers_keys(module) or _checked_before(module, route):
            continue
        for body in taken:
            key, line = body.unasked[0]
            message = f"without `{key}` in the body this is a KeyError: 500, not 400"
            yield module.problem(route.file, line, message)


def _is_lent(module: ModuleSource, route: Route, body: BodyRead) -> bool:
    """Whether a name holds a JSON body as another function has read it, with nothing asked."""
    for call in route.function.calls:
        if call.name == body.source and call.line == body.line:
            reader = reader_of(module, route.file, call)
            if reader is None or call.args or call.keywords:
                return False
            looks = any(call.last in SCHEMAS for call in reader.calls)
            return reads_json(reader) and not looks
    return False


@once
def _answers_keys(module: ModuleSource) -> bool:
    """Whether the application has an answer of its own for a key that is missing."""
    return any(
        call.last in {"errorhandler", "app_errorhandler", "register_error_handler"}
        and call.args
        and call.args[0].text in {"KeyError", "LookupError"}
        for _, function in module.functions()
        for call in (*function.decorators, *function.calls)
    )


_ASKS_FIELDS = re.compile(r"valid|schema|require|expect|field|param|json|body", re.I)


def _checked_before(module: ModuleSource, route: Route) -> bool:
    """Whether a decorator looks at the body, or answers a key that is missing."""
    for call in (*route.decorators, *route.above):
        if call.args and _ASKS_FIELDS.search(call.last):
            return True
        for file, number in functions_anywhere(module, route.file, call.name):
            for inner in file.within(number):
                caught = {k for h in inner.handlers for k in h.types}
                if inner.bodies or caught & {"KeyError", "LookupError"}:
                    return True
    return False


@rule("WB428", severity=Severity.ERROR, topic="validation", checklist="S2")
def checked_copy_thrown_away(module: ModuleSource) -> Iterator[Problem]:
    """What a check gives back is thrown away, and what the caller sent goes on as it came.

    The copy holds the known fields alone, of the right kinds; the original holds whatever the
    caller put into it. Go on with the copy.

    Bad:
        validate_input(data, CHANGES)
        await service.change(ticket, data)
    Good:
        changes = validate_input(data, CHANGES)
        await service.change(ticket, changes)
    """
    for name in sorted(_CLEANERS & module.calls_by_name.keys()):
        for function, call in module.calls_by_name[name]:
            if not call.bare or not call.args or call.args[0].kind != "name":
                continue
            sent = call.args[0].text
            file = next(f for f in module.python if function in f.functions)
            if call.last not in _PARSES and not _gives_copy(module, file, call):
                continue
            for later in function.calls:
                values = (*later.args, *later.keywords.values(), *later.spread)
                if later.line > call.end_line and any(v.text == sent for v in values):
                    if later.last not in {"len", "isinstance", "str", "bool"}:
                        message = (
                            f"the checked copy is thrown away; line {later.line} goes on"
                            f" with `{sent}` as it came"
                        )
                        yield module.problem(file, call.line, message, call.column)
                        break


_CLEANERS = _PARSES | frozenset(
    "validate_input validate_data validate_body validate_payload validate_json validate "
    "validate_fields validate_params validate_python".split()
)


def _gives_copy(module: ModuleSource, file: PythonFile, call: Call) -> bool:
    """Whether a function of the module, or of flask_core, gives back what it has made."""
    places = functions_anywhere(module, file, call.name)
    return bool(places) and all(
        any(_is_copy(each.value, function) for each in function.returns)
        for other, number in places
        for function in [other.functions[number]]
    )


def _is_copy(value: Value, function: Function) -> bool:
    """Whether an answer is something new: no verdict, and not what was given."""
    if value.kind in {"none", "bool", "str", "num", "list"}:
        return False
    return value.text not in {p.name for p in function.parameters} and any(
        assign.target == value.text and assign.value.kind in {"dict", "call", "other"}
        for assign in function.assigns
    )
