"""Calls that do not fit the real flask_core, and coroutines nobody awaits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from waddlegen.facts.python import Call, Function, Parameter, PythonFile, Value
from waddlegen.findings import Problem, Severity
from waddlegen.names import pascal
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_STANDARD_METHODS = frozenset(
    "debug info warning warn error critical exception log".split()
)
_STANDARD_KEYWORDS = frozenset(
    {"exc_info", "extra", "stack_info", "stacklevel", "msg", "level"}
)
_AAA_METHODS = frozenset({"audit", "auth", "authz", "system", "performance"})
_STANDARD_LOGGERS = frozenset({"getLogger", "get_logger"})


@rule("WB216", severity=Severity.CRITICAL, topic="aaa-call", checklist="CQ4")
def broken_call_of_flask_core(module: ModuleSource) -> Iterator[Problem]:
    """A call does not fit the signature that flask_core really has.

    It raises TypeError when it is reached, often in an error path that nobody tests: the
    request fails and the audit line is lost. Pass what the function takes. The same holds for
    a response that is wrapped twice and for a coroutine that is never awaited.

    Bad:
        logger.audit("quote added", action="add_quote", result="SUCCESS")
    Good:
        logger.audit(action="add_quote", user=user_id, community=community_id, result="SUCCESS")
    """
    core = module.once_for_all(_Core, lambda: _Core(*module.core))
    for file in module.python:
        names = core.names_of(file)
        loggers = core.loggers_of(file, names)
        for function in file.functions:
            for call in function.calls:
                yield from _fits(module, core, file, call, names, loggers)
                yield from _wrapped(module, core, file, call, names)
                yield from _never_awaited(module, core, file, function, call, names)
            yield from _wrapped_returns(module, core, file, function, names)


class _Core:
    """The functions and classes of the flask_core that the module uses."""

    def __init__(self, where: str, files: Sequence[PythonFile]) -> None:
        """Index what it defines."""
        self.where, self.files = where, files
        self.functions: dict[str, list[tuple[str, Function]]] = {}
        self.methods: dict[str, dict[str, Function]] = {}
        self.open_classes: set[str] = set()
        for file in self.files:
            stem = file.path.removesuffix(".py").replace("/", ".")
            for function in file.functions:
                if function.cls and not function.nested:
                    self.methods.setdefault(function.cls, {})[function.name] = function
                elif function.parent == 0 and not function.cls:
                    self.functions.setdefault(function.name, []).append(
                        (stem, function)
                    )
            for made in file.classes:
                if made.bases:
                    self.open_classes.add(made.name)
        if not any({"audit", "auth"} <= set(m) for m in self.methods.values()):
            self.methods[_LEGACY_LOGGER] = _legacy_methods()
        self.logger = next(
            (name for name, m in self.methods.items() if {"audit", "auth"} <= set(m)),
            "",
        )

    def names_of(self, file: PythonFile) -> dict[str, Function]:
        """What a file calls the functions of flask_core."""
        found: dict[str, Function] = {}
        for each in file.imports:
            if not each.name or not each.module.startswith("flask_core"):
                continue
            stem = each.module.partition(".")[2]
            known = self.functions.get(each.name, [])
            exact = [f for place, f in known if place == stem] or [f for _, f in known]
            if len(exact) == 1 or (exact and stem):
                found[each.alias] = exact[0]
        own = {f.name for f in file.functions if f.parent == 0}
        return {name: f for name, f in found.items() if name not in own}

    def loggers_of(
        self, file: PythonFile, names: Mapping[str, Function]
    ) -> dict[str, str]:
        """The loggers of a file: `aaa`, `standard`, or empty when it could be either."""
        found: dict[str, str] = {}
        for function in file.functions:
            for assign in function.assigns:
                if assign.value.kind != "call":
                    continue
                last = assign.value.text.rpartition(".")[2]
                made = names.get(last)
                kind = ""
                if made is not None and made.returns_annotation == self.logger != "":
                    kind = "aaa"
                elif last == self.logger != "":
                    kind = "aaa"
                elif last == "getLogger":
                    kind = "standard"
                elif made is not None and made.returns_annotation.endswith("Logger"):
                    kind = "standard" if "logging" in made.returns_annotation else ""
                else:
                    continue
                before = found.get(assign.target)
                found[assign.target] = kind if before in (None, kind) else ""
        return found


# What setup_aaa_logging returned before loggers were those of the standard library; for
# modules whose own flask_core is not beside them.
_LEGACY_LOGGER = "AAALogger"
_LEGACY = {
    "auth": ("action", "user", "result"),
    "authz": ("action", "user", "community", "result"),
    "audit": ("action", "user", "community", "result"),
}


def _legacy_methods() -> dict[str, Function]:
    """The methods of that logger."""
    made = {}
    for name, parameters in _LEGACY.items():
        function = Function(name, name, 1, 1, 1, cls=_LEGACY_LOGGER)
        function.parameters = (
            Parameter("self", "positional"),
            *(Parameter(each, "positional", "str") for each in parameters),
            Parameter("fields", "double_star"),
        )
        made[name] = function
    return made


def _fits(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    call: Call,
    names: Mapping[str, Function],
    loggers: Mapping[str, str],
) -> Iterator[Problem]:
    """Bind one call to the signature it means."""
    target: Function | None = None
    skip = 0
    if "." not in call.name:
        target = names.get(call.name)
        if target is not None and target.decorators:
            target = None
    else:
        kind = loggers.get(call.receiver)
        looks = "log" in call.receiver.rpartition(".")[2].lower()
        if kind == "standard":
            yield from _standard(module, file, call)
            return
        if kind == "aaa" or (looks and call.last in {"audit", "auth", "authz"}):
            if kind is None and call.receiver.startswith("log_"):
                return
            target = core.methods.get(core.logger, {}).get(call.last)
            skip = 1
            if (
                target is None
                and kind == "aaa"
                and core.logger not in core.open_classes
            ):
                if "__getattr__" not in core.methods[core.logger]:
                    yield module.problem(
                        file,
                        call.line,
                        f"{core.logger} has no method `{call.last}`: AttributeError",
                        call.column,
                    )
                return
    if target is None:
        return
    wrong = bind(target, call, skip)
    if wrong:
        yield module.problem(
            file,
            call.line,
            f"`{call.name}{signature(target, skip)}` {wrong}",
            call.column,
        )


def _standard(module: ModuleSource, file: PythonFile, call: Call) -> Iterator[Problem]:
    """Calls of a logger of the standard library that only the AAA logger takes."""
    if call.last in _AAA_METHODS:
        yield module.problem(
            file,
            call.line,
            f"`{call.receiver}` is a logger of the standard library and has no"
            f" `{call.last}`: AttributeError",
            call.column,
        )
    elif call.last in _STANDARD_METHODS:
        unknown = [name for name in call.keywords if name not in _STANDARD_KEYWORDS]
        if unknown:
            yield module.problem(
                file,
                call.line,
                f"a logger of the standard library takes no `{unknown[0]}=`: TypeError;"
                " pass it in `extra=`",
                call.column,
            )


def bind(function: Function, call: Call, skip: int) -> str:
    """What is wrong with a call's arguments; nothing when they fit."""
    positional = [p for p in function.parameters if p.kind == "positional"][skip:]
    keyword = [p for p in function.parameters if p.kind == "keyword"]
    names = {p.name for p in (*positional, *keyword)}
    takes_star = any(p.kind == "star" for p in function.parameters)
    takes_any = any(p.kind == "double_star" for p in function.parameters)
    plain = [value for value in call.args if value.kind != "star"]
    if len(plain) > len(positional) and not takes_star and not call.star:
        return f"is given {len(plain)} arguments by place: TypeError"
    filled = {p.name for p in positional[: len(plain)]} if not call.star else set()
    for name in call.keywords:
        if name in filled:
            return f"is given `{name}` twice: TypeError"
        if name not in names and not takes_any:
            return f"has no parameter `{name}`: TypeError"
    if not call.star and not call.double_star:
        missing = [
            p.name
            for p in (*positional, *keyword)
            if p.default is None
            and p.name not in filled
            and p.name not in call.keywords
        ]
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing)
            return f"is called without {listed}: TypeError"
    if call.star:
        return ""
    pairs: list[tuple[str, Value]] = [
        (_kind(p), value) for p, value in zip(positional, plain, strict=False)
    ]
    by_name = {p.name: _kind(p) for p in function.parameters}
    pairs += [(by_name.get(name, ""), value) for name, value in call.keywords.items()]
    for annotation, value in pairs:
        if annotation == "str" and value.kind == "num":
            return f"takes text where it is given {value.text}"
        if annotation == "int" and value.kind == "str" and not value.text.isdigit():
            return f'takes a number where it is given "{value.text[:30]}"'
    return ""


