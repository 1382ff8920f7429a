"""Resolve a module's routes across its files: paths, methods, and what guards them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from waddlegen.facts.python import (
    BodyRead,
    Call,
    Class,
    Exempt,
    Function,
    PythonFile,
    Value,
)

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
# An exception by which a check says no.
_REFUSED = re.compile(
    _REFUSAL.pattern
    + r"|(token|jwt|signature|credential|api_?key)\w*(error|invalid|expired)|"
    r"(invalid|bad|expired|missing)_?(token|signature|credential|api_?key)|PyJWTError|notallowed",
    re.IGNORECASE,
)
# Calls that make an answer and do nothing else.
ANSWERS = frozenset({"error_response", "jsonify", "make_response", "Response"})
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
_COLLECTION = re.compile(r"(^|/)(webhooks|hooks)(/<[^>/]+>)?/?$", re.IGNORECASE)
_KEEPS = re.compile(
    r"create|list|delete|update|register|get_|config|setup|add_|new_|remove|subscribe|make_",
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


class Hook(NamedTuple):
    """A check before every request, the function that makes it, and whom it lets on."""

    evidence: Evidence
    file: PythonFile | None = None
    number: int = 0

    @property
    def exempt(self) -> list[Exempt]:
        """What it lets on without having asked."""
        return self.file.functions[self.number].exempt if self.file else []


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
    endpoint: str = ""
    # The entry of a list by which a hook lets everybody on.
    exempt: Evidence | None = None
    # A check whose answer is thrown away.
    dropped: Evidence | None = None
    # The base class whose `decorators` this view's class does not take over.
    overridden: str = ""

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
        name = self.function.name.lower()
        if _has(WEBHOOK, self.path):
            return not (_COLLECTION.search(self.path) and self._keeps_webhooks)
        return "webhook" in name and not _KEEPS.search(name)

    @property
    def _keeps_webhooks(self) -> bool:
        """Whether webhooks are what it makes, lists or removes."""
        return (
            _KEEPS.search(self.function.name) is not None
            or "POST" not in self.methods
            or ">" in self.path.rpartition("/")[0]
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
            if assign.target == head and assign.value.text.endswith("partial"):
                names = assign.value.names
                return self.origin(file, names[1]) if len(names) > 1 else name
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

    def classes_named(self, names: set[str]) -> list[tuple[PythonFile, Class]]:
        """The classes that go by one of some names."""
        return [
            (file, made)
            for file in self.files
            for made in file.classes
            if made.name in names
        ]

    def bases(self, file: PythonFile, made: Class) -> list[tuple[PythonFile, Class]]:
        """The classes of this module that one is made from."""
        names = {base.rpartition(".")[2] for base in made.bases}
        names |= {self.origin(file, base).rpartition(".")[2] for base in made.bases}
        return self.classes_named(names - {made.name})

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
                if call.bare and self.only_answers(file, call.name):
                    continue
                if self.library is not None and AUTH.search(last) and not looks:
                    looks = self._asks_library(file, call.name)
                if depth and last in self.functions and last != function.name:
                    if AUTH.search(last) or CHECKS.search(last) or last.startswith("_"):
                        for other, index in self.resolve(file, call.name)[:3]:
                            if self.checks_caller(other, index, depth - 1):
                                return True
                            if self.looks_at_caller(other.functions[index]):
                                looks = True
        return looks and refuses

    def _asks_library(self, file: PythonFile, name: str) -> bool:
        """Whether a function of the shared library looks at the request for its caller."""
        if not _from_library(file, name) or _NOT_AUTH.search(name):
            return False
        found = self.found(file, name)
        return not found or any(
            owner is not self and owner.looks_at_caller(other.functions[index])
            for owner, other, index in found
        )

    def drops(self, file: PythonFile, call: Call) -> bool:
        """Whether a check is called, and the answer by which alone it refuses goes nowhere."""
        if not call.bare:
            return False
        found = self.found(file, call.name)[:3]
        if found and all(_only_compares(o.functions[n]) for _, o, n in found):
            return True
        named = AUTH.search(call.last) or CHECKS.search(call.last)
        if "." in call.name and not named or not self.only_answers(file, call.name):
            return False
        return any(
            owner.checks_caller(other, index, 1)
            and _answers_refusal(other.functions[index])
            or named
            and _only_tells(other.functions[index])
            and owner.looks_at_caller(other.functions[index])
            for owner, other, index in found
        )

    def forgets(self, file: PythonFile, number: int) -> Evidence | None:
        """Where a function makes a refusal, or has one made, and lets the caller in."""
        for call in file.functions[number].calls:
            if builds_refusal(call) or self.drops(file, call):
                return Evidence(file.path, call.line, call.name)
        return None

    def only_answers(self, file: PythonFile, name: str) -> bool:
        """Whether all that a check does with a stranger is to answer; it raises nothing."""
        found = self.found(file, name)
        return bool(found) and all(
            owner._only_answers(other, index) for owner, other, index in found[:3]
        )

    def found(self, file: PythonFile, name: str) -> list[tuple[Code, PythonFile, int]]:
        """The functions that a name means, here or in the library that is shared."""
        own: list[tuple[Code, PythonFile, int]] = [
            (self, *each) for each in self.resolve(file, name)
        ]
        if own or self.library is None or not _from_library(file, name, _SHARED):
            return own
        last = self.origin(file, name).rpartition(".")[2]
        return [(self.library, *each) for each in self.library.functions.get(last, ())]

    def _only_answers(self, file: PythonFile, number: int) -> bool:
        """As above, of one function: some return, and nothing that ends the request."""
        function = file.functions[number]
        if function.raises or function.yields or function.cls:
            return False
        answers = [each for each in function.returns if each.value.kind != "none"]
        if not answers or any(_ENDS.search(call.last) for call in function.calls):
            return False
        for call in function.calls:
            for owner, other, index in self.found(file, call.name)[:3]:
                inner = other.functions[index]
                if inner.raises or any(c.last == "abort" for c in inner.calls):
                    return False
        return True

    def looks_at_caller(self, function: Function) -> bool:
        """Whether a function reads a key, a token or a session of the request."""
        if any(_SECRET_HEADER.search(name) for name, _ in function.headers):
            return True
        return any(
            _CALLER.search(name) and "headers" not in name for name in function.names
        )


# Calls of others that may raise, by their names.
_ENDS = re.compile(r"abort|raise|require|ensure|assert|enforce|must_|^exit$")


def builds_refusal(call: Call) -> bool:
    """Whether a call makes an answer of 401 or 403, and the answer goes nowhere."""
    if not call.bare or call.last not in ANSWERS:
        return False
    values = (*call.args, *call.keywords.values())
    return any(status in {401, 403} for value in values for status in value.statuses)


def _answers_refusal(function: Function) -> bool:
    """Whether a function returns a refusal: an answer of 401 or 403, or one called so."""
    return _refuses_in_handler(function) or any(
        {401, 403} & set(each.value.statuses) or _REFUSAL.search(each.value.text)
        for each in function.returns
    )


def _only_compares(function: Function) -> bool:
    """Whether all that a function does is to verify something, and to say the result."""
    return (
        any(call.last == "compare_digest" for call in function.calls)
        and any(each.value.kind != "none" for each in function.returns)
        and not function.raises
        and not any(call.bare or call.last == "abort" for call in function.calls)
        and not any("." in a.target or "[" in a.target for a in function.assigns)
    )


def _only_tells(function: Function) -> bool:
    """Whether a check keeps nothing of the caller for others to ask for later."""
    return not any(
        re.match(r"(flask\.)?(g|session|request|current_app)\b", each.target)
        for each in function.assigns
    )


def _refuses_in_handler(function: Function) -> bool:
    """Whether a function answers, or raises, when a check says no by an exception."""
    for each in function.handlers:
        if not any(_REFUSED.search(kind) for kind in each.types):
            continue
        if each.raises or any(n.endswith("abort") for n in each.body_calls):
            return True
        value = each.returns
        if value is not None and (
            value.kind in {"call", "await"} or value.kind == "list" and value.names
        ):
            return True
    return False


def refuses_caller(function: Function) -> bool:
    """Whether a function answers 401 or 403, or raises what becomes that."""
    if function.statuses & {401, 403}:
        if not any(builds_refusal(call) for call in function.calls):
            return True
    if _refuses_in_handler(function):
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
    parents = _parents(code)
    factories = _factories(code)
    prefixes = _prefixes(code, parents)
    prefixes |= {key: made[1] for key, made in factories.items() if key not in prefixes}
    found: list[Route] = []
    for file in code.files:
        if file.is_test:
            continue
        found += _decorated(file)
        found += _added(code, file)
        found += _made(code, file)
    hooks = _hooks(code)
    sockets = _hooks(code, _SOCKET_HOOKS)
    for each in (hooks, sockets):
        for key, (local, _) in factories.items():
            each.setdefault(key, []).extend(each.get(local, []))
    for route in found:
        route.path = _join(prefixes.get(route.blueprint, ""), route.path)
        _find_auth(code, route, sockets if route.websocket else hooks, parents)
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
                endpoint=_constant(call.keywords.get("endpoint")) or function.name,
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
    if value.kind == "str":
        return value.text
    if value.kind in {"fstring", "concat"}:
        return _filled(file, value)
    if value.kind == "name":
        constant = file.constants.get(value.text)
        return constant.text if constant and constant.kind == "str" else "/{}"
    return None


def _filled(file: PythonFile, value: Value) -> str:
    """A composed text with the constants of the file put in."""
    if value.text.count("{}") != len(value.names):
        return value.text
    text = value.text
    for name in value.names:
        constant = file.constants.get(name)
        known = constant is not None and constant.kind == "str"
        text = text.replace("{}", constant.text if constant and known else "\0", 1)
    return text.replace("\0", "{}")


def _added(code: Code, file: PythonFile) -> Iterator[Route]:
    """Routes made by add_url_rule, for functions and for classes, in a loop or alone."""
    for function in file.functions:
        for call in function.calls:
            if call.last != "add_url_rule":
                continue
            rows = tuple(_rows(code, file, call))
            for bound in rows or ({},):
                path = _text(file, _bound(call.argument(0, "rule"), bound))
                view = _bound(call.argument(2, "view_func"), bound)
                if path is not None and view is not None:
                    yield from _views(code, file, _call_with(call, bound), path, view)


def _rows(code: Code, file: PythonFile, call: Call) -> Iterator[dict[str, Value]]:
    """What the names of a loop stand for, one row of its table after the other."""
    if call.loop is None or "," not in call.loop.target:
        return
    rows = file.tables.get(f"for:{call.loop.line}", ())
    over = call.loop.over.text.removesuffix(".items")
    if not rows:
        rows = file.tables.get(over, ())
    if not rows and call.loop.over.names:
        stem, _, name = code.origin(file, over).rpartition(".")
        for other in code.by_stem.get(stem.rpartition(".")[2], ()):
            rows = rows or other.tables.get(name, ())
    names = call.loop.target.split(",")
    for row in rows:
        if len(row) == len(names):
            yield dict(zip(names, row, strict=True))


def _bound(value: Value | None, bound: Mapping[str, Value]) -> Value | None:
    """A value with the names of a loop put in."""
    if value is None or not bound:
        return value
    head, dot, rest = value.text.partition(".")
    if value.kind in {"name", "call"} and head in bound:
        given = bound[head]
        if not dot:
            return given
        names = tuple(
            given.text + name[len(head) :] if name.partition(".")[0] == head else name
            for name in value.names
        )
        return Value(value.kind, given.text + dot + rest, names)
    if value.kind in {"fstring", "concat"}:
        texts = [bound[n].text for n in value.names if n in bound]
        text = value.text
        for each in texts:
            text = text.replace("{}", each, 1)
        return Value(value.kind, text, value.names)
    if value.kind == "call" and bound.keys() & set(value.names):
        names = tuple(bound[n].text if n in bound else n for n in value.names)
        return Value(value.kind, value.text, names)
    return value


def _call_with(call: Call, bound: Mapping[str, Value]) -> Call:
    """A call whose `methods` are those of a loop's row."""
    given = call.keywords.get("methods")
    if not bound or given is None:
        return call
    methods = _bound(given, bound) or given
    return replace(call, keywords={**call.keywords, "methods": methods})


