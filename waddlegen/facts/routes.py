"""Resolve a module's routes across its files: paths, methods, and what guards them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from waddlegen.facts.python import BodyRead, Call, Function, PythonFile, Value

VERBS = frozenset("get post put patch delete head options".split())
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_APPS = frozenset({"Quart", "Flask", "QuartTrio", "create_app", "Sanic", "FastAPI"})

AUTH = re.compile(
    r"auth(?!or(?!i))|api_?key|jwt|token|login|permission|roles?(?![a-z])|admin|service_?key|"
    r"signature|credential|protected|secured?(?!_headers)|scopes?(?![a-z])|signed|internal_only|"
    r"logged_in|identity|access_control|hmac",
    re.IGNORECASE,
)
_NOT_AUTH = re.compile(
    r"optional|oauth_url|rate|limit|log_auth|audit|tokenize|csrf|max_tokens|public|"
    r"anonymous|without_auth|no_auth|skip_auth|author(?!i)|security_headers|cors",
    re.IGNORECASE,
)
CHECKS = re.compile(
    r"verif|valid.*(key|token|auth|signature|jwt|session|cred)|check.*(key|token|auth|admin|"
    r"perm|role|access|sign)|authenticat|authoriz|require_|is_admin|has_role|has_permission|"
    r"compare_digest|decode_token|jwt\.decode|get_current_user|lookup_key|find_key|is_valid",
    re.IGNORECASE,
)
_CALLER = re.compile(
    r"request\.headers|request\.authorization|request\.cookies|request\.auth|current_user|"
    r"(^|\.)g\.get$|g\.user|g\.principal|(^|\.)session$|(^|\.)session\[|request\.user|websocket\.headers"
)
_SECRET_HEADER = re.compile(r"key|auth|token|signature|secret|session", re.IGNORECASE)
_REFUSAL = re.compile(
    r"unauthori[sz]ed|forbidden|permission|authentication|autherror|accessdenied|"
    r"invalidtoken|invalidapikey|notauthenticated",
    re.IGNORECASE,
)
_ADMIN = re.compile(
    r"admin|role|scope|permission|superuser|owner|moderator", re.IGNORECASE
)
OPEN = re.compile(
    r"(^|/)(health\w*|ready\w*|readiness|live\w*|liveness|metrics|status|ping|version|info|"
    r"favicon\.ico|robots\.txt|openapi(\.json|\.yaml)?|docs|redoc|swagger[\w.-]*|"
    r"\.well-known|static)(/|$)"
)
_EXCHANGE = re.compile(
    r"(^|/)(token|login|logout|signin|signup|callback|authorize|oauth\d?|refresh|sso)(/|$)"
)
WEBHOOK = re.compile(
    r"(^|[/_-])(webhooks?|hooks?|eventsub|websub|pubsub|interactions)([/_-]|$)|"
    r"slack/(events|commands|actions|interactions|shortcuts|interactive)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"(^|[/_-])(search|lookup|query|find|validate|check|preview|estimate|exists|resolve|"
    r"expand|parse|render|calculate|evaluate|translate|compare|match|count)$"
)
_PUBLIC = re.compile(
    r"(^|\.)(public|allow_anonymous|anonymous|no_auth|exempt\w*|open_route)$"
)


@functools.lru_cache(maxsize=4096)
def _has(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a text has a pattern; many rules ask it of the same few paths and names."""
    return pattern.search(text) is not None


class Evidence(NamedTuple):
    """Where something was found, in which file."""

    path: str
    line: int
    text: str


