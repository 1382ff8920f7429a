"""Calls that do not fit the real flask_core, and coroutines nobody awaits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from waddlegen.facts.python import Call, Function, Loop, Parameter, PythonFile, Value
from waddlegen.facts.routes import AUTH
from waddlegen.facts.words import are_aaa, words
from waddlegen.findings import Problem, Severity
from waddlegen.names import pascal
from waddlegen.rules.coroutines import is_foreign, kept_method
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_STANDARD_METHODS = frozenset(
    "debug info warning warn error critical exception log".split()
)
_STANDARD_KEYWORDS = frozenset(
    {"exc_info", "extra", "stack_info", "stacklevel", "msg", "level"}
)
_AAA_METHODS = frozenset({"audit", "auth", "authz", "system", "performance"})


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
    for file, function, call, bound in _bound_calls(module):
        wrong = bind(bound.function, call, bound, _spread(file, function, call))
        if wrong:
            shown = f"`{call.name}{signature(bound.function, bound.skip)}`"
            yield module.problem(file, call.line, f"{shown} {wrong}", call.column)
    for file, names, loggers in _read(module, core):
        for function in file.functions:
            for call in function.calls:
                if call.last in _LOGGING or (loggers and call.receiver in loggers):
                    yield from _lacking(module, core, file, function, call, loggers)
                if call.last == "jsonify":
                    yield from _wrapped(module, core, file, call, names)
                if not call.awaited or call.name == "request.json":
                    yield from _never_awaited(module, core, file, function, call, names)
            yield from _wrapped_returns(module, core, file, function, names)
    yield from _asserted_coroutines(module)


@rule("WB217", severity=Severity.ERROR, topic="aaa-call", checklist="L1")
def misplaced_argument(module: ModuleSource) -> Iterator[Problem]:
    """An AAA event gets a value that belongs to another of its fields.

    The call runs, and the log then says something that is not so: the community is looked for
    among the users, or the one who did it is called "admin". Pass the fields by name.

    Bad:
        logger.audit("purge", community_id, user_id, "success")
    Good:
        logger.audit("purge", user=user_id, community=community_id, result="success")
    """
    for file, function, call, bound in _bound_calls(module):
        if bound.function.name not in _EVENTS | _EVENT_FUNCTIONS or call.star:
            continue
        for name, value in _pairs(bound, call):
            wanted, given = _FIELDS.get(name, ""), _role(value)
            if wanted and given and wanted != given:
                if bind(bound.function, call, bound, _spread(file, function, call)):
                    break  # which is said of the call already
                shown = value.text if value.kind != "str" else f'"{value.text}"'
                yield module.problem(
                    file,
                    call.line,
                    f"`{bound.function.name}` takes the {wanted} where it is given"
                    f" `{shown}`",
                    call.column,
                )
                break
    yield from _nobody(module)


_EVENTS = frozenset({"audit", "auth", "authz"})
_EVENT_FUNCTIONS = frozenset(f"log_{name}_event" for name in _EVENTS)
_FIELDS = {
    "community": "community",
    "community_id": "community",
    "user": "user",
    "user_id": "user",
    "actor": "user",
    "action": "action",
    "result": "result",
}
_RESULTS = frozenset(
    "success failure failed denied granted allowed refused blocked error".split()
)
_PEOPLE = frozenset("user username actor member".split())
_BEARERS = frozenset("identity api_key caller principal actor user by member".split())
# What a person may be, and nobody is called.
_ROLES = frozenset(
    "admin administrator user moderator mod member owner streamer broadcaster".split()
)


def _role(value: Value) -> str:
    """The field that a value belongs to by its name; "" for what could be any."""
    if value.kind == "str":
        return "result" if value.text.lower() in _RESULTS else ""
    if value.kind not in {"name", "subscript", "call"}:
        return ""
    base, _, last = value.text.rstrip("]").replace("[", ".").rpartition(".")
    parts = words(last)
    if parts[-2:] == ["community", "id"] or parts == ["community"]:
        return "community"
    if parts[-1:] and parts[-1] in _PEOPLE:
        return "user"
    if len(parts) > 1 and parts[-1] in {"id", "name"} and parts[-2] in _PEOPLE:
        return "user"
    if last in {"name", "id", "sub"} and base.rpartition(".")[2] in _BEARERS:
        return "user"
    return ""


def _pairs(bound: _Bound, call: Call) -> Iterator[tuple[str, Value]]:
    """The parameters of a call with what each of them is given."""
    places = [p.name for p in bound.function.parameters if p.kind == "positional"]
    yield from zip(places[bound.skip :], call.args, strict=False)
    yield from call.keywords.items()


def _nobody(module: ModuleSource) -> Iterator[Problem]:
    """Views whose AUDIT events name a role where they know who called."""
    events = [each for each in _bound_calls(module) if each[3].function.name == "audit"]
    # Where no view behind the same guard knows a person, a role is what can be said.
    knowing: set[str] = set()
    for _, function, call, bound in events:
        if any(
            _FIELDS.get(name) == "user" and value.kind != "str"
            for name, value in _pairs(bound, call)
        ):
            knowing |= _guards(function)
    views = [route.function for route in module.routes if route.changes]
    for file, function, call, bound in events:
        if call.star or function not in views or not _guards(function) & knowing:
            continue
        for name, value in _pairs(bound, call):
            role = _FIELDS.get(name) == "user" and value.kind == "str"
            if role and value.text.lower() in _ROLES:
                yield module.problem(
                    file,
                    call.line,
                    f'the user of this event is always "{value.text}"; say who did it',
                    call.column,
                )


def _guards(function: Function) -> set[str]:
    """The decorators of a view that look at who calls."""
    return {each.last for each in function.decorators if AUTH.search(each.last)}


@dataclass(frozen=True, slots=True)
class _Bound:
    """A function that is called, and what it has been given before the call."""

    function: Function
    skip: int = 0
    keywords: frozenset[str] = frozenset()


def _read(
    module: ModuleSource, core: _Core
) -> Sequence[tuple[PythonFile, dict[str, Function], dict[str, str]]]:
    """The files, with the functions of flask_core that each knows, and its loggers."""
    return module.once(
        _read,
        lambda: [
            (file, names, core.loggers_of(file, names))
            for file in module.python
            for names in [core.names_of(file)]
        ],
    )


def _bound_calls(
    module: ModuleSource,
) -> list[tuple[PythonFile, Function, Call, _Bound]]:
    """The calls of flask_core's functions and methods, worked out once."""
    found = module.memory.get(_bound_calls)
    if not isinstance(found, list):
        found = list(_each_bound_call(module))
        module.memory[_bound_calls] = found
    return found