def _made(code: Code, file: PythonFile) -> Iterator[Route]:
    """Routes made by a decorator of the module that registers what it wraps."""
    for number, function in enumerate(file.functions):
        for call in function.decorators:
            if "." in call.name or not call.args:
                continue
            for other, index in code.resolve(file, call.name)[:1]:
                made = _registers(other, index)
                if made is not None:
                    yield _made_route(file, number, call, other, index, made)


def _registers(file: PythonFile, number: int) -> Call | None:
    """The call by which a function's inner function adds a route for what it is given."""
    outer = file.functions[number]
    names = {parameter.name for parameter in outer.parameters}
    for inner in file.within(number):
        if inner is outer:
            continue
        for call in inner.calls:
            if call.last in {"add_url_rule", "route"} and call.receiver:
                path = call.argument(0, "rule")
                if path is not None and names & set(path.names):
                    return call
    return None


def _made_route(
    file: PythonFile,
    number: int,
    call: Call,
    maker: PythonFile,
    index: int,
    made: Call,
) -> Route:
    """The route that `@member_route("/events", "POST")` makes of a view."""
    outer, function = maker.functions[index], file.functions[number]
    bound = {p.name: p.default for p in outer.parameters if p.default is not None}
    for place, parameter in enumerate(outer.parameters):
        given = call.argument(place, parameter.name)
        if given is not None and parameter.kind != "star":
            bound[parameter.name] = given
    path = _bound(made.argument(0, "rule"), bound)
    receiver = bound.get(made.receiver, Value("name", made.receiver)).text
    wraps = [c for inner in maker.within(index) for c in inner.calls if _wraps(c)]
    return Route(
        file,
        number,
        _text(file, path) or "/{}",
        _methods_given(call),
        call.line,
        (maker.path if receiver == made.receiver else file.path, receiver),
        (*function.decorators, *wraps),
        wrapped=(outer.name,),
        guard_line=min(call.end_line + 1, function.line),
        endpoint=function.name,
    )