@dataclass(slots=True)
class Route:
    """One view and the paths and methods it answers."""

    file: PythonFile
    number: int
    path: str
    methods: tuple[str, ...]
    line: int
    blueprint: tuple[str, str]
    decorators: tuple[Call, ...] = ()
    above: tuple[Call, ...] = ()
    auth: Evidence | None = None
    admin: Evidence | None = None
    websocket: bool = False
    wrapped: tuple[str, ...] = ()
    guard_line: int = 0
    # Of a class-based view whose methods are guarded together, by its `decorators`.
    class_line: int = 0

    @property
    def function(self) -> Function:
        """The view."""
        return self.file.functions[self.number]

    @property
    def is_open(self) -> bool:
        """Whether anybody may call it: probes, metrics, status, the index, documents."""
        path = self.path.rstrip("/")
        if path in {"", "/api", "/api/v1"} or _has(OPEN, path):
            return not self.websocket
        if self.function.name == "send_static_file":
            return True
        return any(_has(_PUBLIC, each.name) for each in self.decorators)

    @property
    def speaks_of_callers(self) -> bool:
        """Whether the view looks at anything that may say who is at the other end."""
        function = self.function
        said = (*function.names, *(name for name, _ in function.headers))
        return any(AUTH.search(name) for name in said) or any(
            AUTH.search(value.text) for call in function.calls for value in call.args
        )

    @property
    def is_exchange(self) -> bool:
        """Whether it is where a caller gets a token or comes back from a provider."""
        return _has(_EXCHANGE, self.path)

    @property
    def is_webhook(self) -> bool:
        """Whether a platform calls it."""
        if _has(WEBHOOK, self.path):
            return True
        name = self.function.name.lower()
        return "webhook" in name and not re.search(
            r"create|list|delete|update|register|get_|config|setup", name
        )

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return not WRITES.isdisjoint(self.methods)

    @property
    def changes(self) -> bool:
        """Whether that is for others to see: a POST may only carry a long question."""
        return self.writes and not (
            self.methods == ("POST",) and _has(_ASKS, self.path.rstrip("/"))
        )

    @property
    def label(self) -> str:
        """`POST /api/v1/quotes`."""
        return f"{'/'.join(self.methods)} {self.path}"