def _kind(parameter: Parameter) -> str:
    """What a parameter takes: what it says, else what its default is."""
    given = parameter.default
    if parameter.annotation or given is None:
        return parameter.annotation
    if given.kind == "num" and given.text.isdigit():
        return "int"
    return "str" if given.kind == "str" and given.text else ""


def signature(function: Function, skip: int) -> str:
    """A function's parameters, short."""
    shown = []
    for parameter in function.parameters[skip:]:
        mark = {"star": "*", "double_star": "**"}.get(parameter.kind, "")
        optional = "=…" if parameter.default is not None else ""
        shown.append(f"{mark}{parameter.name}{optional}")
    return f"({', '.join(shown)})"


def _answers(function: Function | None) -> bool:
    """Whether a function of flask_core makes a whole response."""
    return function is not None and function.name.endswith("_response")


def _wrapped(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    call: Call,
    names: Mapping[str, Function],
) -> Iterator[Problem]:
    """`jsonify(success_response(...))`."""
    if call.last != "jsonify" or not call.args:
        return
    first = call.args[0]
    if first.kind in {"call", "await"} and _answers(names.get(first.text)):
        yield module.problem(
            file,
            call.line,
            f"`{first.text}` is a whole response; `jsonify` around it raises TypeError"
            " or loses the status",
            call.column,
        )