def _each_bound_call(
    module: ModuleSource,
) -> Iterator[tuple[PythonFile, Function, Call, _Bound]]:
    """As above, one after the other."""
    core = module.once_for_all(_Core, lambda: _Core(*module.core))
    for file, names, loggers in _read(module, core):
        aliases = _aliases(module, core, file, loggers)
        for function in file.functions:
            for call in function.calls:
                bound = aliases.get(call.name)
                if bound is None and "." in call.name:
                    if call.last not in core.method_names:
                        continue
                    bound = _method(module, core, file, function, call.name, loggers)
                elif bound is None and call.name in names:
                    bound = _Bound(names[call.name])
                if bound is not None and not bound.function.decorators:
                    yield file, function, call, bound


def _method(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    function: Function,
    name: str,
    loggers: Mapping[str, str],
) -> _Bound | None:
    """The method of flask_core that a dotted name means."""
    receiver, _, last = name.rpartition(".")
    if last not in core.method_names or receiver in {"", "self", "super()"}:
        return None
    logger = core.methods.get(core.logger, {})
    kind = loggers.get(receiver)
    if kind == "standard":
        return None
    if kind == "aaa":
        return _Bound(logger[last], 1) if last in logger else None
    known = module.kinds.method(file, function, name)
    if known is not None:
        made = known[1]
        return _Bound(made, 1) if known[0].file in core.files else None
    likely = module.kinds.likely(file, function, receiver)
    if likely is not None and likely.name == core.logger and last in logger:
        return _Bound(logger[last], 1) if likely.file in core.files else None
    if last not in _EVENTS or likely is not None:
        return None
    called = receiver.rpartition(".")[2].lower()
    looks = "log" in called or "aaa" in called or called == "extensions[]"
    looks = looks or (called.endswith("[]") and last != "auth")
    if not looks or (kind is None and receiver.startswith("log_")):
        return None
    if any(last in k.methods for k in module.kinds.own if k):
        return None
    return _Bound(logger[last], 1) if last in logger else None


