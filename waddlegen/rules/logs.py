"""What is logged, in which form, and what must never be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from waddlegen.facts.python import Call, Function, PythonFile, Value
from waddlegen.facts.route import Route
from waddlegen.facts.words import is_one_time, is_personal, is_secret, words
from waddlegen.findings import Problem, Severity
from waddlegen.measures import (
    audits,
    core_logger,
    is_log_call,
    makes_aaa,
    rotation,
    sets_up_aaa,
    structured_share,
    writes_events,
)
from waddlegen.rules.disclosed import (
    MASKS,
    given_away,
    opens_something,
    text_of,
    wholes,
    written_before,
)
from waddlegen.rules.layout import application
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


@rule("WB601", severity=Severity.ERROR, topic="log", checklist="L1")
def no_aaa_logging(module: ModuleSource) -> Iterator[Problem]:
    """The module never sets up AAA logging.

    Who logged in, who was refused and who changed what cannot be told afterwards. Call
    `setup_aaa_logging(name, version)` once, where the application is made.

    Bad:
        logging.basicConfig(level=logging.INFO)
    Good:
        logger = setup_aaa_logging(Config.MODULE_NAME, Config.MODULE_VERSION)
    """
    if module.is_service and sets_up_aaa(module) is None:
        path, line = application(module)
        yield module.problem(path, line, "AAA logging is never set up")


@rule("WB602", severity=Severity.ERROR, topic="log", checklist="L1")
def change_without_audit(module: ModuleSource) -> Iterator[Problem]:
    """Routes that change something write no AUDIT event.

    Nobody can tell afterwards who changed what. Write one for each change, with community,
    user, action and result; `@audited("action")` does it.

    Bad:
        await service.delete(quote_id)
        return success_response({})
    Good:
        await service.delete(quote_id)
        logger.audit(action="delete_quote", user=user, community=community, result="success")
    """
    writes = [
        route
        for route in module.routes
        if route.changes
        and not (route.is_open or route.is_exchange or route.is_webhook)
    ]
    silent = [
        route
        for route in writes
        if audits(module, route) is None and not _is_told_as_auth(route)
    ]
    if silent and len(silent) < len(writes):
        for route in silent:
            yield module.problem(
                route.file, route.guard_line, f"`{route.label}` writes no AUDIT event"
            )
    elif silent:
        route = silent[0]
        more = f", nor do {len(silent) - 1} more routes" if len(silent) > 1 else ""
        yield module.problem(
            route.file,
            route.guard_line,
            f"`{route.label}` writes no AUDIT event{more}",
        )


def _is_told_as_auth(route: Route) -> bool:
    """Whether a caller changes his own password, and an AUTH event says so."""
    return re.search(r"/(change-)?passw(or)?d/?$", route.path) is not None and any(
        re.search(r"(^|_)auth(_event)?$", call.last) for call in route.function.calls
    )


_EVENT = re.compile(r"^\W*(AUTHZ?|AUDIT)\b")
_FIELDS = {
    "AUTH": ("user", "action", "result"),
    "AUTHZ": ("community", "user", "action", "result"),
    "AUDIT": ("community", "user", "action", "result"),
}


@rule("WB603", severity=Severity.ERROR, topic="log", checklist="L1")
def event_without_fields(module: ModuleSource) -> Iterator[Problem]:
    """An AUTH, AUTHZ or AUDIT event does not say who did what, where, and how it ended.

    Nobody finds it when it matters: searches go by community, user, action and result. Give
    all of them; `-` stands for what there is not.

    Bad:
        logger.info(f"AUDIT quote {quote_id} deleted")
    Good:
        log_audit_event(community=community, user=user, action="delete_quote", result="success")
    """
    for file, function, call in module.calls():
        if not is_log_call(call.name, call.last) or not call.args:
            continue
        event = _event(function, call)
        if not event or call.double_star:
            continue
        told = call.args[0].text
        extra = call.keywords.get("extra")
        if extra is not None and extra.kind != "dict":
            continue
        keys = set(extra.text.split(",")) if extra is not None else set()
        keys |= set(call.keywords)
        if "*" in keys or "None" in keys:
            continue
        missing = [
            name
            for name in _FIELDS[event]
            if not re.search(rf"\b{name}(_id)?\s*[=:]", told)
            and not keys & {name, f"{name}_id"}
        ]
        if missing:
            yield module.problem(
                file,
                call.line,
                f"this {event} event says no {', '.join(missing)}",
                call.column,
            )


def _event(function: Function, call: Call) -> str:
    """The kind of an event that is logged as a text, or named in `extra`."""
    first = call.args[0]
    if first.kind in {"str", "fstring", "format", "concat"}:
        match = _EVENT.match(first.text)
        if match:
            return match[1]
    if "extra" in call.keywords:
        for each in function.entries:
            if call.line <= each.line <= call.end_line and "event" in each.target:
                if each.value.text in _FIELDS:
                    return each.value.text
    return ""


@rule("WB608", severity=Severity.WARNING, topic="log", checklist="L4")
def log_without_rotation(module: ModuleSource) -> Iterator[Problem]:
    """The log file grows until the disk is full, or there is none.

    Use a RotatingFileHandler of 10 MB and five backups; setup_aaa_logging brings one.

    Bad:
        logging.FileHandler("/var/log/waddlebotlog/quotes.log")
    Good:
        RotatingFileHandler(path, maxBytes=10_000_000, backupCount=5)
    """
    for file, _, call in module.calls():
        if call.last == "FileHandler":
            yield module.problem(
                file, call.line, "this file grows for ever", call.column
            )
            return
    if module.is_service and rotation(module) is None:
        path, line = application(module)
        yield module.problem(path, line, "no log file is rotated")


@rule("WB605", severity=Severity.WARNING, topic="log", checklist="L3")
def unstructured_log(module: ModuleSource) -> Iterator[Problem]:
    """Log lines have no fields, or need fields that most records do not have.

    `[timestamp] LEVEL module:version EVENT community=… user=… action=… result=…` can be
    searched; a sentence cannot. A bare `%(community)s` fails for every record without one: give
    it a default.

    Bad:
        logging.basicConfig(format="%(asctime)s %(message)s")
    Good:
        logger = setup_aaa_logging(Config.MODULE_NAME, Config.MODULE_VERSION)
    """
    for file in module.python:
        for function in file.functions:
            for call in function.calls:
                texts = [v.text for v in (*call.args, *call.keywords.values())]
                fields = call.last in {"Formatter", "basicConfig"} and any(
                    "%(community)s" in text for text in texts
                )
                if fields and "defaults" not in call.keywords and not _filters(module):
                    yield module.problem(
                        file,
                        call.line,
                        "a record without `community` breaks this format; pass defaults=",
                        call.column,
                    )
    if module.is_service and sets_up_aaa(module) is None:
        share, _ = structured_share(module)
        if not share:
            path, line = application(module)
            yield module.problem(path, line, "no log line has fields")


def _filters(module: ModuleSource) -> bool:
    """Whether a filter supplies fields that a record lacks."""
    return any(
        call.last == "addFilter" or call.last == "setLogRecordFactory"
        for _, _, call in module.calls()
    )


@rule("WB606", severity=Severity.WARNING, topic="log", checklist="L3")
def log_past_the_handler(module: ModuleSource) -> Iterator[Problem]:
    """Much of what is logged never reaches the structured handler.

    setup_aaa_logging configures its own logger; `logging.getLogger(__name__)` in other files
    goes elsewhere, without fields and without rotation. Use one logger.

    Bad:
        logger = logging.getLogger(__name__)
    Good:
        from flask_core.logging import get_logger
    """
    share, _ = structured_share(module)
    if share is None or share >= 0.75 or _formats_every_record(module):
        return
    if not any(makes_aaa(module, file, call) for file, _, call in module.calls()):
        return
    for file in module.python:
        for call in file.calls:
            if call.name == "logging.getLogger" and call.target:
                yield module.problem(
                    file,
                    call.line,
                    f"only {share:.0%} of the log calls reach the structured handler;"
                    " this logger does not",
                    call.column,
                )
                return


def _formats_every_record(module: ModuleSource) -> bool:
    """Whether the root logger writes the standard's line, so that every logger does."""
    for file in module.python:
        for call in file.calls:
            if call.last == "basicConfig" and "format" in call.keywords:
                text = call.keywords["format"].text
                given = file.constants.get(text)
                if _LINE.search(given.text if given else text):
                    return True
    return False