@dataclass
class Code:
    """The functions of a module by name, and what its names stand for."""

    files: Sequence[PythonFile]
    functions: dict[str, list[tuple[PythonFile, int]]] = field(default_factory=dict)
    by_stem: dict[str, list[PythonFile]] = field(default_factory=dict)
    library: Code | None = None
    _checks: dict[tuple[str, int, int], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index functions by name and files by their stem."""
        for file in self.files:
            for number, function in enumerate(file.functions):
                self.functions.setdefault(function.name, []).append((file, number))
            stem = file.path.rpartition("/")[2].removesuffix(".py")
            if stem == "__init__":
                stem = file.path.rpartition("/")[0].rpartition("/")[2]
            self.by_stem.setdefault(stem, []).append(file)

    def origin(self, file: PythonFile, name: str) -> str:
        """What a name was imported as, dotted; the name itself when it was not."""
        head, dot, rest = name.partition(".")
        for each in file.imports:
            if each.alias == head:
                return each.origin + dot + rest
        for assign in file.module.assigns:
            if assign.target == head and assign.value.kind in {"name", "call"}:
                if assign.value.text != head and not assign.value.text.startswith("?"):
                    return assign.value.text + dot + rest
        return name

    def resolve(self, file: PythonFile, name: str) -> list[tuple[PythonFile, int]]:
        """The functions of this module that a name may mean."""
        last = name.rpartition(".")[2]
        found = self.functions.get(last, [])
        if not found and "." not in name:
            origin = self.origin(file, name)
            if origin != name:
                found = self.functions.get(origin.rpartition(".")[2], [])
        if "." not in name and len(found) > 1:
            own = [each for each in found if each[0] is file]
            return own or found
        return found

    def checks_caller(self, file: PythonFile, number: int, depth: int = 2) -> bool:
        """Whether a function looks at who calls and refuses some."""
        key = (file.path, number, depth)
        if key not in self._checks:
            self._checks[key] = False
            self._checks[key] = self._checks_caller(file, number, depth)
        return self._checks[key]

    def _checks_caller(self, file: PythonFile, number: int, depth: int) -> bool:
        """As above, worked out."""
        looks = refuses = False
        for function in file.within(number):
            looks = looks or self.looks_at_caller(function)
            refuses = refuses or refuses_caller(function)
            for call in function.calls:
                last = call.last
                if CHECKS.search(call.name) and not _NOT_AUTH.search(last):
                    looks = True
                if depth and last in self.functions and last != function.name:
                    if AUTH.search(last) or CHECKS.search(last) or last.startswith("_"):
                        for other, index in self.resolve(file, call.name)[:3]:
                            if self.checks_caller(other, index, depth - 1):
                                return True
                            if self.looks_at_caller(other.functions[index]):
                                looks = True
        return looks and refuses

    def looks_at_caller(self, function: Function) -> bool:
        """Whether a function reads a key, a token or a session of the request."""
        if any(_SECRET_HEADER.search(name) for name, _ in function.headers):
            return True
        return any(
            _CALLER.search(name) and "headers" not in name for name in function.names
        )


def refuses_caller(function: Function) -> bool:
    """Whether a function answers 401 or 403, or raises what becomes that."""
    if function.statuses & {401, 403}:
        return True
    for each in function.returns:
        if each.value.text.rpartition(".")[2] == "redirect" and any(
            re.search(r"log_?in|sign_?in", text) for text in each.strings
        ):
            return True
    for each in function.raises:
        if _REFUSAL.search(each.value.text):
            return True
        if any(_REFUSAL.search(name) for name in each.value.names):
            return True
    return any(
        _REFUSAL.search(call.last) and call.last != "log_auth_event"
        for call in function.calls
    ) or any(_REFUSAL.search(each.value.text) for each in function.returns)


def routes(code: Code) -> tuple[Route, ...]:
    """Every route of the module, its path complete and its guards known."""
    prefixes = _prefixes(code)
    found: list[Route] = []
    for file in code.files:
        if file.is_test:
            continue
        found += _decorated(file)
        found += _added(code, file)
    hooks = _hooks(code)
    for route in found:
        route.path = _join(prefixes.get(route.blueprint, ""), route.path)
        _find_auth(code, route, hooks)
    return tuple(found)


def _decorated(file: PythonFile) -> Iterator[Route]:
    """Routes made by decorators."""
    for number, function in enumerate(file.functions):
        for place, call in enumerate(function.decorators):
            methods = _methods(file, call)
            if methods is None:
                continue
            path = _text(file, call.argument(0, "rule"))
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
    return _method_list(file, call)


def _method_list(file: PythonFile, call: Call) -> tuple[str, ...]:
    """The `methods=` of a call; GET without one."""
    given = call.keywords.get("methods")
    if given is None:
        return ("GET",)
    if given.kind == "name" and given.text in file.constants:
        given = file.constants[given.text]
    names = tuple(
        name.strip().upper() for name in given.text.split(",") if name.strip()
    )
    return names if all(name.isalpha() for name in names) and names else ("GET",)


def _text(file: PythonFile, value: Value | None) -> str | None:
    """The text of a path, constants of the file followed."""
    if value is None:
        return None
    if value.kind in {"str", "fstring", "concat"}:
        return value.text
    if value.kind == "name":
        constant = file.constants.get(value.text)
        return constant.text if constant and constant.kind == "str" else "/{}"
    return None


def _added(code: Code, file: PythonFile) -> Iterator[Route]:
    """Routes made by add_url_rule, for functions and for classes."""
    for function in file.functions:
        for call in function.calls:
            if call.last != "add_url_rule" or not call.args:
                continue
            path = _text(file, call.args[0])
            view = call.keywords.get("view_func") or (
                call.args[2] if len(call.args) > 2 else None
            )
            if path is None or view is None:
                continue
            yield from _views(code, file, call, path, view)


def _views(
    code: Code, file: PythonFile, call: Call, path: str, view: Value
) -> Iterator[Route]:
    """The routes of one add_url_rule: a function, or the methods of a class."""
    names = [view.text, *view.names]
    if view.kind == "call":  # `guard(view)`: the view is what is passed
        names = sorted(names, key=lambda name: name == view.text)
    for function in file.functions:
        for assign in function.assigns:
            if assign.target == view.text and assign.value.text.endswith(".as_view"):
                names.insert(0, assign.value.text)
    target: str = view.text
    for name in names:
        if name.endswith(".as_view"):
            target = name.removesuffix(".as_view")
            yield from _class_views(code, file, call, path, target)
            return
    for name in names:
        for other, number in code.resolve(file, name)[:1]:
            wrapped = (view.text,) if view.kind == "call" else ()
            yield Route(
                other,
                number,
                path,
                _method_list(file, call),
                other.functions[number].line,
                (file.path, call.receiver),
                tuple(other.functions[number].decorators),
                wrapped=wrapped,
                guard_line=other.functions[number].line,
            )
            return


def _class_views(
    code: Code, file: PythonFile, call: Call, path: str, target: str
) -> Iterator[Route]:
    """The methods of a MethodView; its `decorators` guard each of them."""
    name = target.rpartition(".")[2]
    origin = code.origin(file, name).rpartition(".")[2]
    for other in code.files:
        for made in other.classes:
            if made.name not in {name, origin}:
                continue
            guards: list[str] = []
            for each in made.fields:
                if each.target == "decorators":
                    guards += each.value.names
            verbs = VERBS | {"dispatch_request"}
            views = [
                (number, function)
                for number, function in enumerate(other.functions)
                if function.cls == made.name and function.name in verbs
            ]
            one_by_one = any(function.decorators for _, function in views)
            for number, function in views:
                methods = (
                    _method_list(file, call)
                    if function.name == "dispatch_request"
                    else (function.name.upper(),)
                )
                yield Route(
                    other,
                    number,
                    path,
                    methods,
                    function.line,
                    (file.path, call.receiver),
                    tuple(function.decorators),
                    wrapped=tuple(guards),
                    guard_line=function.line,
                    class_line=0 if one_by_one else made.line,
                )


def _join(prefix: str, path: str) -> str:
    """A path below its prefix."""
    whole = "/" + "/".join(p.strip("/") for p in (prefix, path) if p.strip("/"))
    return whole + ("/" if path.endswith("/") and len(path) > 1 else "")


def _prefixes(code: Code) -> dict[tuple[str, str], str]:
    """The complete prefix of each blueprint, by the file and the name it has there."""
    own: dict[tuple[str, str], str] = {}
    for file in code.files:
        for function in file.functions:
            for call in function.calls:
                if call.last in {"Blueprint", "APIRouter"} and call.target:
                    prefix = call.keywords.get("url_prefix") or call.keywords.get(
                        "prefix"
                    )
                    own[(file.path, call.target)] = _text(file, prefix) or ""
    parents: dict[tuple[str, str], tuple[tuple[str, str], str | None]] = {}
    for file in code.files:
        for function in file.functions:
            for call in function.calls:
                if call.last == "register_blueprint" and call.args:
                    for table, name, mount in _mounted(code, file, call):
                        child = blueprint_of(code, table, Value("name", name, (name,)))
                        parents[child] = ((file.path, call.receiver), mount)
                    child = blueprint_of(code, file, call.args[0])
                    given = _text(file, call.keywords.get("url_prefix"))
                    parents[child] = ((file.path, call.receiver), given)
    found: dict[tuple[str, str], str] = {}
    for key in {*own, *parents}:
        found[key] = _whole_prefix(key, own, parents, 0)
    return found


def _mounted(
    code: Code, file: PythonFile, call: Call
) -> Iterator[tuple[PythonFile, str, str]]:
    """The blueprints of a list that `for blueprint, prefix in MOUNTS` goes over."""
    if call.loop is None or call.loop.over.kind != "name":
        return
    origin = code.origin(file, call.loop.over.text)
    stem, _, name = origin.rpartition(".")
    for table in code.by_stem.get(stem.rpartition(".")[2], ()) if stem else (file,):
        for blueprint, prefix in table.pairs.get(name, ()):
            yield table, blueprint, prefix


def _whole_prefix(
    key: tuple[str, str],
    own: Mapping[tuple[str, str], str],
    parents: Mapping[tuple[str, str], tuple[tuple[str, str], str | None]],
    depth: int,
) -> str:
    """A blueprint's prefix with those of the blueprints it is registered in."""
    prefix = own.get(key, "")
    if key not in parents or depth > 5:
        return prefix
    parent, given = parents[key]
    if given is not None:
        prefix = given
    above = _whole_prefix(parent, own, parents, depth + 1) if parent in own else ""
    return _join(above, prefix) if above else prefix


def blueprint_of(code: Code, file: PythonFile, value: Value) -> tuple[str, str]:
    """The file and name of a blueprint that is passed around."""
    name = value.text if value.kind in {"name", "call"} else (value.names or ("",))[0]
    if any(call.target == name for call in file.calls if call.last == "Blueprint"):
        return file.path, name
    origin = code.origin(file, name)
    stem, _, variable = origin.rpartition(".")
    for candidate in code.by_stem.get(stem.rpartition(".")[2], []):
        for call in candidate.calls:
            if call.last == "Blueprint" and call.target == variable:
                return candidate.path, variable
    for candidate in code.files:
        for call in candidate.calls:
            if call.last == "Blueprint" and call.target in {variable, name}:
                if stem.rpartition(".")[2] in candidate.path or not stem:
                    return candidate.path, call.target
    return file.path, name


def _hooks(code: Code) -> dict[tuple[str, str], Evidence]:
    """What is checked before every request, by blueprint; the empty name is the app."""
    found: dict[tuple[str, str], Evidence] = {}

    def note(
        file: PythonFile, receiver: str, whole: bool, line: int, text: str
    ) -> None:
        """Keep a hook for its blueprint, or for every route."""
        key = blueprint_of(code, file, Value("name", receiver, (receiver,)))
        apps = _apps(file)
        blueprint = any(
            call.last == "Blueprint" and call.target == key[1]
            for other in code.files
            if other.path == key[0]
            for call in other.calls
        )
        if whole or not blueprint or receiver in apps:
            key = ("", "")
        found.setdefault(key, Evidence(file.path, line, text))

    for file in code.files:
        if file.is_test:
            continue
        for number, function in enumerate(file.functions):
            for call in function.decorators:
                if call.last in {"before_request", "before_app_request", "middleware"}:
                    others = [c for c in function.decorators if c is not call]
                    if code.checks_caller(file, number) or any(
                        is_guard(code, file, other.name) for other in others
                    ):
                        whole = call.last == "before_app_request"
                        note(file, call.receiver, whole, call.line, function.name)
            for call in function.calls:
                passed = tuple(_passed(code, function, call)) or ((file, ""),)
                for caller, name in passed:
                    _called_hook(code, file, call, note, caller, name)
    return found


def _passed(
    code: Code, function: Function, call: Call
) -> Iterator[tuple[PythonFile, str]]:
    """Where, and under which name, a function is given the blueprint that it hooks.

    `def install(*blueprints)` goes over them; `def install(blueprint)` is given one.
    """
    if call.last not in _HOOKS:
        return
    over = call.loop is not None and call.loop.target == call.receiver
    name = call.loop.over.text if over and call.loop else call.receiver
    places = {p.name: n for n, p in enumerate(function.parameters)}
    if name not in places:
        return
    parameter = function.parameters[places[name]]
    for file in code.files:
        for other in file.calls:
            if other.last != function.name:
                continue
            given = other.args[places[name] :]
            for value in given if parameter.kind == "star" else given[:1]:
                yield from ((file, each) for each in value.names)


_HOOKS = frozenset({"before_request", "before_app_request"})


def _called_hook(
    code: Code,
    file: PythonFile,
    call: Call,
    note: object,
    caller: PythonFile,
    receiver: str,
) -> None:
    """`bp.before_request(check)` and `install_auth(bp)`.

    `receiver` is what the caller of the function that does it names the blueprint.
    """
    keep = note
    assert callable(keep)
    if call.last in _HOOKS and call.args:
        name = call.args[0].text
        found = code.resolve(file, name)
        checks = any(code.checks_caller(other, index) for other, index in found[:3])
        if checks or (not found and AUTH.search(name) and not _NOT_AUTH.search(name)):
            whole = call.last == "before_app_request"
            keep(caller, receiver or call.receiver, whole, call.line, name)
    elif (
        call.bare
        and call.args
        and re.search(r"auth(?!or(?!i))|protect|require_|guard", call.last)
    ):
        target = call.args[0]
        is_app = target.text in _apps(file) or target.text == "app"
        is_blueprint = target.kind == "name" and re.search(
            r"bp$|blueprint", target.text
        )
        if (is_app or is_blueprint) and not _NOT_AUTH.search(call.last):
            found = code.resolve(file, call.last)
            inner = [
                True
                for other, index in found
                if any(f.name for f in other.within(index))
                and code.checks_caller(other, index)
            ]
            if inner or not found:
                keep(file, target.text, False, call.line, call.last)


def _apps(file: PythonFile) -> set[str]:
    """The names an application has in a file."""
    return {call.target for call in file.calls if call.last in _APPS and call.target}


def is_guard(code: Code, file: PythonFile, name: str) -> bool:
    """Whether a decorator lets only known callers in."""
    last = name.rpartition(".")[2]
    origin = code.origin(file, name)
    found = code.resolve(file, name) or code.resolve(file, origin)
    if found and not _from_library(file, name):
        return any(
            code.checks_caller(other, index)
            or _composes(code, other, index)
            or _turns_away(other, index)
            or any(
                inner.nested and 401 in inner.statuses for inner in other.within(index)
            )
            for other, index in found[:3]
        )
    known = origin.rpartition(".")[2] or last
    if _NOT_AUTH.search(known):
        return False
    if code.library is not None and _from_library(file, name):
        shared = code.library.functions.get(known, [])
        if any(code.library.checks_caller(other, index) for other, index in shared):
            return True
    return bool(AUTH.search(known)) or bool(AUTH.search(last) and known == last)


def _turns_away(file: PythonFile, number: int) -> bool:
    """Whether a decorator asks who calls, and answers in the place of the view if need be."""
    outer = file.functions[number]
    views = {p.name for p in outer.parameters}
    if not AUTH.search(outer.name) or _NOT_AUTH.search(outer.name):
        return False
    for inner in file.within(number):
        if inner is outer or not inner.tested:
            continue
        asks = any(_ASKS_WHO.search(call.last) for call in inner.calls)
        instead = [r for r in inner.returns if not views & set(r.value.names)]
        if asks and instead and len(instead) < len(inner.returns):
            return True
    return False


_ASKS_WHO = re.compile(r"authenticat|get_auth|verif|load_user|current_user|check_")


def _composes(code: Code, file: PythonFile, number: int) -> bool:
    """Whether a decorator is made of another one that guards."""
    for function in file.within(number):
        for each in (*function.calls, *function.decorators):
            last = code.origin(file, each.name).rpartition(".")[2]
            if AUTH.search(last) and not _NOT_AUTH.search(last):
                if _from_library(file, each.name):
                    return True
    return False


def _from_library(file: PythonFile, name: str) -> bool:
    """Whether a name was imported from a library that all modules share."""
    head = name.partition(".")[0]
    for each in file.imports:
        if each.alias == head:
            return each.module.startswith(("flask_core", "libs.", "quart", "flask"))
    return False


def _find_auth(
    code: Code, route: Route, hooks: Mapping[tuple[str, str], Evidence]
) -> None:
    """Find what guards a route, and whether it asks for a role."""
    file = route.file
    for call in route.decorators:
        if is_guard(code, file, call.name):
            route.auth = Evidence(file.path, call.line, call.name)
            values = (*call.args, *call.keywords.values())
            words = " ".join(
                [call.name, *(f"{v.text} {' '.join(v.names)}" for v in values)]
            )
            if _ADMIN.search(words.replace("api_key", "")):
                route.admin = route.auth
    for name in route.wrapped:
        if is_guard(code, file, name):
            route.auth = Evidence(file.path, route.line, name)
            if _ADMIN.search(name):
                route.admin = route.auth
    if route.auth is None:
        route.auth = _in_body(code, route)
    if route.auth is None:
        key = blueprint = route.blueprint
        for other in code.files:
            if other.path == blueprint[0]:
                value = Value("name", blueprint[1], (blueprint[1],))
                key = blueprint_of(code, other, value)
        route.auth = hooks.get(key) or hooks.get(("", ""))
    if route.auth is not None and route.admin is None:
        route.admin = _role_in_body(code, route)


def _in_body(code: Code, route: Route) -> Evidence | None:
    """A check in the view itself, or in a function it calls."""
    file, function = route.file, route.function
    refuses = refuses_caller(function)
    looks = code.looks_at_caller(function)
    for call in function.calls:
        if CHECKS.search(call.name) and not _NOT_AUTH.search(call.last):
            if refuses and not _never_refuses(code, file, call.name):
                return Evidence(file.path, call.line, call.name)
        for other, index in code.resolve(file, call.name)[:3]:
            if other is file and index == route.number:
                continue
            checks = code.checks_caller(other, index, 1)
            heeded = call.target and call.target in function.tested
            named = AUTH.search(call.last) or CHECKS.search(call.last)
            if checks and (heeded or named):
                return Evidence(file.path, call.line, call.name)
            if refuses and code.looks_at_caller(other.functions[index]):
                return Evidence(file.path, call.line, call.name)
    if refuses and looks:
        line = function.headers[0][1] if function.headers else function.line
        return Evidence(file.path, line, "checked in the view")
    sent = any(
        re.search(r"api_?key|token|secret|passw", f"{c.left.text} {c.right.text}", re.I)
        for c in function.compares
    )
    if refuses and sent:
        return Evidence(file.path, function.compares[0].line, "compared in the view")
    return None


def _never_refuses(code: Code, file: PythonFile, name: str) -> bool:
    """Whether a check of this module can only say yes."""
    found = code.resolve(file, name)
    return bool(found) and all(
        bool(other.functions[index].returns)
        and all(each.value.text == "True" for each in other.functions[index].returns)
        for other, index in found
    )


_ROLE = re.compile(
    r"is_admin|(^|\.)roles?$|has_role|is_superuser|is_owner|permissions?$"
)


def _role_in_body(code: Code, route: Route) -> Evidence | None:
    """A role that is asked for in the view, in its guard or in a hook."""
    file, function = route.file, route.function
    for name in sorted(function.names):
        if _ROLE.search(name):
            return Evidence(file.path, function.line, name)
    for call in function.calls:
        texts = " ".join(
            [call.name, *(v.text for v in (*call.args, *call.keywords.values()))]
        )
        if re.search(r"admin|role", texts) and (
            AUTH.search(call.last) or CHECKS.search(call.last)
        ):
            return Evidence(file.path, call.line, call.name)
        if any(
            re.search(r"role|is_admin|admin", v.text)
            for v in call.args
            if v.kind == "str"
        ):
            if call.last == "get":
                return Evidence(file.path, call.line, call.name)
    if route.auth is not None:
        text = route.auth.text
        given = [call for call in route.decorators if call.name == text]
        for other, number in code.resolve(file, text)[:3]:
            if any(_names_roles(other.functions[number], call) for call in given):
                continue
            for inner in other.within(number):
                words = " ".join(sorted(inner.names))
                if re.search(r"admin|\brole", words) or any(
                    "admin" in s for r in inner.returns for s in r.strings
                ):
                    return route.auth
    return None


def _names_roles(guard: Function, call: Call) -> bool:
    """Whether a guard is told the roles it asks for: by this call, or by no one at all."""
    told = [p for p in guard.parameters if re.search(r"role|scope|perm", p.name)]
    given = (*call.args, *call.keywords.values())
    return (
        bool(told)
        and all(value.kind == "str" for value in given)
        and not any(
            p.default is not None and _ADMIN.search(p.default.text) for p in told
        )
    )


def body_reads(route: Route) -> list[BodyRead]:
    """What a view reads of the request."""
    return route.function.bodies