def _aliases(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    loggers: Mapping[str, str],
) -> dict[str, _Bound]:
    """The names of a file that stand for a logger's method, with what is bound already."""
    found: dict[str, _Bound | None] = {}
    for function in file.functions:
        partials = {c.target: c for c in function.calls if c.last == "partial"}
        for assign in function.assigns:
            value, target = assign.value, assign.target
            bound = None
            if value.kind == "name" and value.text.rpartition(".")[2] in _ALIASED:
                bound = _method(module, core, file, function, value.text, loggers)
            elif value.kind == "call" and target in partials:
                bound = _partial(
                    module, core, file, function, partials[target], loggers
                )
            elif value.kind == "call" and target in _ALIASED:
                bound = _handed_out(module, core, file, target, value.text)
            if bound or target in found:
                same = target not in found or found[target] == bound
                found[target] = bound if same else None
    return {name: bound for name, bound in found.items() if bound}


_ALIASED = _EVENTS | {"error", "system"}


def _partial(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    function: Function,
    call: Call,
    loggers: Mapping[str, str],
) -> _Bound | None:
    """What `partial(aaa.audit, community=None)` makes."""
    if not call.args or call.star or call.double_star:
        return None
    if call.args[0].kind != "name":
        return None
    name = call.args[0].text
    bound = _method(module, core, file, function, name, loggers)
    if bound is None:
        return None
    skip = bound.skip + len(call.args) - 1
    return _Bound(bound.function, skip, frozenset(call.keywords))


def _handed_out(
    module: ModuleSource, core: _Core, file: PythonFile, target: str, name: str
) -> _Bound | None:
    """The method, or partial, of this name that a function of the module hands out."""
    for other, number in module.code.resolve(file, name)[:1]:
        function = other.functions[number]
        loggers = core.loggers_of(other, core.names_of(other))
        for call in function.calls:
            if call.last == "partial" and call.args:
                if call.args[0].text.rpartition(".")[2] == target:
                    return _partial(module, core, other, function, call, loggers)
    return None


def _spread(file: PythonFile, function: Function, call: Call) -> frozenset[str] | None:
    """The keys of what is spread into a call's keywords; None when they are not all known."""
    found: set[str] = set()
    for value in call.spread:
        keys = _keys(file, function, value)
        if keys is None:
            return None
        found |= keys
    return frozenset(found)


def _keys(file: PythonFile, function: Function, value: Value) -> set[str] | None:
    """The keys of a dict that is written out, here or where its name is given."""
    if value.kind == "dict":
        keys = {key for key in value.text.split(",") if key}
        return None if "*" in keys else keys
    if value.kind != "name" or "." in value.text:
        return None
    given = [a for a in function.assigns if a.target == value.text]
    changed = any(
        call.receiver == value.text and call.last in {"update", "setdefault", "pop"}
        for call in function.calls
    )
    changed |= any(a.target.startswith(f"{value.text}[") for a in function.assigns)
    changed |= f"{value.text}[]" in function.deletes
    if changed or len(given) != 1:
        return None
    made = [c for c in function.calls if c.target == value.text and c.name == "dict"]
    if made and not made[0].args and not made[0].double_star:
        return set(made[0].keywords)
    return _keys(file, function, given[0].value) if given[0].value.text else None


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
        if not any(are_aaa(m) for m in self.methods.values()):
            self.methods[_LEGACY_LOGGER] = _legacy_methods()
        self.logger = next(
            (name for name, m in self.methods.items() if are_aaa(m)),
            "",
        )
        self.method_names = {name for each in self.methods.values() for name in each}

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
        own = {f.name for f in file.functions if f.parent == 0} if found else set()
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


def _lacking(
    module: ModuleSource,
    core: _Core,
    file: PythonFile,
    function: Function,
    call: Call,
    loggers: Mapping[str, str],
) -> Iterator[Problem]:
    """A method, or a keyword, that this logger does not have."""
    kind = loggers.get(call.receiver) if call.receiver else None
    if kind == "standard":
        yield from _standard(module, file, call)
        return
    if kind != "aaa":
        if call.last not in _LOGGING:
            return
        known = (
            module.kinds.of(file, function, call.receiver) if call.receiver else None
        )
        if known is None or known.name != core.logger or known.file not in core.files:
            return
    methods = core.methods[core.logger]
    if call.last in methods or "__getattr__" in methods:
        return
    if core.logger not in core.open_classes:
        yield module.problem(
            file,
            call.line,
            f"{core.logger} has no method `{call.last}`: AttributeError",
            call.column,
        )


_LOGGING = _STANDARD_METHODS | _AAA_METHODS


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