def _wrapped_returns(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    function: Function,
    names: Mapping[str, Function],
) -> Iterator[Problem]:
    """`return error_response(...), 404`, where the helper has the status already."""
    for each in function.returns:
        value = each.value
        if value.kind != "list" or not value.names:
            continue
        made = names.get(value.names[0])
        if made is not None and _answers(made) and _has_status(made):
            yield module.problem(
                file,
                each.line,
                f"`{value.names[0]}` returns response and status already; a second status"
                " makes a tuple in a tuple",
            )


def _has_status(made: Function) -> bool:
    """Whether a helper returns response and status, by its annotation or by what it does."""
    if made.returns_annotation:
        return made.returns_annotation in {"tuple", "Tuple[]", "tuple[]"}
    return bool(made.returns) and all(r.value.kind == "list" for r in made.returns)


def _never_awaited(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    function: Function,
    call: Call,
    names: Mapping[str, Function],
) -> Iterator[Problem]:
    """Coroutines that are called and dropped, and what is awaited but is none."""
    if call.name in {"request.json", "response.json"} and call.awaited:
        if call.name == "request.json" and _quart(file):
            yield module.problem(
                file,
                call.line,
                "Quart's `request.json` is no method; write `await request.get_json()`",
                call.column,
                topic="async",
            )
        return
    if call.awaited:
        return
    reads = call.name in {"request.get_json", "request.get_data"} and _quart(file)
    shows = call.name in _QUART and _from_quart(file, call.name) and function.is_async
    message = ""
    if reads and (call.target or call.bare):
        message = "is a coroutine in Quart and is not awaited"
    elif shows and (call.bare or _is_returned(function, call)):
        message = "is a coroutine in Quart and is not awaited"
    elif not (reads or shows) and call.bare:
        if _is_coroutine(module, file, function, call, names):
            message = "is a coroutine and is never awaited: it does nothing"
    if message:
        text = f"`{call.name}()` {message}"
        yield module.problem(file, call.line, text, call.column, topic="async")