# `[time] LEVEL module:version`, as every line begins.
_LINE = re.compile(r"^\[%\(asctime\)s\] %\(levelname\)s \S+")


@rule("WB609", severity=Severity.WARNING, topic="log", checklist="M2")
def log_level_fixed(module: ModuleSource) -> Iterator[Problem]:
    """The log level cannot be set from outside, or text is printed past the log.

    Read LOG_LEVEL from the environment; write through the logger.

    Bad:
        print("started")
    Good:
        logger.info("started")
    """
    for file, function, call in module.calls():
        if call.name != "print" or _writes_elsewhere(call):
            continue
        if function.name != "<main>" and not is_script(file):
            yield module.problem(
                file, call.line, "this goes past the log; use the logger", call.column
            )
    if not module.is_service:
        return
    known = any(read.name.endswith("LOG_LEVEL") for read in module.env)
    if known or module.uses_create_app or _reads_level(module.python):
        return
    core = module.once_for_all(_reads_level, lambda: _reads_level(module.core[1]))
    if not (core and (sets_up_aaa(module) or core_logger(module))):
        path, line = application(module)
        yield module.problem(path, line, "LOG_LEVEL is never read")


def _reads_level(files: Sequence[PythonFile]) -> bool:
    """Whether some files read LOG_LEVEL, of the environment under whatever name."""
    return any(
        call.args and call.args[0].text.endswith("LOG_LEVEL")
        for file in files
        for call in file.calls
        if call.last in {"getenv", "get"}
    ) or any(
        name.endswith("[LOG_LEVEL]")
        for file in files
        for function in file.functions
        for name in (*function.subscripted, *(f"[{n}]" for n, _ in function.environ))
    )


