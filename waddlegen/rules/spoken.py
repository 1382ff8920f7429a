"""What people say and call themselves, written into the log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Call, Function, PythonFile, Value
from waddlegen.findings import Problem, Severity
from waddlegen.measures import is_log_call, once
from waddlegen.rules.disclosed import text_of, wholes
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


@rule("WB614", severity=Severity.WARNING, topic="log")
def raw_text_in_log(module: ModuleSource) -> Iterator[Problem]:
    """A name or a title that somebody chose is put into a log line as it is.

    A line break in it forges a line of the log. Pass what must be there as a field, which is
    escaped.

    Bad:
        logger.info(f"{event['user_name']} joined")
    Good:
        logger.info("a member joined", user=event["user_id"])
    """
    if _escapes(module):
        return
    for file, function, call in _lines(module):
        if call.args[0].kind != "fstring" or _spoken(module, file, function, call):
            continue
        for base, last in _looked_at(module, file, call):
            if (
                last in _CALLED
                and base not in _OURS
                and _is_from_caller(function, base)
            ):
                message = (
                    f"`{last}` is what somebody wrote, and goes into the log as it is"
                )
                yield module.problem(file, call.line, message, call.column)
                break


@rule("WB615", severity=Severity.WARNING, topic="log", checklist="L2")
def conversation_in_log(module: ModuleSource) -> Iterator[Problem]:
    """What people say to each other is written into the log.

    It is nobody's to keep, and a line break in it forges a line of the log. Log ids and lengths.

    Bad:
        logger.info(f"filtered {user_id}: {message}")
    Good:
        logger.info("filtered %d characters of %s", len(message), user_id)
    """
    for file, function, call in _lines(module):
        name = _spoken(module, file, function, call)
        if name:
            message = f"`{name}` is what somebody wrote, and goes into the log as it is"
            yield module.problem(file, call.line, message, call.column)


def _lines(module: ModuleSource) -> Iterator[tuple[PythonFile, Function, Call]]:
    """The calls that log a text with something put into it."""
    for file, function, call in module.calls():
        if call.last not in _FREE or not call.args:
            continue
        first = call.args[0]
        if first.kind in {"fstring", "format", "concat"} or "%s" in first.text:
            if is_log_call(call.name, call.last):
                yield file, function, call


def _spoken(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> str:
    """What a log line shows of what somebody said; "" for nothing."""
    for base, last in _looked_at(module, file, call):
        if last in _SAID and base in _FROM_CALLERS and _is_from_caller(function, base):
            return last
    first = call.args[0]
    shown = {v.text for v in call.args[1:] if v.kind == "name"}
    if first.kind in {"fstring", "concat", "format"}:
        shown |= {name for name, _ in wholes(module, file, call, first)}
        shown |= set(first.names) if first.kind == "concat" else set()
    for name in sorted(shown):
        if name in _SAID and _was_said(module, function, name, 4):
            return name
        if any(
            a.target == name and _is_said(module, function, a.value, 0)
            for a in function.assigns
        ):
            return name
    return ""


def _was_said(module: ModuleSource, function: Function, name: str, depth: int) -> bool:
    """Whether a name holds what a caller sent as a message, here or further up."""
    given = [a.value for a in function.assigns if a.target == name]
    if given:
        return any(_is_said(module, function, each, depth) for each in given)
    places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
    if name not in places or not depth:
        return False
    alone = len(module.code.functions.get(function.name, ())) == 1
    return any(
        _is_said(module, caller, value, depth - 1)
        for caller, call in module.calls_by_name.get(function.name, ())
        if caller is not function
        for value in [call.argument(places.index(name), name)]
        if value is not None and (alone or name in value.text)
    )


def _is_said(
    module: ModuleSource, function: Function, value: Value, depth: int
) -> bool:
    """Whether a value is a message of a request, or of an event."""
    if value.kind == "name" and "." not in value.text:
        return _was_said(module, function, value.text, depth)
    if value.kind == "call":
        name = _trimmed(value.text)
        if name != value.text and not name.endswith("()"):
            return _is_said(module, function, Value("name", name, (name,)), depth)
        name = name.removesuffix("()")
        owner, _, last = name.rpartition(".")
        return (
            last == "get"
            and _is_from_caller(function, owner.rpartition(".")[2])
            and any(
                call.name == name and call.args and call.args[0].text in _SAID
                for call in function.calls
            )
        )
    if value.kind not in {"name", "subscript"}:
        return False
    base, _, last = value.text.rstrip("]").replace("[", ".").rpartition(".")
    return last in _SAID and _is_from_caller(function, base.rpartition(".")[2])


def _trimmed(name: str) -> str:
    """What a text was before its ends, or its case, were changed."""
    while True:
        owner, _, last = name.rpartition(".")
        if last not in {"strip", "lower", "casefold"}:
            return name
        name = owner


_FREE = frozenset("debug info warning error exception critical log".split())
_SAID = frozenset(
    "message text content prompt question chat_message message_text user_input "
    "message_content".split()
)
_FROM_CALLERS = frozenset(
    "request req event ev payload data body msg form command cmd params interaction chat "
    "inner message question notification".split()
)
_OURS = frozenset("self cls config settings cfg conf app bot client".split())
_CALLED = frozenset(
    "username user_name display_name nickname nick title sender sender_name".split()
)
_PARTS = re.compile(
    r"""\{(?P<a>[\w.]+?)(?:\[['"](?P<b>\w+)['"]\]|\.get\(['"](?P<c>\w+)['"][^{}]*\)"""
    r"""|\.(?P<d>\w+))\}"""
)


def _looked_at(
    module: ModuleSource, file: PythonFile, call: Call
) -> Iterator[tuple[str, str]]:
    """The parts of things that a log line shows raw: what of, and which."""
    if call.args[0].kind == "fstring":
        for match in _PARTS.finditer(text_of(module, file, call)):
            part = match["b"] or match["c"] or match["d"]
            yield match["a"].rpartition(".")[2], part
        return
    for value in call.args[1:]:
        if value.kind in {"name", "subscript"}:
            base, _, last = value.text.rstrip("]").replace("[", ".").rpartition(".")
            yield base.rpartition(".")[2], last


def _is_from_caller(function: Function, name: str, depth: int = 2) -> bool:
    """Whether a name is a parameter, or part of one, or what a request brought."""
    if any(p.name == name for p in function.parameters):
        return True
    for assign in function.assigns:
        if assign.target != name:
            continue
        source = assign.value
        if source.kind in {"call", "await"} and _READS_BODY.search(
            source.text.removesuffix("()")
        ):
            return True
        if depth and source.kind in {"name", "subscript", "other", "call"}:
            if any(
                _is_from_caller(function, each.partition(".")[0], depth - 1)
                for each in source.names
                if not re.search(r"(response|resp|session|client)\b", each)
            ):
                return not source.text.removesuffix("()").endswith(".json")
    return False


_READS_BODY = re.compile(
    r"(^|\.)(get_json|validate\w*|validated|parse_body|read_payload|payload_of|"
    r"(json_|get_|read_|request_|_)?body(_of|_as)?)$"
)


@once
def _escapes(module: ModuleSource) -> bool:
    """Whether the formatter that writes the module's lines escapes line breaks."""
    if module.uses_create_app:
        return True
    if any(module.imports(name) for name in ("structlog", "pythonjsonlogger")):
        return True
    asked = {
        each.name
        for file in module.python
        for each in file.imports
        if each.module.startswith("flask_core")
    }
    for file in (*module.python, *module.core[1]):
        formatters = {
            made.name
            for made in file.classes
            if any(base.endswith("Formatter") for base in made.bases)
        }
        escaping = {
            function.cls
            for function in file.functions
            if function.cls in formatters and function.name == "format"
            if {"replace", "encode", "dumps", "repr", "translate"}
            & {call.last for call in function.calls}
        }
        for function in file.functions if escaping else ():
            if any(call.last in escaping for call in function.calls):
                if file in module.python or function.name in asked:
                    return True
    return False