def _wraps(call: Call) -> bool:
    """Whether a call is given a view to wrap, or makes what will be given one."""
    names = {name for value in call.args for name in value.names}
    return call.last not in {"add_url_rule", "route", "wraps"} and (
        not names or bool(names & _VIEWS) or all(v.kind == "num" for v in call.args)
    )


_VIEWS = frozenset({"f", "fn", "func", "function", "view", "handler", "wrapped"})


def _methods_given(call: Call) -> tuple[str, ...]:
    """The verbs among what a decorator is given; GET when there are none."""
    values = (*call.args[1:], *call.keywords.values())
    texts = [text for value in values for text in value.text.split(",")]
    verbs = tuple(text.upper() for text in texts if text.strip().lower() in VERBS)
    return verbs or ("GET",)


def _constant(value: Value | None) -> str:
    """A text that is written out."""
    return value.text if value is not None and value.kind == "str" else ""


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
                endpoint=_constant(call.argument(1, "endpoint"))
                or other.functions[number].name,
            )
            return


def _class_views(
    code: Code, file: PythonFile, call: Call, path: str, target: str
) -> Iterator[Route]:
    """The methods of a MethodView; its `decorators` guard each of them."""
    name = target.rpartition(".")[2]
    origin = code.origin(file, name).rpartition(".")[2]
    for other, made in code.classes_named({name, origin}):
        guards = _class_guards(code, other, made, 0)
        home, views = _verbs_of(code, other, made, 0)
        one_by_one = any(function.decorators for _, function in views)
        line, lost = _overridden(code, other, made)
        for number, function in views:
            methods = (
                _method_list(file, call)
                if function.name == "dispatch_request"
                else (function.name.upper(),)
            )
            yield Route(
                home,
                number,
                path,
                methods,
                function.line,
                (file.path, call.receiver),
                (*function.decorators, *_written(other, made)),
                wrapped=guards,
                guard_line=function.line,
                auth=_dispatched(code, other, made, 0),
                class_line=line or (0 if one_by_one else made.line),
                overridden=lost,
            )