def bind(
    function: Function,
    call: Call,
    bound: _Bound,
    spread: frozenset[str] | None = frozenset(),
) -> str:
    """What is wrong with a call's arguments; nothing when they fit."""
    every = [p for p in function.parameters if p.kind == "positional"]
    positional = every[bound.skip :]
    named = {p.name for p in (*positional, *function.parameters) if not p.by_place}
    by_name_alone = [p for p in function.parameters if p.kind == "keyword"]
    known = {p.name for p in by_name_alone}
    known |= {p.name for p in positional if p.name in named}
    kinds = {p.kind for p in function.parameters}
    takes_star, takes_any = "star" in kinds, "double_star" in kinds
    plain = [value for value in call.args if value.kind != "star"]
    if len(plain) > len(positional) and not takes_star and not call.star:
        return f"is given {len(plain)} arguments by place: TypeError"
    filled = {p.name for p in every[: bound.skip] if not p.by_place}
    filled |= {p.name for p in positional[: len(plain)]} if not call.star else set()
    given = [*call.keywords, *sorted(spread or ())]
    inside = _given_inside(function) if takes_any else frozenset()
    for name in given:
        if name in filled or given.count(name) > 1:
            return f"is given `{name}` twice: TypeError"
        if name not in known and not takes_any:
            return f"has no parameter `{name}`: TypeError"
        if name not in known and name in inside:
            return f"gives `{name}` itself, and is given it again: TypeError"
    for parameter in positional[: len(plain)]:
        if parameter.name in bound.keywords and not call.star:
            return f"is given `{parameter.name}` twice: TypeError"
    if not call.star and spread is not None:
        filled |= {*given, *bound.keywords}
        missing = [
            p.name
            for p in (*positional, *by_name_alone)
            if p.default is None and p.name not in filled
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


def _given_inside(function: Function) -> frozenset[str]:
    """The keywords that a function gives beside the `**details` that it hands on."""
    rest = next(p.name for p in function.parameters if p.kind == "double_star")
    return frozenset(
        name
        for call in function.calls
        if any(each.text == rest for each in call.spread)
        for name in call.keywords
    )


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
    elif not (reads or shows):
        misused = _misused(function, call)
        if misused and _is_coroutine(module, file, function, call, names):
            message = f"is a coroutine and is never awaited: {misused}"
    if message:
        text = f"`{call.name}()` {message}"
        yield module.problem(file, call.line, text, call.column, topic="async")


def _misused(function: Function, call: Call) -> str:
    """What becomes of a coroutine that nobody awaits; "" when somebody still may."""
    if call.bare:
        return "it does nothing"
    if call.use:
        word = (
            call.use if " " in call.use or call.use in _JUDGED else "taken for a value"
        )
        return f"what is {word} here is the coroutine"
    if function.is_async and _is_returned(function, call):
        return "the caller gets the coroutine"
    if call.target.isidentifier() and _is_never_awaited(function, call):
        return f"`{call.target}` is the coroutine"
    return ""


_JUDGED = frozenset({"tested", "compared"})
_HARMLESS = frozenset("bool str repr len print isinstance type".split())


def _is_never_awaited(function: Function, call: Call) -> bool:
    """Whether a name that holds a coroutine is only ever used as if it held the result."""
    name = call.target
    if (
        name in function.awaits
        or name in function.globals
        or not _is_used(function, name)
    ):
        return False
    if name in function.subscripted:
        return all(a.line == call.line for a in function.assigns if a.target == name)
    values = [each.value for each in function.returns]
    values += [each.value for each in function.assigns]
    for each in function.calls:
        if each.name in _HARMLESS:
            continue
        values += [*each.args, *each.keywords.values(), *each.spread]
    for value in values:
        if name not in value.names:
            continue
        if value.kind in {"name", "list", "dict", "star", "await"}:
            return False
        if value.kind == "call" and value.text not in _HARMLESS:
            # `data.get(name)` is looked at where its own arguments are.
            return False
        if value.kind == "other" and value.text not in {"Compare", "UnaryOp"}:
            return False
    return not any(each.over.names.count(name) for each in _loops(function)) and not (
        function.yields
    )


def _is_used(function: Function, name: str) -> bool:
    """Whether a function uses a name, or a part of what it holds."""
    if name in function.names:
        return True
    return any(each.startswith(f"{name}.") for each in function.names)


def _loops(function: Function) -> Iterator[Loop]:
    """The loops that calls of a function stand in."""
    for call in function.calls:
        if call.loop is not None:
            yield call.loop


_FIXTURES = frozenset({"fixture", "pytest_asyncio.fixture", "pytest.fixture"})


def _asserted_coroutines(module: ModuleSource) -> Iterator[Problem]:
    """Tests that assert a coroutine, which is always true, or that drop one."""
    fixtures = {
        function.name: (file, function)
        for file in module.tests
        for function in file.functions
        if any(d.name in _FIXTURES for d in function.decorators)
    }
    for file in module.tests:
        for function in file.functions:
            for call in function.calls:
                if call.awaited or not (call.bare or call.use in _JUDGED):
                    continue
                if "." in call.name and _tests_coroutine(
                    module, file, function, call, fixtures
                ):
                    yield module.problem(
                        file,
                        call.line,
                        f"`{call.name}()` is a coroutine and is not awaited: nothing is"
                        " tested",
                        call.column,
                        topic="tests",
                    )


def _tests_coroutine(
    module: ModuleSource,
    file: PythonFile,
    function: Function,
    call: Call,
    fixtures: Mapping[str, tuple[PythonFile, Function]],
) -> bool:
    """Whether a test calls a coroutine function of the program, replaced by nothing."""
    receiver = call.receiver
    if any(f"{a.target}.".startswith(f"{call.name}.") for a in function.assigns):
        return False
    made = [a.value for a in function.assigns if a.target == receiver]
    place = file
    if not made and receiver in {p.name for p in function.parameters}:
        if receiver not in fixtures:
            return False
        place, fixture = fixtures[receiver]
        made = [each.value for each in fixture.returns]
        if len(made) == 1 and made[0].kind == "name":
            made = [a.value for a in fixture.assigns if a.target == made[0].text]
    if len(made) != 1 or made[0].kind not in {"call", "await"}:
        return False
    kind = module.kinds.classes.get(module.kinds.made_by(place, made[0].text))
    method = kind.methods.get(call.last) if kind else None
    if kind is None:  # a double that the tests define
        doubles = [
            each
            for each in place.functions
            if each.cls == made[0].text and each.name == call.last
        ]
        method = doubles[0] if len(doubles) == 1 else None
    return method is not None and _makes_coroutine(method)


def _makes_coroutine(function: Function) -> bool:
    """Whether calling a function only makes a coroutine."""
    plain = {d.last for d in function.decorators} <= _TRANSPARENT
    return function.is_async and not function.yields and plain


_TRANSPARENT = frozenset({"staticmethod", "classmethod", "abstractmethod", "override"})


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


def _named(module: ModuleSource, file: PythonFile, name: str) -> list[Function]:
    """The functions of one of the program's files that have a name."""
    found = module.code.functions.get(name, ())
    return [each.functions[number] for each, number in found if each is file]


def _is_coroutine(
    module: ModuleSource,
    file: PythonFile,
    function: Function,
    call: Call,
    names: Mapping[str, Function],
) -> bool:
    """Whether a call makes a coroutine."""
    if call.receiver == "asyncio" and call.last in _OF_ASYNCIO:
        return True
    if "." not in call.name:
        if call.name in names:
            return names[call.name].is_async and not names[call.name].yields
        own = [
            f for f in _named(module, file, call.name) if not f.cls and not f.decorators
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
        own = [f for f in _named(module, file, call.last) if f.cls == cls]
        return bool(own) and all(
            f.is_async and not f.yields and not f.decorators for f in own
        )
    if is_foreign(module, file, function, call):
        return True
    if call.last not in _async_names(module):
        return False
    kept = kept_method(module, file, call)
    if kept is not None:
        return _makes_coroutine(kept)
    known = module.kinds.of(file, function, call.receiver)
    if known is not None:
        method = module.kinds.method(file, function, call.name)
        return method is not None and _makes_coroutine(method[1])
    found = module.code.functions.get(call.last, [])
    if not (call.bare and found):
        return False
    # `app.after_request(self.after_request)` hands the method over.
    if any(value.text.rpartition(".")[2] == call.last for value in call.args):
        return False
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


_OF_ASYNCIO = frozenset("sleep wait wait_for to_thread open_connection".split())


def _async_names(module: ModuleSource) -> set[str]:
    """The names of the coroutine functions of the program and of flask_core."""
    known = module.memory.get(_async_names)
    if not isinstance(known, set):
        files = (*module.python, *module.core[1])
        known = {f.name for file in files for f in file.functions if f.is_async}
        module.memory[_async_names] = known
    return known


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