def _writes_elsewhere(call: Call) -> bool:
    """Whether a print goes to a file or a buffer, and not to the terminal."""
    file = call.keywords.get("file")
    return file is not None and not file.text.startswith("sys.")


def is_script(file: PythonFile) -> bool:
    """Whether a file is a tool for the command line."""
    return (
        file.path.startswith(("scripts/", "bin/", "tools/", "benchmarks/"))
        or (file.main_guard and file.name not in {"app.py", "main.py"})
        or file.name in {"setup.py", "manage.py", "cli.py", "seed.py"}
    )


@rule("WB610", severity=Severity.INFO, topic="log", optional=True)
def eager_log_format(module: ModuleSource) -> Iterator[Problem]:
    """A log message is put together even when nobody logs it.

    Pass the values as arguments and the logger formats them when they are needed.

    Bad:
        logger.debug(f"user {user}")
    Good:
        logger.debug("user %s", user)
    """
    for file, _, call in module.calls():
        if is_log_call(call.name, call.last) and call.args:
            if call.args[0].kind == "fstring":
                yield module.problem(
                    file,
                    call.line,
                    "this text is made even when nobody logs it",
                    call.column,
                )


@rule("WB611", severity=Severity.ERROR, topic="log", checklist="L2")
def secret_in_log(module: ModuleSource) -> Iterator[Problem]:
    """A secret, or everything that may hold one, is written into the log.

    Logs are copied, kept and read by many. Leave the value out, or log that it is there.

    Bad:
        logger.info(f"using token {token}")
    Good:
        logger.info("using a token of %d characters", len(token))
    """
    told: set[tuple[str, int]] = set()
    for file, function, call in _log_calls(module):
        name = _told(file, function, call)
        values = (*call.args, *call.keywords.values())
        for value in values if not name else ():
            name = name or given_away(module, file, function, call, value)
        name = name or _spread_secret(function, call)
        name = name or _opening_key(module, file, function, call)
        for before in written_before(function, values) if not name else ():
            name = name or _told(file, function, before)
            before.end_line = before.line + 3  # where the text may go on
            name = name or given_away(module, file, function, before, before.args[0])
        if name:
            told.add((file.path, call.line))
            yield module.problem(
                file, call.line, f"`{name}` is written into the log", call.column
            )
    yield from _raised(module)
    for file, line, column, name in _through_helpers(module):
        if (file.path, line) not in told:
            told.add((file.path, line))
            message = f"`{name}` is written into the log"
            yield module.problem(file, line, message, column)