def _verbs_of(
    code: Code, file: PythonFile, made: Class, depth: int
) -> tuple[PythonFile, list[tuple[int, Function]]]:
    """The methods that answer requests, of a class or of the base it has them from."""
    verbs = VERBS | {"dispatch_request"}
    views = [
        (number, function)
        for number, function in enumerate(file.functions)
        if function.cls == made.name and function.name in verbs
    ]
    if views or depth > 3:
        return file, views
    for home, base in code.bases(file, made):
        found = _verbs_of(code, home, base, depth + 1)
        if found[1]:
            return found
    return file, []


def _dispatched(
    code: Code, file: PythonFile, made: Class, depth: int
) -> Evidence | None:
    """The check that a class, or one it is made from, puts before each of its methods."""
    verbs = any(f.cls == made.name and f.name in VERBS for f in file.functions)
    for number, function in enumerate(file.functions):
        if function.cls == made.name and function.name == "dispatch_request":
            if (depth or verbs) and code.checks_caller(file, number):
                return Evidence(file.path, function.line, made.name)
    for home, base in code.bases(file, made) if depth < 4 else ():
        found = _dispatched(code, home, base, depth + 1)
        if found is not None:
            return found
    return None


def _class_guards(
    code: Code, file: PythonFile, made: Class, depth: int
) -> tuple[str, ...]:
    """The decorators of a class-based view: its own, those it extends or inherits."""
    own = [each for each in made.fields if each.target == "decorators"]
    guards: list[str] = []
    for name in (name for each in own for name in each.value.names):
        owner, _, last = name.rpartition(".")
        if last != "decorators":
            guards.append(name)
            continue
        for home, base in code.classes_named({owner.rpartition(".")[2]}):
            guards += _class_guards(code, home, base, depth + 1) if depth < 4 else ()
    if not own and depth < 4:
        for home, base in code.bases(file, made):
            guards += _class_guards(code, home, base, depth + 1)
    return tuple(guards)


