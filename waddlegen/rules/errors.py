"""What happens when something goes wrong: views, handlers, timeouts, and what is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from waddlegen.facts.python import Call, Function, Handler, PythonFile, Value
from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Severity
from waddlegen.rules.layout import application
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_GUARDS = re.compile(
    r"endpoint|handle_error|error_handler|safe|catch|guard_errors|api_view", re.I
)
_CLEANUP = re.compile(
    r"close|stop|shutdown|cleanup|clean_up|teardown|disconnect|__exit__|__aexit__|__del__|"
    r"cancel|release|dispose|aclose",
    re.I,
)


@rule("WB211", severity=Severity.ERROR, topic="exception", checklist="CQ4")
def unguarded_view(module: ModuleSource) -> Iterator[Problem]:
    """A view lets an error through, and nothing turns it into an answer.

    The caller gets an HTML page with 500 where it expects the error envelope. Put
    `@async_endpoint` on the view, or register `@app.errorhandler(Exception)` once.

    Bad:
        @app.route("/api/v1/quotes")
        async def quotes():
            return await service.quotes()
    Good:
        @app.errorhandler(Exception)
        async def failed(error): return error_response("internal error", 500)
    """
    if module.uses_create_app or _handles_everything(module):
        return
    open_views = [route for route in module.routes if _is_unguarded(module, route)]
    # What no view has is missing once: in the application.
    if len(open_views) > 2 and len(open_views) * 2 > len(module.routes):
        path, line = application(module)
        yield module.problem(
            path,
            line,
            f"an error in any of {len(open_views)} views is answered by an HTML page",
        )
        return
    for route in open_views:
        yield module.problem(
            route.file,
            route.guard_line,
            f"an error in `{route.function.name}` is answered by an HTML page; guard the"
            " view",
        )


def _is_unguarded(module: ModuleSource, route: Route) -> bool:
    """Whether a view may fail, and nothing around it answers that."""
    function = route.function
    if route.websocket or route.is_open or not _can_fail(function):
        return False
    if any(handler.broad for handler in function.handlers):
        return False
    names = {call.name for call in (*route.decorators, *route.above)}
    return not any(_guards(module, route.file, name, 2) for name in sorted(names))


def _guards(module: ModuleSource, file: PythonFile, name: str, depth: int) -> bool:
    """Whether a decorator answers what a view raises: by itself, or by one it is made of."""
    if _GUARDS.search(name):
        return True
    for other, number in module.code.resolve(file, name)[:2] if depth else ():
        for inner in other.within(number):
            if inner.name != "<module>" and any(h.broad for h in inner.handlers):
                return True
            made_of = (*inner.calls, *inner.decorators)
            if any(c.name != name and _GUARDS.search(c.name) for c in made_of):
                return True
            if any(
                c.last in module.code.functions
                and c.last != name
                and _guards(module, other, c.name, depth - 1)
                for c in made_of
            ):
                return True
    return False


def _handles_everything(module: ModuleSource) -> bool:
    """Whether the application has a handler for every exception, or for 500."""
    if _handled_by_library(module, _EVERYTHING):
        return True
    for _, function in module.functions():
        for call in function.decorators:
            if call.last in {"errorhandler", "app_errorhandler"} and call.args:
                if call.args[0].text in {
                    "Exception",
                    "500",
                    "InternalServerError",
                    "HTTPException",
                }:
                    return True
        for call in function.calls:
            if call.last in {
                "register_error_handler",
                "register_error_handlers",
                "install_error_handlers",
                "setup_error_handlers",
            }:
                return True
    return False


_EVERYTHING = frozenset({"Exception", "500", "InternalServerError", "HTTPException"})
_PAGES = frozenset({"HTTPException", "Exception", "404", "405", "NotFound"})
_REGISTERS = frozenset({"errorhandler", "app_errorhandler", "register_error_handler"})


def _handled_by_library(module: ModuleSource, kinds: frozenset[str]) -> bool:
    """Whether a function of flask_core that the module calls answers some errors for it."""
    installed = module.once_for_all(
        _handled_by_library, lambda: _installers(module.core[1])
    )
    return any(
        kinds & caught
        for name, caught in installed.items()
        if name in module.calls_by_name
    )


def _installers(files: Sequence[PythonFile]) -> dict[str, set[str]]:
    """The functions that register error handlers, and the errors that these are for."""
    found: dict[str, set[str]] = {}
    for file in files:
        for number, function in enumerate(file.functions):
            if function.parent != 0 or function.name.startswith("<"):
                continue
            caught = {
                call.args[0].text.rpartition(".")[2]
                for inner in file.within(number)
                for call in (*inner.decorators, *inner.calls)
                if call.last in _REGISTERS and call.args
            }
            if caught:
                found[function.name] = caught
    return found


def _can_fail(function: Function) -> bool:
    """Whether a view does something that can go wrong: it waits, or reads the body."""
    harmless = {
        "jsonify",
        "success_response",
        "error_response",
        "isoformat",
        "utcnow",
        "now",
        "time",
        "len",
        "str",
        "int",
        "dict",
        "list",
        "get",
        "Response",
        "round",
        "timezone",
        "append",
        "items",
        "keys",
        "values",
        "make_response",
        "strftime",
    }
    return any(call.awaited or call.last not in harmless for call in function.calls)


# A check that says no when it cannot tell is closed, as it should be.
_REFUSES = re.compile(r"verif|valid|^_?(is|has|can|check|allow)|auth|signature", re.I)


@rule("WB212", severity=Severity.WARNING, topic="exception", checklist="CQ4")
def swallowed_exception(module: ModuleSource) -> Iterator[Problem]:
    """An error is caught and nothing is done about it.

    Nobody learns that something failed, and the caller takes an empty answer for the truth.
    Catch what you expect, log the rest, and answer 503 when a dependency is down.

    Bad:
        except Exception:
            pass
    Good:
        except aiohttp.ClientError:
            logger.warning("the router does not answer", exc_info=True)
    """
    for file, function in module.functions():
        if _CLEANUP.search(function.name):
            continue
        for handler in function.handlers:
            message = _swallows(handler) or _claims_success(function, handler)
            message = message or _falls_back(function, handler)
            refuses = handler.returns is not None and handler.returns.text == "False"
            if refuses and handler.types and _REFUSES.search(function.name):
                continue
            if message:
                yield module.problem(file, handler.line, message)
        for call in function.calls:
            if call.last == "suppress" and _suppresses_work(function, call):
                message = "every error is swallowed here without a word"
                yield module.problem(file, call.line, message, call.column)


_LEAVES = re.compile(
    r"close|stop|shutdown|clean|teardown|disconnect|cancel|release|dispose|unlink|rollback|"
    r"remove|delete|kill|terminate|unsubscribe|wait_closed|^(log|debug|info|warning|error)$",
    re.I,
)


def _suppresses_work(function: Function, call: Call) -> bool:
    """Whether `suppress(Exception)` stands around more than what tidies up."""
    caught = {value.text.rpartition(".")[2] for value in call.args}
    if not caught & {"Exception", "BaseException"}:
        return False
    others = [c.line for c in function.calls if c.name == call.name]
    end = min((line for line in others if line > call.line), default=10**9)
    inside = [
        each
        for each in function.calls
        if f"with:{call.name}" in each.guarded and call.line <= each.line < end
    ]
    work = [c for c in inside if c.awaited or not _LEAVES.search(c.last)]
    return bool(work) and not all(_LEAVES.search(c.last) for c in work)


def _claims_success(function: Function, handler: Handler) -> str:
    """What a clause hides that answers a failure as success is answered."""
    value = handler.returns
    if handler.does != "return" or handler.logs or handler.declines:
        return ""
    if value is None or not value.text:
        return ""
    if value.kind not in {"dict", "call"} or handler.body_calls[1:]:
        return ""
    if re.search("err|fail|cache|default|fallback|empty", " ".join(value.names), re.I):
        return ""
    told = [r for r in function.returns if r.handler is None and r.strings]
    mine = next((r for r in function.returns if r.line == handler.result_line), None)
    if mine and any((r.value, r.strings) == (value, mine.strings) for r in told):
        return "a failure is answered here as success is, and nobody learns of it"
    return ""


def _falls_back(function: Function, handler: Handler) -> str:
    """What a clause hides that catches everything and answers what was written beforehand."""
    if handler.does not in {"return", "other"} or not handler.broad or handler.logs:
        return ""
    if {name.rpartition(".")[2] for name in handler.body_calls} - _COPIES:
        return ""
    value = handler.returns
    given = value is None and _is_given_nothing(function, handler)
    if not given and (value is None or not _is_prepared(function, value)):
        return ""
    asks = any(
        call.awaited and call.line < handler.line and call.handler is None
        for call in function.calls
        if {"Exception", "BaseException", "*"} & set(call.guarded)
    )
    if asks:
        return "every error becomes a prepared answer here, and nobody learns of it"
    return ""


_COPIES = frozenset(
    {"dict", "list", "set", "tuple", "copy", "deepcopy", "copy.deepcopy"}
)


def _is_given_nothing(function: Function, handler: Handler) -> bool:
    """Whether all that a clause does is to go on with an empty container, or a constant."""
    given = [a for a in function.assigns if handler.line < a.line <= handler.last_line]
    return bool(given) and all(
        (
            each.value.kind in {"dict", "list"}
            and not (each.value.text or each.value.names)
        )
        or (each.value.kind in {"name", "call"} and _is_prepared(function, each.value))
        for each in given
    )


def _is_prepared(function: Function, value: Value) -> bool:
    """Whether a value is a constant of the program, or a copy of one."""
    given = {p.name for p in function.parameters}
    given |= {assign.target for assign in function.assigns}
    names = set(value.names) - _COPIES
    if any(name.partition(".")[0] in given for name in names):
        return False
    if value.kind in {"str", "num", "bool"}:
        return bool(value.text)
    last = [name.removesuffix(".copy").rpartition(".")[2] for name in names]
    return bool(names) and all(name.lstrip("_").isupper() for name in last)


def _swallows(handler: Handler) -> str:
    """What a clause hides; nothing when it does its work."""
    bare = not handler.types
    if bare and not handler.raises:
        return "`except:` catches even a request to stop; name the exceptions"
    if "BaseException" in handler.types and not (handler.raises or handler.returns):
        return "`BaseException` catches even a request to stop; name the exceptions"
    if not handler.broad:
        return ""
    if handler.does == "pass":
        return "every error is swallowed here without a word"
    if handler.does == "log" and handler.whispers:
        return "every error is swallowed here, and told to nobody who does not debug"
    if handler.does == "return" and not handler.logs and not handler.raises:
        value = handler.returns
        empty = value is None or (
            value.kind in {"none", "bool"}
            or (
                value.kind in {"list", "dict", "str"}
                and not value.text
                and not value.names
            )
            or (value.kind == "num" and value.text == "0")
        )
        used = handler.name and value is not None and handler.name in value.names
        if empty and not used and not handler.body_calls:
            return "every error becomes an empty answer here, and nobody learns of it"
    return ""


# What drivers and clients raise when the other side is away.
_AWAY = re.compile(
    r"(^|\.)(Redis\w*Error|RedisError|ConnectionError|ConnectionRefusedError|ClientError|"
    r"ClientConnectionError|ClientConnectorError|ServerTimeoutError|RequestException|"
    r"ConnectError|ConnectTimeout|ReadTimeout|TimeoutException|RequestError|HTTPError|"
    r"TransportError|PostgresConnectionError|InterfaceError|OperationalError|"
    r"CannotConnectNowError|TooManyConnectionsError|TimeoutError|DatabaseUnavailable|"
    r"CircuitOpenError|CircuitBreakerError|BreakerOpen)$"
)
_OWN_FAULTS = frozenset({400, 404, 500})


@rule("WB506", severity=Severity.WARNING, topic="exception", checklist="CQ4")
def dependency_blamed_on_others(module: ModuleSource) -> Iterator[Problem]:
    """A dependency that is away is answered as if the caller, or the code, had erred.

    A caller does not try again after 400 or 404, and takes an empty list for the truth; 500
    rings for the wrong people. Answer 503, so that the caller waits and tries again.

    Bad:
        except redis.RedisError:
            return error_response("not found", 404)
    Good:
        except redis.RedisError:
            return error_response("service unavailable", 503)
    """
    for route in module.routes:
        if route.is_webhook or route.is_open:
            continue
        for each in route.function.returns:
            handler = each.handler
            if handler is None or not handler.types:
                continue
            if not all(_AWAY.search(name) for name in handler.types):
                continue
            wrong = _OWN_FAULTS & set(each.value.statuses)
            if wrong and not {502, 503, 504} & set(each.value.statuses):
                caught = handler.types[0].rpartition(".")[2]
                yield module.problem(
                    route.file,
                    each.line,
                    f"{caught} is answered with {min(wrong)}; a dependency that is away"
                    " is 503",
                )
            elif _is_empty(each.value, each.strings):
                yield module.problem(
                    route.file,
                    each.line,
                    "a dependency that is away becomes an empty answer; say 503",
                )


def _is_empty(value: Value, texts: tuple[str, ...]) -> bool:
    """Whether an answer says that there is nothing, and not that it cannot tell."""
    if value.statuses or any(re.search(r"error|degrad|cache|stale", t) for t in texts):
        return False
    names = set(value.names) - {"jsonify", "success_response"}
    if value.kind == "call":
        last = value.text.rpartition(".")[2]
        return last in {"jsonify", "success_response"} and not names
    return value.kind in {"dict", "list", "none"} and not names


@rule("WB214", severity=Severity.WARNING, topic="exception", checklist="CQ4")
def internal_detail_told(module: ModuleSource) -> Iterator[Problem]:
    """The answer to an internal error tells what went wrong inside.

    The text of an exception names tables, hosts and files. Log it, and answer with the error
    envelope and its correlation id.

    Bad:
        except Exception as error:
            return jsonify({"error": str(error)}), 500
    Good:
        except Exception:
            logger.exception("quotes could not be read")
            return error_response("internal error", 500)
    """
    views = {(route.file.path, route.number) for route in module.routes}
    handlers = set(_registered_handlers(module))
    for file in module.python:
        for number, function in enumerate(file.functions):
            if (file.path, number) in handlers:
                given = {p.name for p in function.parameters} - {"self"}
                for each in function.returns:
                    names = set(each.value.names)
                    spelled = each.value.kind == "fstring" or {"str", "repr"} & names
                    if given & names and spelled:
                        yield module.problem(file, each.line, _TELLS)
                continue
            is_view = (file.path, number) in views or any(
                call.last in {"errorhandler", "app_errorhandler"}
                for call in function.decorators
            )
            if not is_view:
                continue
            for each in function.returns:
                if _tells(
                    each.handler, each.value.names, each.value.statuses, function
                ):
                    yield module.problem(file, each.line, _TELLS)


_TELLS = "the caller is told the text of the exception; log it and answer without it"


def _registered_handlers(module: ModuleSource) -> Iterator[tuple[str, int]]:
    """The handlers of any error, registered by a call."""
    for file, _, call in module.calls():
        if call.last == "register_error_handler" and len(call.args) == 2:
            if call.args[0].text in {"500", "Exception", "InternalServerError"}:
                for other, number in module.code.resolve(file, call.args[1].text)[:1]:
                    yield other.path, number


def _tells(
    handler: Handler | None,
    names: tuple[str, ...],
    statuses: tuple[int, ...],
    function: Function,
) -> bool:
    """Whether an answer holds an exception's text and is no refusal of the caller's input."""
    errors = any(
        call.last in {"errorhandler", "app_errorhandler"}
        for call in function.decorators
    )
    if errors and not handler:
        caught = [call.args[0].text for call in function.decorators if call.args]
        own = {p.name for p in function.parameters}
        told = bool(own & set(names)) and any(
            text in {"500", "Exception", "InternalServerError"} for text in caught
        )
        return told or "traceback.format_exc" in names
    if handler is None:
        return False
    if "traceback.format_exc" in names:
        return True
    if not handler.name or handler.name not in names:
        return False
    if any(400 <= status < 500 for status in statuses):
        return False
    if any(status >= 500 for status in statuses):
        return True
    return handler.broad and not statuses


@rule("WB215", severity=Severity.WARNING, topic="exception", checklist="CQ4")
def html_for_unknown_paths(module: ModuleSource) -> Iterator[Problem]:
    """Unknown paths and wrong methods are answered by HTML pages.

    Callers read JSON. Register handlers for 404, 405 and 500 that answer with the error
    envelope.

    Bad:
        app = Quart(__name__)
    Good:
        @app.errorhandler(404)
        async def unknown(error): return error_response("not found", 404)
    """
    if module.uses_create_app or not module.routes:
        return
    caught: set[str] = set()
    for _, function in module.functions():
        for call in (*function.decorators, *function.calls):
            if call.last in {
                "errorhandler",
                "app_errorhandler",
                "register_error_handler",
            }:
                caught |= {value.text for value in call.args[:1]}
            if re.search(r"(install|register|setup|add)_.*error", call.last):
                return
    if caught & _PAGES or _handled_by_library(module, _PAGES):
        return
    for file, function, call in module.calls():
        if call.last in {"Quart", "Flask"} or (
            call.target == "app" and "Quart" in call.last
        ):
            yield module.problem(
                file, call.line, "unknown paths and wrong methods are answered in HTML"
            )
            return


def is_view(module: ModuleSource, file: PythonFile, number: int) -> Route | None:
    """The route of a function, if it is a view."""
    for route in module.routes:
        if route.file is file and route.number == number:
            return route
    return None