def _opening_key(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> str:
    """The key among what is logged that opens something to whoever knows it."""
    values = (*call.args, *call.keywords.values())
    shown = {value.text for value in values if value.kind == "name"}
    for value in values:
        shown |= {name for name, _ in wholes(module, file, call, value)}
    return next(
        (n for n in sorted(shown) if opens_something(module, file, function, n)), ""
    )


def _raised(module: ModuleSource) -> Iterator[Problem]:
    """Errors whose text holds a secret: whoever logs the error logs the text."""
    for file, function in module.functions():
        lines = {each.line: each.value.text for each in function.raises}
        for call in function.calls if lines else ():
            if lines.get(call.line) != call.name or not call.args:
                continue
            name = ""
            for value in (*call.args, *call.keywords.values()):
                name = name or _raised_secret(module, file, function, call, value)
            if name:
                message = (
                    f"`{name}` is in the text of this error, which goes into the log"
                )
                yield module.problem(file, call.line, message, call.column)


def _raised_secret(
    module: ModuleSource, file: PythonFile, function: Function, call: Call, value: Value
) -> str:
    """What an error's text shows of a secret: all that holds it, or itself."""
    composed = [(call, value)]
    for before in written_before(function, (value,)):
        before.end_line = before.line + 3
        composed.append((before, before.args[0]))
    for place, each in composed:
        if each.kind not in {"fstring", "format", "concat"}:
            continue
        name = given_away(module, file, function, place, each)
        shown = [n for n, _ in wholes(module, file, place, each)]
        for other in shown:
            plain = is_secret(other) and len(words(other.rpartition(".")[2])) > 1
            whole = _holds_whole(function, other)
            name = name or (other if plain or whole else "")
        if name and not MASKS.search(name):
            return name
    return ""


def _holds_whole(function: Function, name: str) -> bool:
    """Whether a name is a mapping, a form or an answer that holds a secret."""
    written = "." not in name and any(
        a.target == name
        and a.value.kind == "dict"
        and (
            any(is_secret(key) for key in a.value.text.split(","))
            or ("headers" in a.value.names and _are_ours("headers", function))
        )
        for a in function.assigns
    )
    return (
        written
        or _is_form_with_password(name, function)
        or _is_answer_with_tokens(name, function)
    )


def _log_calls(module: ModuleSource) -> Iterator[tuple[PythonFile, Function, Call]]:
    """The calls that write into the log, or onto the terminal of a service."""
    for file, function, call in module.calls():
        if call.name == "print":
            if not is_script(file):
                yield file, function, call
        elif is_log_call(call.name, call.last):
            yield file, function, call
        elif call.last in _WRAPPERS and writes_events(module, file, call):
            yield file, function, call


def _spread_secret(function: Function, call: Call) -> str:
    """The secret in a dict that is spread into an event's fields."""
    for value in call.spread:
        written = value
        for assign in function.assigns:
            if assign.target == value.text and assign.value.kind == "dict":
                written = assign.value
        if written.kind != "dict":
            continue
        for name in written.names:
            if MASKS.search(name):
                break
            if is_secret(name) or is_one_time(name) or _kept_hashed(function, name):
                return name
    return ""


def _kept_hashed(function: Function, name: str) -> bool:
    """Whether a code is one that only its hash is kept of."""
    if words(name)[-1:] not in (["code"], ["pin"], ["key"]):
        return False
    return any(
        re.search(r"(^|_)(digest|hash|hashed|sha\d+)$", call.last)
        and any(value.text == name for value in call.args)
        for call in function.calls
    )


def _through_helpers(
    module: ModuleSource,
) -> Iterator[tuple[PythonFile, int, int, str]]:
    """Secrets that are handed to a function which logs what it is given.

    Where the function does more with it than to log it, its log line is what is wrong.
    """
    for last, (home, helper, line, logged, only) in _helpers(module).items():
        for function, call in module.calls_by_name.get(last, ()):
            file = next(f for f in module.python if function in f.functions)
            if "." not in call.name and file is not home:
                continue
            names = [p.name for p in helper.parameters if p.kind == "positional"]
            places = names[1:] if helper.cls and "." in call.name else names
            values = [
                value
                for name, value in (
                    *zip(places, call.args, strict=False),
                    *call.keywords.items(),
                )
                if name in logged or (name not in names and "**" in logged)
            ]
            given = Call(call.name, call.line, call.column, tuple(values))
            given.end_line = call.end_line
            name = _told(file, function, given)
            for value in values if not name else ():
                name = name or given_away(module, file, function, given, value)
            if name and only:
                yield file, call.line, call.column, name
            elif name:
                yield home, line, 1, name


def _helpers(
    module: ModuleSource,
) -> dict[str, tuple[PythonFile, Function, int, set[str], bool]]:
    """The functions that log a parameter: where, which, and whether that is all they do."""
    found: dict[str, tuple[PythonFile, Function, int, set[str], bool]] = {}
    for file, function, call in module.calls():
        if not function.parameters or not is_log_call(call.name, call.last):
            continue
        if len(module.code.functions.get(function.name, ())) != 1:
            continue
        said = {
            value.text
            for value in (*call.args, *call.keywords.values(), *call.spread)
            if value.kind == "name"
        }
        said |= {
            name
            for value in call.args
            if value.kind in {"fstring", "format"}
            for name in value.names
        }
        logged = {p.name for p in function.parameters if p.name in said}
        if any(p.kind == "double_star" and p.name in said for p in function.parameters):
            logged.add("**")
        others = {
            name
            for each in function.calls
            if each is not call and not is_log_call(each.name, each.last)
            for value in (*each.args, *each.keywords.values())
            for name in value.names
        }
        if logged and function.name != "__init__":
            found[function.name] = (
                file,
                function,
                call.line,
                logged,
                not logged & others,
            )
    return found


@rule("WB613", severity=Severity.WARNING, topic="log", checklist="L2")
def personal_in_log(module: ModuleSource) -> Iterator[Problem]:
    """An e-mail address, a phone number or a one-time code is written into the log.

    Logs are kept longer and read by more people than the table it is from; a code in them still
    opens what it opens. Log the id of the row.

    Bad:
        logger.info("ticket %s for %s", row["ticket_code"], data["holder_email"])
    Good:
        logger.info("ticket %s issued", row["id"])
    """
    for file, function, call in _log_calls(module):
        for value in (*call.args, *call.keywords.values()):
            name = _personal(module, file, call, value)
            if name:
                yield module.problem(
                    file, call.line, f"`{name}` is written into the log", call.column
                )
                break


def _personal(module: ModuleSource, file: PythonFile, call: Call, value: Value) -> str:
    """The personal name among those that a value writes out."""
    if value.kind not in {"name", "subscript", "call", "fstring", "format", "dict"}:
        return ""
    if any(MASKS.search(name) for name in value.names):
        return ""
    names = [*value.names] if value.kind != "call" else []
    if value.kind == "subscript":
        names = [value.text.rpartition("[")[2].rstrip("]")]
    elif value.kind in {"call", "fstring"} and _LOOKED_UP.search(
        text := text_of(module, file, call)
    ):
        if value.kind == "fstring" or value.text.endswith(".get"):
            names += [a or b for a, b in _LOOKED_UP.findall(text)]
    return next((n for n in names if is_personal(n) or is_one_time(n)), "")


_LOOKED_UP = re.compile(r"""\[['"](\w+)['"]\]|\.get\(['"](\w+)['"]""")


_WRAPPERS = frozenset("event log_event audit auth_event log emit_event aaa".split())


def _told(file: PythonFile, function: Function, call: Call) -> str:
    """The secret among what is logged."""
    lines = range(call.line, call.end_line + 1)
    one_header = any(line in lines for _, line in function.headers)
    one_variable = any(
        line in lines and not is_secret(name) for name, line in function.environ
    )
    for value in (*call.args, *call.keywords.values()):
        if value.kind in {"str", "num", "none", "bool"}:
            continue
        if value.kind == "call" and MASKS.search(value.text):
            continue
        masked = [n for n in value.names if MASKS.search(n.rpartition(".")[2])]
        key = value.text.rpartition("[")[2].rstrip("]")
        if value.kind == "subscript" and is_secret(key):
            return key
        for name in value.names:
            if name in masked or name.rpartition(".")[2] == "tokens":  # of a model
                continue
            if name.endswith("headers") and one_header:
                continue
            if name == "os.environ" and one_variable:
                continue
            if _holds_secret(name, function, value) and not masked:
                return name
            if not masked and any(_carries(file, n) for n in _origins(function, name)):
                return name
    for header, line in function.headers:
        if call.line <= line <= call.end_line and re.search(
            r"key|authorization|token|cookie|signature", header, re.I
        ):
            return header
    for name, value in call.keywords.items():
        if value.kind == "name" and is_secret(name) and name not in {"user"}:
            return name
    return ""


def _origins(function: Function, name: str) -> list[str]:
    """The attributes that a name is, or that its headers were put together from."""
    if name.startswith("self."):
        return [name]
    if not name.endswith("headers"):
        return []
    given = (a.value for a in function.assigns if a.target == name)
    return [n for value in given for n in value.names if n.startswith("self.")]


def _carries(file: PythonFile, name: str) -> bool:
    """Whether the headers that an object keeps hold a credential."""
    return name.endswith("headers") and any(
        _are_ours(name, each)
        or any(
            a.target.startswith(f"{name}[")
            and re.search("authorization|key|token|cookie", a.target, re.I)
            for a in each.assigns
        )
        for each in file.functions
    )


def _holds_secret(name: str, function: Function, value: Value) -> bool:
    """Whether a name is a secret, or a whole that holds some."""
    last = name.rpartition(".")[2]
    if last == "pwd" and any(
        a.target == name and a.value.text.endswith("cwd") for a in function.assigns
    ):
        return False
    if _holds_whole(function, name):
        return True
    if is_secret(last) and not last.endswith(("_present", "_set", "Error")):
        exists = value.kind == "other" and value.text in {"Compare", "UnaryOp"}
        if last[:1].isupper() and not last.isupper():
            return False
        return not exists
    if name in {"request.headers", "os.environ", "Config.__dict__"}:
        return value.kind != "call" or value.text in {"dict", "str", "vars", "repr"}
    if last == "headers" and ("request" in name or _are_ours(name, function)):
        return True
    return name == "headers" and _are_ours(name, function)


def _is_answer_with_tokens(name: str, function: Function) -> bool:
    """Whether a name is the whole answer to a request for tokens."""
    return re.search(r"token|oauth|credential", function.name) is not None and any(
        each.target == name and each.value.text.removesuffix("()").endswith(".json")
        for each in function.assigns
    )


def _is_form_with_password(name: str, function: Function) -> bool:
    """Whether a name is the whole form, or body, that a secret is taken out of."""
    base, _, method = name.partition(".")
    if method not in {"", "to_dict", "items", "values"}:
        return False
    taken = any(
        each.target == base
        and re.search(
            r"request\.(form|json|get_json)",
            f"{each.value.text} {' '.join(each.value.names)}",
        )
        for each in function.assigns
    )
    return taken and any(
        call.receiver == base and call.args and is_secret(call.args[0].text)
        for call in function.calls
        if call.last in {"get", "pop"}
    )


def _are_ours(name: str, function: Function) -> bool:
    """Whether headers hold a credential or are those of the request."""
    for assign in function.assigns:
        if assign.target == name:
            text = f"{assign.value.text} {' '.join(assign.value.names)}"
            if re.search(r"Authorization|Api-?Key|request\.headers|token", text, re.I):
                return True
    return False


@rule("WB612", severity=Severity.WARNING, topic="log", checklist="CQ4")
def error_without_traceback(module: ModuleSource) -> Iterator[Problem]:
    """An internal error is logged without its traceback.

    The line says that something failed, not where. Use `logger.exception(...)`.

    Bad:
        except Exception as error:
            logger.error(f"failed: {error}")
            return error_response("internal error", 500)
    Good:
        except Exception:
            logger.exception("quotes could not be read")
    """
    aaa = {
        (file.path, call.target)
        for file in module.python
        for call in file.calls
        if call.last in {"setup_aaa_logging", "AAALogger"}
    }
    for route in module.routes:
        for call in route.function.calls:
            handler = call.handler
            if call.last != "error" or handler is None or not handler.broad:
                continue
            if not is_log_call(call.name, call.last) or "exc_info" in call.keywords:
                continue
            if (route.file.path, call.receiver) in aaa:
                continue
            if handler.returns and any(s >= 500 for s in handler.returns.statuses):
                yield module.problem(
                    route.file,
                    call.line,
                    "the traceback is lost; use logger.exception",
                    call.column,
                )
