"""Switches of the environment that cannot be switched off."""

from __future__ import annotations

from collections.abc import Iterator

from waddlegen.facts.python import Call, Function
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_NO = frozenset({"false", "0", "no", "off", "f", "n", "true", "1", "yes", "on"})


@rule("WB518", severity=Severity.ERROR, topic="env", checklist=None)
def switch_that_is_always_on(module: ModuleSource) -> Iterator[Problem]:
    """A text of the environment is taken for a truth value.

    Every text but the empty one is true: `DEBUG=false` switches on what it should switch off.
    Compare the text with the words that mean yes.

    Bad:
        DEBUG = bool(os.getenv("DEBUG", "false"))
    Good:
        DEBUG = os.getenv("DEBUG", "false").lower() in {"1", "true", "yes"}
    """
    files = {id(each): file for file, each in module.functions()}
    for name in ("getenv", "get"):
        for function, call in module.calls_by_name.get(name, ()):
            if not call.name.endswith(("getenv", "environ.get")):
                continue
            default = call.argument(1, "default")
            if default is None:
                continue
            worded = default.kind == "str" and default.text.lower() in _NO
            if default.kind != "bool" and not worded:
                continue
            as_bool = _is_made_bool(function, call)
            if as_bool or (default.kind == "bool" and _is_kept(function, call)):
                message = (
                    "every text is true, `false` too; compare it with the words for yes"
                )
                file = files[id(function)]
                yield module.problem(file, call.line, message, call.column)


def _is_made_bool(function: Function, call: Call) -> bool:
    """Whether `bool` is made of what the environment says."""
    return any(
        each.name == "bool"
        and each.line <= call.line <= each.end_line
        and each.args
        and each.args[0].kind == "call"
        and each.args[0].text == call.name
        for each in function.calls
    )


def _is_kept(function: Function, call: Call) -> bool:
    """Whether what the environment says is kept as it is."""
    return any(
        each.line == call.line
        and each.value.kind == "call"
        and each.value.text == call.name
        and call.target == each.target
        for each in function.assigns
    )