def _overridden(code: Code, file: PythonFile, made: Class) -> tuple[int, str]:
    """Where a class gives itself other decorators than the guards of its base."""
    own = [each for each in made.fields if each.target == "decorators"]
    if not own or any(n.endswith(".decorators") for e in own for n in e.value.names):
        return 0, ""
    for home, base in code.bases(file, made):
        for name in _class_guards(code, home, base, 1):
            if is_guard(code, home, name):
                return own[0].line, base.name
    return 0, ""


def _written(file: PythonFile, made: Class) -> Iterator[Call]:
    """The calls in a class's own `decorators`: `[rate_limit(30)]`."""
    own = [each for each in made.fields if each.target == "decorators"]
    if own:
        names = {name for each in own for name in each.value.names}
        for call in file.module.calls:
            if call.name in names and own[0].line <= call.line <= own[0].line + 8:
                yield call


def _join(prefix: str, path: str) -> str:
    """A path below its prefix."""
    whole = "/" + "/".join(p.strip("/") for p in (prefix, path) if p.strip("/"))
    return whole + ("/" if path.endswith("/") and len(path) > 1 else "")


Key = tuple[str, str]
Parents = Mapping[Key, tuple[Key, str | None]]


def _prefixes(code: Code, parents: Parents) -> dict[Key, str]:
    """The complete prefix of each blueprint, by the file and the name it has there."""
    own: dict[Key, str] = {}
    for file in code.files:
        for call in file.calls:
            if call.last in {"Blueprint", "APIRouter"} and call.target:
                prefix = call.keywords.get("url_prefix") or call.keywords.get("prefix")
                own[(file.path, call.target)] = _text(file, prefix) or ""
    return {key: _whole_prefix(key, own, parents, 0) for key in {*own, *parents}}


def _factories(code: Code) -> dict[Key, tuple[Key, str]]:
    """Blueprints that a function of the module makes: its own name for it, and the prefix."""
    makers: dict[str, tuple[PythonFile, Function, Call]] = {}
    for file in code.files:
        for function in file.functions[1:]:
            for call in function.calls:
                if call.last == "Blueprint" and call.target and not function.nested:
                    if any(r.value.text == call.target for r in function.returns):
                        makers[function.name] = (file, function, call)
    found: dict[Key, tuple[Key, str]] = {}
    for file in code.files if makers else ():
        for call in file.module.calls:
            if call.last in makers and call.target:
                home, function, made = makers[call.last]
                prefix = made.keywords.get("url_prefix")
                for place, parameter in enumerate(function.parameters):
                    if prefix is not None and prefix.text == parameter.name:
                        prefix = (
                            call.argument(place, parameter.name) or parameter.default
                        )
                local = (home.path, made.target)
                found[(file.path, call.target)] = (local, _text(file, prefix) or "")
    return found