def _is_returned(function: Function, call: Call) -> bool:
    """Whether a call is what a function answers with."""
    return any(
        each.line == call.line
        and (each.value.kind, each.value.text) == ("call", call.name)
        for each in function.returns
    )


_QUART = frozenset(
    "render_template render_template_string make_response send_file "
    "send_from_directory".split()
)


def _from_quart(file: PythonFile, name: str) -> bool:
    """Whether a name is Quart's."""
    return any(each.module == "quart" and each.alias == name for each in file.imports)


def _quart(file: PythonFile) -> bool:
    """Whether a file's request is Quart's."""
    return any(
        each.module == "quart" and each.alias == "request" for each in file.imports
    )


def _is_coroutine(
    module: ModuleSource,
    file: PythonFile,
    function: Function,
    call: Call,
    names: Mapping[str, Function],
) -> bool:
    """Whether a call makes a coroutine."""
    if call.name in {"asyncio.sleep", "asyncio.gather", "asyncio.wait"}:
        return call.last != "gather"
    if "." not in call.name:
        if call.name in names:
            return names[call.name].is_async and not names[call.name].yields
        own = [
            f
            for f in file.functions
            if f.name == call.name and not f.cls and not f.decorators
        ]
        if own:
            return all(f.is_async and not f.yields for f in own)
        for each in file.imports:
            if each.alias == call.name and each.name:
                found = module.code.functions.get(each.name, [])
                same = [
                    f.functions[n]
                    for f, n in found
                    if f.name.removesuffix(".py") == each.module.rpartition(".")[2]
                ]
                return bool(same) and all(f.is_async and not f.decorators for f in same)
        return False
    if call.receiver == "self":
        cls = function.cls or _class_around(file, function)
        own = [f for f in file.functions if f.cls == cls and f.name == call.last]
        return bool(own) and all(
            f.is_async and not f.yields and not f.decorators for f in own
        )
    found = module.code.functions.get(call.last, [])
    # `quote_service.purge()` is a method of QuoteService.
    kind = pascal(call.receiver.rpartition(".")[2].lstrip("_"))
    if _is_foreign(module, file, call.receiver):
        return False
    made = {c.last for c in file.calls if c.target == call.receiver}
    kind = made.pop() if len(made) == 1 else kind
    own = [f.functions[n] for f, n in found if f.functions[n].cls == kind]
    if own:
        classes = [c for f in module.python for c in f.classes if c.name == kind]
        if len(classes) > 1:
            return False
        return all(f.is_async and not f.yields and not f.decorators for f in own)
    if len(call.last) > 8 and found and "." not in call.receiver.removeprefix("self."):
        methods = [f.functions[n] for f, n in found]
        return all(
            f.is_async and f.cls and not f.yields and not f.decorators for f in methods
        )
    return False


def _is_foreign(module: ModuleSource, file: PythonFile, receiver: str) -> bool:
    """Whether a name holds something that no class of this module made, as far as is seen."""
    if re.search(r"(^|[._])log(ger)?$", receiver):
        return True
    made = [a.value for f in file.functions for a in f.assigns if a.target == receiver]
    calls = [value.text for value in made if value.kind in {"call", "await"}]
    if not calls:
        return False
    for name in calls:
        module_name, _, last = module.code.origin(file, name).rpartition(".")
        stem = module_name.rpartition(".")[2]
        for other in module.code.by_stem.get(stem, ()) if stem else (file,):
            if any(each.name == last for each in other.classes):
                return False
    return True


def _class_around(file: PythonFile, function: Function) -> str:
    """The class of the method that a nested function is in."""
    parent = function.parent
    while parent > 0:
        outer = file.functions[parent]
        if outer.cls:
            return outer.cls
        parent = outer.parent
    return ""