def _parents(code: Code) -> Parents:
    """What each blueprint is registered in, and the prefix it is given there."""
    parents: dict[Key, tuple[Key, str | None]] = {}
    for file in code.files:
        for call in file.calls:
            if call.last == "register_blueprint" and call.args:
                for table, name, mount in _mounted(code, file, call):
                    child = blueprint_of(code, table, Value("name", name, (name,)))
                    parents[child] = ((file.path, call.receiver), mount)
                child = blueprint_of(code, file, call.args[0])
                given = _text(file, call.keywords.get("url_prefix"))
                parents[child] = ((file.path, call.receiver), given)
    return parents


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


_HOOKS = frozenset({"before_request", "before_app_request"})
_SOCKET_HOOKS = frozenset({"before_websocket", "before_app_websocket"})
Hooks = dict[Key, list[Hook]]


def _hooks(code: Code, kinds: frozenset[str] = _HOOKS) -> Hooks:
    """What is checked before every request, by blueprint; the empty name is the app.

    Those for requests do not run for a websocket, which has hooks of its own.
    """
    found: Hooks = {}

    def note(
        file: PythonFile, receiver: str, whole: bool, line: int, made: Made
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
        name, home, number = made
        hook = Hook(Evidence(file.path, line, name), home, number)
        found.setdefault(key, []).append(hook)

    made: Made
    for file in code.files:
        if file.is_test:
            continue
        for number, function in enumerate(file.functions):
            for call in function.decorators:
                if call.last in kinds or call.last == "middleware":
                    others = [c for c in function.decorators if c is not call]
                    if (
                        code.checks_caller(file, number)
                        or code.forgets(file, number)
                        or any(is_guard(code, file, other.name) for other in others)
                    ):
                        whole = call.last.startswith("before_app")
                        made = (function.name, file, number)
                        note(file, call.receiver, whole, call.line, made)
            for call in function.calls:
                passed = tuple(_passed(code, function, call, kinds)) or ((file, ""),)
                for caller, name in passed:
                    _called_hook(code, file, call, note, caller, name, kinds)
            for assign in function.assigns:
                if assign.target.endswith((".asgi_app", ".wsgi_app")):
                    if _refuses_all(code, file, assign.value):
                        made = (assign.value.text, None, 0)
                        note(file, "", True, assign.line, made)
    return found


def _refuses_all(code: Code, file: PythonFile, value: Value) -> bool:
    """Whether what is put around an application refuses strangers: a class, or a function."""
    last = value.text.rpartition(".")[2]
    classes = code.classes_named({last})
    inside = [f for file, made in classes for f in file.functions if f.cls == made.name]
    inside += [f for home, n in code.resolve(file, last) for f in home.within(n)]
    if not inside:
        return bool(AUTH.search(last)) and not _NOT_AUTH.search(last)
    return any(
        {401, 403}
        & {s for v in (*call.args, *call.keywords.values()) for s in v.statuses}
        for function in inside
        for call in function.calls
    ) or any(refuses_caller(function) for function in inside)


Made = tuple[str, PythonFile | None, int]


def _passed(
    code: Code, function: Function, call: Call, kinds: frozenset[str]
) -> Iterator[tuple[PythonFile, str]]:
    """Where, and under which name, a function is given the blueprint that it hooks.

    `def install(*blueprints)` goes over them; `def install(blueprint)` is given one.
    """
    if call.last not in kinds:
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


def _called_hook(
    code: Code,
    file: PythonFile,
    call: Call,
    note: object,
    caller: PythonFile,
    receiver: str,
    kinds: frozenset[str],
) -> None:
    """`bp.before_request(check)` and `install_auth(bp)`.

    `receiver` is what the caller of the function that does it names the blueprint.
    """
    keep = note
    assert callable(keep)
    if "before_request_funcs" in call.name and call.last == "append" and call.args:
        name = call.args[0].text
        for checks in code.resolve(file, name)[:3]:
            if code.checks_caller(*checks):
                keep(caller, "", True, call.line, (name, *checks))
    elif call.last in kinds and call.args:
        given = call.args[0]
        name = given.names[0] if given.kind == "other" and given.names else given.text
        found = code.resolve(file, name)
        made = [each for each in found[:3] if code.checks_caller(*each)]
        if made or (not found and AUTH.search(name) and not _NOT_AUTH.search(name)):
            whole = call.last.startswith("before_app")
            home = made[0] if made else (None, 0)
            keep(caller, receiver or call.receiver, whole, call.line, (name, *home))
    elif call.bare and call.args and _INSTALLS.search(call.last):
        target = call.args[0]
        is_app = target.text in _apps(file) or target.text == "app"
        is_blueprint = target.kind == "name" and re.search(
            r"bp$|blueprint", target.text
        )
        if (is_app or is_blueprint) and not _NOT_AUTH.search(call.last):
            installs = _installs(code, file, call.name, kinds)
            if installs is not None:
                keep(file, target.text, False, call.line, (call.last, *installs))


_INSTALLS = re.compile(r"auth(?!or(?!i))|protect|require_|guard")


def _installs(
    code: Code, file: PythonFile, name: str, kinds: frozenset[str]
) -> tuple[PythonFile | None, int] | None:
    """The check that a function puts before every request; none when it puts none there.

    What a foreign library does with an application is taken to be that.
    """
    found = code.found(file, name)
    for owner, other, index in found:
        inside = {f.name for f in other.within(index)}
        for number, inner in enumerate(other.functions):
            hooked = inner.name in inside and any(
                call.last in kinds for call in inner.decorators
            )
            if hooked and owner.checks_caller(other, number):
                return other, number
        for call in (c for f in other.within(index) for c in f.calls):
            if call.last in kinds and call.args:
                for home, number in owner.resolve(other, call.args[0].text)[:3]:
                    if owner.checks_caller(home, number):
                        return home, number
    return None if found or kinds is _SOCKET_HOOKS else (None, 0)


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


_SHARED = ("flask_core", "libs.")


def _from_library(
    file: PythonFile,
    name: str,
    libraries: tuple[str, ...] = (*_SHARED, "quart", "flask"),
) -> bool:
    """Whether a name was imported from a library that all modules share."""
    head = name.partition(".")[0]
    for each in file.imports:
        if each.alias == head:
            return each.module.startswith(libraries)
    return False


def _find_auth(code: Code, route: Route, hooks: Hooks, parents: Parents) -> None:
    """Find what guards a route, and whether it asks for a role."""
    file = route.file
    for call in route.decorators:
        if call in file.functions[route.number].decorators and is_guard(
            code, file, call.name
        ):
            route.auth = Evidence(file.path, call.line, call.name)
        words = " ".join(_words_of(file, call))
        if route.auth and _ADMIN.search(words.replace("api_key", "")):
            route.admin = route.auth
    for name in route.wrapped:
        if is_guard(code, file, name):
            route.auth = Evidence(file.path, route.line, name)
            if _ADMIN.search(name):
                route.admin = route.auth
    if route.auth is None:
        route.auth = _in_body(code, route) or _by_receiver(code, route)
    hook = _hook_of(code, route, hooks, parents) if route.auth is None else None
    if hook is not None:
        route.auth, route.exempt = hook.evidence, None
        if hook.file and route.admin is None and _asks_for_admin(hook):
            route.admin = route.auth
    if route.auth is not None and route.admin is None:
        route.admin = _role_in_body(code, route)


def _words_of(file: PythonFile, call: Call) -> Iterator[str]:
    """The name of a decorator, and what it is given, here or where it was made."""
    made = [each for each in file.module.calls if each.target == call.name]
    for each in (call, *made):
        yield each.name
        for value in (*each.args, *each.keywords.values()):
            yield value.text
            yield from value.names


def _by_receiver(code: Code, route: Route) -> Evidence | None:
    """The guard of `@secured.get("/x")`, where `secured` is an object of the module's own."""
    for call in route.file.calls:
        if call.target != route.blueprint[1] or call.last == "Blueprint":
            continue
        for file, made in code.classes_named({call.last}):
            for number, function in enumerate(file.functions):
                registers = function.name in VERBS | {"route"}
                if function.cls == made.name and registers:
                    if code.checks_caller(file, number) or _composes(
                        code, file, number
                    ):
                        return Evidence(file.path, function.line, made.name)
    return None


def _asks_for_admin(hook: Hook) -> bool:
    """Whether a hook asks for a role by its name: `authenticate(headers, "admin")`."""
    function = hook.file.functions[hook.number] if hook.file else None
    return function is not None and any(
        value.kind == "str" and re.fullmatch(r"(super|global_?)?admin\w*", value.text)
        for call in function.calls
        if AUTH.search(call.last) or CHECKS.search(call.last)
        for value in (*call.args, *call.keywords.values())
    )


def _hook_of(code: Code, route: Route, hooks: Hooks, parents: Parents) -> Hook | None:
    """The check that runs before a view, of its blueprint, of those above, or of the app."""
    key = blueprint = route.blueprint
    for other in code.files:
        if other.path == blueprint[0]:
            value = Value("name", blueprint[1], (blueprint[1],))
            key = blueprint_of(code, other, value)
    found: list[Hook] = [*hooks.get(key, [])]
    above = key
    for _ in range(4):
        if above not in parents:
            break
        above = parents[above][0]
        found += hooks.get(above, [])
    found += hooks.get(("", ""), [])
    for hook in found:
        entry = _exempted(code, route, key, hook)
        lost = _forgotten(code, hook) if entry is None else None
        if entry is None and lost is None:
            return hook
        route.exempt = route.exempt or entry
        route.dropped = route.dropped or lost
    return None


def _forgotten(code: Code, hook: Hook) -> Evidence | None:
    """Where a hook makes a refusal that it does not return, and makes no other."""
    if hook.file is None or code.checks_caller(hook.file, hook.number):
        return None
    return code.forgets(hook.file, hook.number)


def _exempted(code: Code, route: Route, key: Key, hook: Hook) -> Evidence | None:
    """The entry by which a hook lets a route on; none when it asks."""
    for each in hook.exempt:
        assert hook.file is not None
        for path, entries in _entries(code, hook.file, each):
            hits = [e for e in entries if _is_meant(code, route, key, each.by, e[1])]
            if each.others and entries and not hits:
                return Evidence(hook.file.path, each.line, "")
            if hits and not each.others:
                return Evidence(path, *hits[0])
    return None


def _entries(
    code: Code, file: PythonFile, each: Exempt
) -> list[tuple[str, tuple[tuple[int, str], ...]]]:
    """What a hook compares with, and the file that holds it."""
    if each.entries:
        return [(file.path, each.entries)]
    origin = code.origin(file, each.name)
    last = origin.rpartition(".")[2]
    for other in (file, *code.files):
        if last in other.listed:
            return [(other.path, other.listed[last])]
        constant = other.constants.get(last)
        if other is file and constant is not None and constant.kind == "str":
            return [(other.path, ((each.line, constant.text),))]
    return []


def _is_meant(code: Code, route: Route, key: Key, by: str, text: str) -> bool:
    """Whether an entry of a hook's list is about a route."""
    path = route.path.rstrip("/") or "/"
    view = route.endpoint or route.function.name
    if by == "path":
        return path == (text.rstrip("/") or "/")
    if by == "path-prefix":
        return path.startswith(text)
    if by == "view":
        return view == text
    if by == "method":
        return route.methods == (text,)
    blueprint = _blueprint_name(code, key)
    if by == "blueprint":
        return blueprint == text
    whole = f"{blueprint}.{view}" if blueprint else view
    return whole.startswith(text) if by == "endpoint-prefix" else whole == text


def _blueprint_name(code: Code, key: Key) -> str:
    """The name that a blueprint gives to its endpoints."""
    for file in code.files:
        if file.path == key[0]:
            for call in file.calls:
                if call.last == "Blueprint" and call.target == key[1]:
                    return _constant(call.argument(0, "name"))
    return ""


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
            if checks and code.drops(file, call):
                route.dropped = Evidence(file.path, call.line, call.name)
                continue
            heeded = call.target and call.target in function.tested
            named = AUTH.search(call.last) or CHECKS.search(call.last)
            ends = checks and _ends_request(other.functions[index])
            if checks and (heeded or named or ends):
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


def _ends_request(function: Function) -> bool:
    """Whether a function raises its refusal, so that nobody has to look at its answer."""
    return any(
        call.last == "abort" and {401, 403} & {s for v in call.args for s in v.statuses}
        for call in function.calls
    ) or any(
        _REFUSAL.search(name) or {401, 403} & set(each.value.statuses)
        for each in function.raises
        for name in (each.value.text, *each.value.names)
    )


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
