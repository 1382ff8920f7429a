"""Who may call: routes without a guard, guards that let everybody in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.callers import AUTH, CHECKS
from waddlegen.facts.python import Assign, Call, Compare, Function, PythonFile, Value
from waddlegen.facts.refusals import builds_refusal, only_compares
from waddlegen.facts.route import WEBHOOK, Route
from waddlegen.facts.words import is_secret, is_signature, words
from waddlegen.findings import Problem, Severity
from waddlegen.measures import webhook_evidence
from waddlegen.rules.administrators import open_to_more
from waddlegen.rules.disclosed import opens_something
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_SOURCES = re.compile(
    r"config|settings|environ|getenv|secret|expected|self|app|current_app", re.I
)


def needs_key(route: Route) -> bool:
    """Whether a route has to know its caller by a key, a token or a session."""
    if route.is_open or route.is_webhook:
        return False
    return not route.is_exchange


@rule("WB411", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def unprotected_route(module: ModuleSource) -> Iterator[Problem]:
    """A route can be called by anybody.

    Modules stand in one network, and the router trusts each to ask for a key; an open route is
    a way around it. Put `@require_api_key(role=...)` directly below the route, or check the
    whole blueprint in `before_request`.

    Bad:
        @app.route("/api/v1/quotes", methods=["POST"])
        async def add_quote(): ...
    Good:
        @app.route("/api/v1/quotes", methods=["POST"])
        @require_api_key(role="action")
        async def add_quote(): ...
    """
    told: set[tuple[str, int]] = set()
    for route in module.routes:
        if not needs_key(route) or route.auth is not None or route.dropped:
            continue
        if (route.websocket and route.speaks_of_callers) or _is_opened_by_path(
            module, route
        ):
            continue
        if route.exempt is not None and route.exempt.text:
            at = (route.exempt.path, route.exempt.line)
            if at not in told and not _MEANT_FOR_ALL.search(route.path):
                told.add(at)
                message = f"this lets `{route.label}` be called without a key"
                yield module.problem(*at, message)
            continue
        above = [call.name for call in route.above if AUTH.search(call.name)]
        if above:
            message = (
                f"`{route.label}` is registered below `@{above[0]}`, which therefore does"
                " not guard it; put the guard below the route"
            )
        elif route.overridden:
            message = (
                f"`{route.label}` can be called without a key: these take the place of the"
                f" decorators of {route.overridden}; extend them"
            )
        else:
            message = f"`{route.label}` can be called without a key"
        line = route.class_line or route.guard_line
        yield module.problem(route.file, line, message)

    yield from _open_grpc(module)


def _is_opened_by_path(module: ModuleSource, route: Route) -> bool:
    """Whether a part of the path is the credential: only its hash is looked up."""
    return any(
        opens_something(module, route.file, route.function, name)
        for name in re.findall(r"<(?:\w+:)?(\w+)>", route.path)
    )


# What is on a list of the addresses that need no key, and says itself why.
_MEANT_FOR_ALL = re.compile(
    r"(^|/)(public|register|embed|overlay|widget|badge|feed|rss|sitemap|landing|about)\b"
)
_KNOWS_CALLER = re.compile(r"auth|token|api_?key|verif|metadata|peer_identit|jwt", re.I)


def _open_grpc(module: ModuleSource) -> Iterator[Problem]:
    """A gRPC server without interceptors, none of whose methods looks at the caller."""
    methods = [
        function
        for file in module.python
        for made in file.classes
        if any(base.endswith("Servicer") for base in made.bases)
        for function in file.functions
        if function.cls == made.name
    ]
    if any(_KNOWS_CALLER.search(" ".join(sorted(each.names))) for each in methods):
        return
    if any(_KNOWS_CALLER.search(call.last) for m in methods for call in m.calls):
        return
    for file, _, call in module.calls():
        if methods and call.name in {"grpc.aio.server", "grpc.server", "aio.server"}:
            given = call.keywords.get("interceptors")
            if given is None or _ask_nobody(module, given):
                message = (
                    "the gRPC server answers anybody; add an interceptor that asks"
                )
                yield module.problem(file, call.line, message, call.column)


def _ask_nobody(module: ModuleSource, given: Value) -> bool:
    """Whether all interceptors are classes of the module, and none speaks of the caller."""
    names = {name.rpartition(".")[2] for name in given.names}
    made = module.code.classes_named(names)
    if not names or given.kind != "list" or len({c.name for _, c in made}) < len(names):
        return False
    return not any(
        _KNOWS_CALLER.search(" ".join((each.name, *sorted(function.names))))
        for file, each in made
        for function in file.functions
        if function.cls == each.name
    )


@rule("WB412", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def admin_route_for_everybody(module: ModuleSource) -> Iterator[Problem]:
    """A route for administrators is open to every key.

    Any module's key, and any user's, may then do what only an administrator should. Ask for
    the role.

    Bad:
        @app.route("/api/v1/admin/users")
        @require_api_key()
    Good:
        @app.route("/api/v1/admin/users")
        @require_api_key(role="admin")
    """
    for route in module.routes:
        if not re.search(r"(^|/)admin(/|$)", route.path) or route.is_open:
            continue
        if route.auth is not None and route.admin is None:
            yield module.problem(
                route.file,
                route.guard_line,
                f"`{route.label}` asks for a key, but not for the role admin",
            )
    yield from open_to_more(module)


@rule("WB416", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def refusal_thrown_away(module: ModuleSource) -> Iterator[Problem]:
    """A refusal is made, or asked for, and then not returned.

    A check that refuses by what it returns refuses nobody when its answer is dropped: the
    view goes on as if the caller were known. Return the answer, or let the check raise.

    Bad:
        await require_admin()
    Good:
        refused = await require_admin()
        if refused is not None:
            return refused
    """
    for file, function in module.functions():
        for opening in function.fails_open:
            if opening.why == "unreturned":
                message = "this refusal is made, but not returned: the caller is let in"
                yield module.problem(file, opening.line, message)
        for call in function.calls:
            message = _asked_in_vain(module, file, function, call)
            if message:
                yield module.problem(file, call.line, message, call.column)
            if not call.bare:
                continue
            if builds_refusal(call):
                message = "this refusal is made, but not returned: the caller is let in"
            elif _is_refusal(call):
                message = f"`{call.last}` is made, but not raised: the caller is let in"
            elif module.code.drops(file, call):
                message = (
                    f"nobody looks at the answer of `{call.last}`, and all are let in"
                )
            else:
                continue
            yield module.problem(file, call.line, message, call.column)


def _is_refusal(call: Call) -> bool:
    """Whether a call makes an exception that refuses, and nothing more."""
    return call.last[:1].isupper() and _REFUSAL.search(call.last) is not None


_REFUSAL = re.compile(
    r"^(\w+\.)*(Unauthori[sz]ed|Forbidden|NotAuthenticated|PermissionDenied|AccessDenied|"
    r"PermissionError|Auth\w*(Error|Exception|Failed|Required)|"
    r"(InvalidToken|InvalidApiKey|InvalidSignature)(Error|Failed)?)$"
)


def _asked_in_vain(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> str:
    """Why the answer of a check says nothing: nobody reads it, or it is a coroutine."""
    if call.bare:
        return ""
    target = call.target
    if target.isidentifier() and target != "_" and target not in function.names:
        inner = [o.functions[n] for _, o, n in module.code.found(file, call.name)[:3]]
        named = _VERIFIES_SOMEBODY.search(call.last) is not None
        silent = all(each.returns and not each.raises for each in inner)
        if inner and silent and (named or all(map(only_compares, inner))):
            return f"nobody looks at the answer of `{call.last}`, and all are let in"
    if call.awaited or target or call.line not in function.asks:
        return ""
    if call.name not in function.tested or not function.is_async:
        return ""
    if not CHECKS.search(call.last):
        return ""
    found = module.code.found(file, call.name)
    asynchronous = bool(found) and all(
        other.functions[number].is_async and not other.functions[number].yields
        for _, other, number in found
    )
    others = any(c.awaited and c.line == call.line for c in function.calls)
    if asynchronous and not others:
        return f"`{call.last}` is not awaited, and a coroutine is always true"
    return ""


_VERIFIES_SOMEBODY = re.compile(
    r"verif\w*(sig|token|key|request|webhook)|(check|valid)\w*_(sig|key|token|hmac)",
    re.I,
)


@rule("WB413", severity=Severity.ERROR, topic="auth", checklist="S1")
def secret_compared_openly(module: ModuleSource) -> Iterator[Problem]:
    """A secret or a signature is compared with `==`.

    The comparison ends at the first difference, and the time it takes tells how much was
    right. Use `hmac.compare_digest` on bytes.

    Bad:
        if api_key != Config.API_KEY:
    Good:
        if not hmac.compare_digest(api_key.encode(), Config.API_KEY.encode()):
    """
    signers = _signers(module)
    for file, function in module.functions():
        if function.name in {"__eq__", "__ne__"}:
            continue
        for compare in function.compares:
            if _compares_secrets(compare, function, file) or (
                _compares_hmac(compare, function, signers)
            ):
                yield module.problem(
                    file,
                    compare.line,
                    "a secret is compared with `==`, which tells how much of it was right;"
                    " use hmac.compare_digest on bytes",
                    compare.column,
                    topic=_kind_of_comparison(compare),
                )


def _signers(module: ModuleSource) -> set[str]:
    """The functions that answer with an HMAC written out."""
    return {
        function.name
        for function, _ in module.calls_by_name.get("new", ())
        if any(_is_hmac(each.value, function) for each in function.returns)
    }


def _is_hmac(value: Value, function: Function) -> bool:
    """Whether a value is an HMAC written out, here or in what gives a name its value."""
    if value.kind == "call":
        return value.text in {
            "hmac.new().hexdigest",
            "hmac.new().digest",
            "hmac.digest",
        }
    if value.kind != "name" or "." in value.text:
        return False
    given = [a.value for a in function.assigns if a.target == value.text]
    return bool(given) and all(
        each.kind == "call" and _is_hmac(each, function) for each in given
    )


def _compares_hmac(compare: Compare, function: Function, signers: set[str]) -> bool:
    """Whether a side is an HMAC, whatever it is called, and the other one is sent."""
    sides = (compare.left, compare.right)
    if any(v.kind not in {"name", "call", "subscript", "await"} for v in sides):
        return False
    if not signers and "hmac.new" not in function.names:
        return False
    for value in sides:
        if _is_hmac(value, function):
            return True
        names = {value.text} | {
            a.value.text for a in function.assigns if a.target == value.text
        }
        if signers & {name.rpartition(".")[2] for name in names}:
            return True
    return False


def _kind_of_comparison(compare: Compare) -> str:
    """A signature is a webhook's, anything else is a caller's key."""
    texts = f"{compare.left.text} {compare.right.text}"
    return "webhook" if re.search(r"signature|digest|hmac", texts, re.I) else "auth"


def _compares_secrets(compare: Compare, function: Function, file: PythonFile) -> bool:
    """Whether both sides are values, and one of them is a secret or a signature."""
    sides = (compare.left, compare.right)
    if any(
        v.kind in {"str", "num", "none", "bool", "bytes", "list", "dict", "other"}
        for v in sides
    ):
        return False
    left, right = (_meaning(value, function) for value in sides)
    if not (left and right) or _is_typed_again(left, right):
        return False
    if any(_is_enumeration(value) for value in sides):
        return False
    joined = {*words(left), *words(right)}
    if _ASIDE & joined or any(map(_is_column, sides)) or all(map(_is_ours, sides)):
        return False
    if _is_change(compare, function):
        return False
    if is_signature(left) or is_signature(right):
        if {words(left)[-1], words(right)[-1]}.isdisjoint(_SIGNATURES):
            return _has_key(function)
        words_ = " ".join(
            (left, right, *function.names, *(c.name for c in function.calls))
        )
        return bool(
            re.search(r"hmac|hashlib|expected|computed|header|digest", words_, re.I)
        )
    secrets = [name for name in (left, right) if is_secret(name)]
    if all(words(name)[-1] in {"token", "tokens"} for name in secrets):
        return bool(secrets) and _lets_somebody_in(compare, function, file)
    return True


def _is_change(compare: Compare, function: Function) -> bool:
    """Whether a value is only compared to see if it is to be replaced by the other."""
    one, other = compare.left.text, compare.right.text
    return any(
        (assign.target, assign.value.text) in {(one, other), (other, one)}
        and assign.line > compare.line
        for assign in function.assigns
    )


_SIGNATURES = frozenset({"signature", "sig", "hmac", "mac"})
# Typed twice, a kind of secret, or the sum of a file.
_ASIDE = frozenset("confirm confirmation repeat type kind checksum etag md5".split())
_COLUMN = re.compile(
    r"(^|\.)(?!\w*(Config|Settings|Env|Secrets?)\.)[A-Z]\w*[a-z]\w*\.[a-z]\w*$|"
    r"(^|\.)_?(db|dal)\.\w+\.\w+$|\.c\.\w+$"
)


def _is_typed_again(left: str, right: str) -> bool:
    """Whether both sides are one value: typed twice, spelled otherwise, or its mask."""
    one, other = (re.sub(r"\d+$|\(\)$", "", name) for name in (left, right))
    masks = any(_MASK.search(name.rpartition(".")[2]) for name in (left, right))
    return (
        masks
        or one == other
        or one.startswith(f"{other}.")
        or other.startswith(f"{one}.")
    )


_MASK = re.compile(r"MASK|PLACEHOLDER|REDACTED|UNSET|UNCHANGED|EMPTY")


def _is_column(value: Value) -> bool:
    """Whether a side is a column, so that the database compares."""
    return value.kind == "name" and _COLUMN.search(value.text) is not None


def _is_ours(value: Value) -> bool:
    """Whether a side is a setting: of two of these, no caller learns anything."""
    last = value.text.rpartition(".")[2]
    return (
        value.kind == "name"
        and last.isupper()
        or (
            value.kind == "subscript"
            and re.search(r"config\[[A-Z_]+\]$", value.text) is not None
        )
    )


def _has_key(function: Function) -> bool:
    """Whether a digest is made with a key, or sent by a caller; a checksum is neither."""
    if function.headers or any("hmac" in name for name in function.names):
        return True
    return any(
        is_secret(name)
        for call in function.calls
        for v in call.args
        for name in v.names
    )


def _lets_somebody_in(compare: Compare, function: Function, file: PythonFile) -> bool:
    """Whether a token is a caller's: one that a parser reads, or a lock holds, is not."""
    texts = f"{compare.left.text} {compare.right.text}"
    if re.search(r"header|config|settings|environ|request", texts, re.I):
        return True
    if function.headers or any(name.startswith("request.") for name in function.names):
        return True
    name = function.qualname
    if CHECKS.search(name) or re.search(r"auth|(^|\.)_?(check|validate)$", name, re.I):
        return True
    read = {a.target for a in file.module.assigns if "environ" in _source(a.value)}
    return bool(read & {compare.left.text, compare.right.text})


def _source(value: Value) -> str:
    """What a value is read from."""
    return f"{value.text} {' '.join(value.names)}".replace("getenv", "environ")


def _meaning(value: Value, function: Function) -> str:
    """The name a side goes by: the header it reads, the key it looks up, its own name."""
    if value.kind in {"call", "await"}:
        for name, _ in function.headers:
            if value.text.endswith("headers.get") and re.search(
                r"key|token|secret|signature", name, re.I
            ):
                return "signature" if "ignature" in name else "token"
        last = value.text.rpartition(".")[2]
        if last in {"hexdigest", "digest"}:
            return "digest"
        if last in {"get", "getenv", "encode", "strip", "lower"} and value.names:
            return value.names[0].removesuffix(f".{last}") or "value"
        return "" if last in {"len", "type", "type_of", "hash", "set"} else "value"
    if value.kind == "subscript":
        match = re.search(r"\[([^\]]+)\]$", value.text)
        return match[1] if match else ""
    if value.kind in {"name", "fstring", "concat", "format"}:
        if value.kind == "name":
            return "token" if _is_key_header(value, function) else value.text
        inner = [n for n in value.names if is_secret(n) or is_signature(n)]
        return inner[0] if inner else "value"
    return ""


def _is_key_header(value: Value, function: Function) -> bool:
    """Whether a name holds a header that proves who calls: `X-API-Key`, `Authorization`."""
    if is_secret(value.text) or is_signature(value.text) or not function.headers:
        return False
    given = [a for a in function.assigns if a.target == value.text]
    lines = {
        line
        for name, line in function.headers
        if re.search(
            r"(api|access|auth|service)[-_]?key|token|secret|^authorization$",
            name,
            re.I,
        )
    }
    return bool(given) and all(
        each.line in lines and "headers" in each.value.text for each in given
    )


def _is_enumeration(value: Value) -> bool:
    """`TokenType.SECRET` is a kind, not a secret."""
    owner, _, last = value.text.rpartition(".")
    if value.kind != "name" or not last.isupper() or not owner:
        return False
    return not _SOURCES.search(owner)


@rule("WB414", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def check_that_fails_open(module: ModuleSource) -> Iterator[Problem]:
    """A check lets the caller in when its secret is not set, or when the check fails.

    One missing variable, or one error, then opens the door without anybody noticing. Refuse
    instead: 503 when the module is not configured, 401 otherwise.

    Bad:
        if not Config.WEBHOOK_SECRET:
            return True
    Good:
        if not Config.WEBHOOK_SECRET:
            return False
    """
    why = {
        "unset": "when `{}` is not set, this check lets everybody in",
        "switch": "`{}` switches this check off",
        "skipped": "when `{}` is not set, nothing is verified",
        "absent": "a caller that sends no `{}` is not checked at all",
        "error": "when the check fails with {}, the caller is let in",
        "logged": "when `{}` says no, that is only written down, and the caller goes on",
        "claimed": "whoever sends the header `{}` is not checked at all",
        "always": "this test is true whatever it is asked, so it refuses nobody",
    }
    for file, function in module.functions():
        for opening in function.fails_open:
            if opening.why == "unreturned":
                continue
            if opening.why == "always" and not _ROLES.search(opening.name):
                continue
            if opening.why in {"skipped", "absent", "logged"} and not _is_request_path(
                module, file, function
            ):
                continue
            if opening.why in {"unset", "switch"} and not _decides(function):
                continue
            if opening.why == "error" and not _about_callers(function):
                continue
            topic = "webhook" if _webhookish(function) else "auth"
            yield module.problem(
                file, opening.line, why[opening.why].format(opening.name), topic=topic
            )
    yield from _empty_is_right(module)
    yield from _yes_by_default(module)


def _yes_by_default(module: ModuleSource) -> Iterator[Problem]:
    """Where checks are chosen from a table, and what none is found for passes unchecked."""
    tables = _tables_of_checks(module)
    told: set[tuple[str, int]] = set()
    for file, function, call in module.calls():
        if call.last == "get" and len(call.args) == 2:
            known = call.receiver.rpartition(".")[2] in tables
        elif call.last == "getattr" and len(call.args) == 3:
            known = CHECKS.search(call.args[1].text) is not None
        else:
            continue
        place = _where_all_pass(module, file, call) if known else None
        if place is not None and place not in told:
            told.add(place)
            message = "what none of the checks is found for is taken as genuine"
            said = f"{place[0]} {file.path} {' '.join(file.constants)}"
            signs = re.search(r"webhook|signature|hmac|eventsub", said, re.I)
            topic = "webhook" if signs or _webhookish(function) else "auth"
            yield module.problem(*place, message, topic=topic)


def _tables_of_checks(module: ModuleSource) -> set[str]:
    """The mappings that hold functions which verify signatures or keys."""
    return {
        name
        for file in module.python
        for assign in file.module.assigns
        if assign.value.kind == "dict"
        for name in (assign.target.rpartition(".")[2],)
        if any(_is_check(module, file, each) for each in assign.value.names)
    }


def _is_check(module: ModuleSource, file: PythonFile, name: str) -> bool:
    """Whether a name is that of a function which compares or verifies something sent."""
    found = [home.functions[n] for home, n in module.code.resolve(file, name)[:3]]
    found += [f for _, f in _verifies_by_class(module, name.rpartition(".")[2])]
    return any(
        call.name == "hmac.new" or CHECKS.search(call.last)
        for function in found
        for call in function.calls
    )


def _verifies_by_class(module: ModuleSource, name: str) -> list[tuple[str, Function]]:
    """The methods of a class that say whether something is genuine, with their files."""
    return [
        (home.path, function)
        for home, made in module.code.classes_named({name})
        for function in home.functions
        if function.cls == made.name and _SAYS_GENUINE.search(function.name)
    ]


_SAYS_GENUINE = re.compile(r"verif|genuine|valid|check|accept|allow|trust", re.I)


def _where_all_pass(
    module: ModuleSource, file: PythonFile, call: Call
) -> tuple[str, int] | None:
    """Where the function that a look-up falls back to says yes to everybody."""
    given = call.args[-1]
    if given.text == "Lambda":
        lambdas = [f for f in file.functions if f.name == "<lambda>"]
        inside = [f for f in lambdas if call.line <= f.line <= call.end_line]
        yes = inside and all(_always_yes(each) for each in inside)
        return (file.path, call.line) if yes else None
    if given.kind == "call":
        for path, function in _verifies_by_class(module, given.text.rpartition(".")[2]):
            if _always_yes(function):
                return path, function.returns[0].line
    for home, number in module.code.resolve(file, given.text)[:1]:
        function = home.functions[number]
        if given.kind == "name" and _always_yes(function):
            return home.path, function.returns[0].line
    return None


def _always_yes(function: Function) -> bool:
    """Whether a function says yes, or what a setting says, without having asked anything."""
    if not function.returns or function.raises or function.compares:
        return False
    return all(
        each.value.text == "True"
        or each.value.text.isupper()
        or each.value.text == "UnaryOp"
        and all(
            n.isupper() for n in (name.rpartition(".")[2] for name in each.value.names)
        )
        for each in function.returns
    )


def _empty_is_right(module: ModuleSource) -> Iterator[Problem]:
    """Where an empty header is compared with a setting that is empty unless it is set."""
    unset = {
        each.name
        for each in module.env
        if each.default == "" and each.kind == "str" and is_secret(each.name)
    }
    used = module.calls_by_name.get("compare_digest", ()) if unset else ()
    tested = (
        {name for _, f in module.functions() for name in f.tested} if used else set()
    )
    asked = {name.rpartition(".")[2] for name in tested}
    for file in module.python if used else ():
        kept = {
            a.target.rpartition(".")[2]: variable
            for a in file.module.assigns
            for variable in unset
            if variable in _env_texts(file, a)
        }
        for name, variable in kept.items():
            yield from _compared_with(module, name, variable, asked)


def _env_texts(file: PythonFile, assign: Assign) -> set[str]:
    """The variables that the calls on the line of an assignment read."""
    return {
        call.args[0].text
        for call in file.module.calls
        if call.line == assign.line and call.args and call.args[0].kind == "str"
    }


def _compared_with(
    module: ModuleSource, name: str, variable: str, asked: set[str]
) -> Iterator[Problem]:
    """Where a header that may be empty is compared with one setting, and nobody asks for it."""
    if name in asked or variable in asked:
        return
    for file, function in module.functions():
        for call in function.calls:
            if call.last != "compare_digest" or len(call.args) != 2:
                continue
            settings = {n.removesuffix(".encode") for v in call.args for n in v.names}
            sent = {n.partition(".")[0] for v in call.args for n in v.names}
            if not any(n.rpartition(".")[2] == name for n in settings):
                continue
            if any(_may_be_empty(c) and c.target in sent for c in function.calls):
                if not sent & function.tested:
                    message = (
                        f"when {variable} is not set, an empty header is the right one"
                    )
                    yield module.problem(file, call.line, message, call.column)


def _may_be_empty(call: Call) -> bool:
    """Whether a call reads a header, and an empty text where there is none."""
    return (
        call.name.endswith("headers.get")
        and len(call.args) == 2
        and call.args[1] == Value("str", "")
    )


_ROLES = re.compile(r"role|admin|perm|auth|owner|moderator|identity", re.IGNORECASE)


def _about_callers(function: Function) -> bool:
    """Whether a function is about who calls; a value can be valid, and a file allowed."""
    # `is_valid` alone says nothing of what is valid.
    if is_guard_name(function.name.replace("is_valid", "valid")) or function.headers:
        return True
    given = [each.name for each in function.parameters]
    if any(_MEMBER.search(name) for name in given) and _ALLOWS.search(
        f"{function.cls}.{function.name}"
    ):
        return True
    return any(is_secret(name) or is_signature(name) for name in given)


_MEMBER = re.compile(r"(^|_)(user|member|actor|caller|principal|moderator)")
# What is said of a member by the name of a function, or of its class.
_ALLOWS = re.compile(
    r"^\w*(permission|authoriz|access|role)\w*\.\w|"
    r"\.(may|can)_|\.(is|has|check)_\w*(perm|role|admin|mod$|moderator|owner|access|author)",
    re.IGNORECASE,
)


def _decides(function: Function) -> bool:
    """Whether a function's answer lets somebody in: a check of a caller or a signature."""
    name = function.qualname
    if re.search(
        r"config|setting|startup|setup|has_|enabled|env|refresh|fetch|load", name, re.I
    ):
        return bool(function.headers) or "compare_digest" in {
            c.last for c in function.calls
        }
    return True


def _is_request_path(
    module: ModuleSource, file: PythonFile, function: Function
) -> bool:
    """Whether a function runs for a request: a view, a hook, or something that verifies."""
    if function.headers or any("request." in name for name in function.names):
        return True
    return bool(re.search(r"verif|webhook|signature|handle", function.name, re.I))


def _webhookish(function: Function) -> bool:
    """Whether a check is that of a webhook."""
    names = f"{function.qualname} {' '.join(sorted(function.names))}"
    return bool(
        WEBHOOK.search(function.qualname)
        or re.search(r"webhook|signature|eventsub", names, re.I)
    )


@rule("WB431", severity=Severity.CRITICAL, topic="webhook", checklist="S3")
def webhook_not_verified(module: ModuleSource) -> Iterator[Problem]:
    """A webhook believes whoever calls it.

    Its address is public; without the platform's signature anybody can send events. Verify the
    signature over the raw body before anything is read from it.

    Bad:
        @app.route("/webhook/twitch", methods=["POST"])
        async def twitch():
            event = await request.get_json()
    Good:
        @app.route("/webhook/twitch", methods=["POST"])
        @webhook("twitch_eventsub", secret=...)
        async def twitch(): ...
    """
    for route in module.routes:
        if not route.is_webhook or route.is_open or not route.writes:
            continue
        if route.auth is not None and not re.search(r"webhook", route.path, re.I):
            continue
        if webhook_evidence(module, route) is None:
            yield module.problem(
                route.file,
                route.guard_line,
                f"`{route.label}` does not verify who sent it",
            )


@rule("WB432", severity=Severity.ERROR, topic="webhook", checklist="S3")
def signature_check_that_breaks(module: ModuleSource) -> Iterator[Problem]:
    """A signature is compared as text, or made from something else than the raw body.

    `hmac.compare_digest` raises TypeError on None and on text that is not ASCII, so a missing
    or malformed header answers 500 instead of 401; a body that was parsed and written again
    has another signature. Compare bytes, over `await request.get_data()`, with SHA-256.

    Bad:
        hmac.compare_digest(request.headers.get("X-Signature"), expected)
    Good:
        hmac.compare_digest((signature or "").encode(), expected.encode())
    """
    for file, function in module.functions():
        for call in function.calls:
            if call.last == "compare_digest" and len(call.args) == 2:
                message = _breaks(call.args, function, call.guarded)
                if message:
                    yield module.problem(file, call.line, message, call.column)
            elif _CHECKS_SIGNATURE.search(call.last) and call.args:
                line = _written_anew(call, function)
                if line:
                    message = (
                        "the signature is checked over a body that was written anew; take"
                        " the raw bytes of request.get_data()"
                    )
                    yield module.problem(file, line, message)
            elif call.name == "hmac.new" and len(call.args) > 1:
                made = set(call.args[1].names)
                if any(c.last == "compare_digest" for c in function.calls):
                    given = (a for a in function.assigns if a.target in made)
                    made |= {name for each in given for name in each.value.names}
                if any(name.endswith("json.dumps") for name in made):
                    yield module.problem(
                        file,
                        call.line,
                        "the signature is made from a body that was written anew; sign the"
                        " raw bytes of request.get_data()",
                        call.column,
                    )
                digest = call.argument(2, "digestmod")
                if digest and re.search(r"(^|\.)(md5|sha1)$", digest.text):
                    if _is_for_signing(function, call) and not _hub(function, file):
                        yield module.problem(
                            file,
                            call.line,
                            f"{digest.text} is too weak for a signature",
                            call.column,
                        )


_CHECKS_SIGNATURE = re.compile(
    r"verif|check_sig|valid\w*_(sig|hmac)|is_signed|signed_by"
)


def _written_anew(call: Call, function: Function) -> int:
    """The line on which a check is given JSON that was read and written again; or 0."""
    if not any(name.endswith("json.dumps") for name in function.names):
        return 0
    signed = any(_SIGNED.search(name) for v in call.args for name in (*v.names, v.text))
    if not signed and not any(_SIGNED.search(name) for name, _ in function.headers):
        return 0
    for value in call.args:
        if any(name.endswith("json.dumps") for name in value.names):
            return call.line
        for given in function.assigns:
            if given.target == value.text and any(
                name.endswith("json.dumps") for name in given.value.names
            ):
                return given.line
    return 0


_SIGNED = re.compile(r"signature|(^|_|-)sig$|hmac|headers|secret", re.IGNORECASE)


def _is_for_signing(function: Function, call: Call) -> bool:
    """Whether an HMAC proves something; one of a cache's key only has to be another."""
    if any(each.last == "compare_digest" for each in function.calls):
        return True
    if re.search(r"cache|etag|fingerprint|bucket|totp|hotp", function.qualname, re.I):
        return False
    names = (name.removesuffix(".encode") for name in call.args[0].names)
    return any(map(is_secret, names)) or bool(
        re.search(r"sign|verif|webhook|hmac", function.qualname, re.I)
    )


def _hub(function: Function, file: PythonFile) -> bool:
    """WebSub hubs and Twilio sign with SHA-1; that is theirs to change."""
    headers = [name for f in file.functions for name, _ in f.headers]
    return (
        any(re.search(r"Hub-Signature|Twilio", name, re.I) for name in headers)
        or "hub" in function.qualname.lower()
    )


def _breaks(
    args: tuple[Value, ...], function: Function, guarded: tuple[str, ...]
) -> str:
    """Why a comparison can raise; nothing when both sides are bytes."""
    if {"TypeError", "Exception", "*"} & set(guarded):
        return ""
    for value in args:
        if _is_header(value, function, False):
            return "a missing header is None here, and compare_digest raises TypeError: 500"
    if any(_is_bytes(value, function, 0) for value in args):
        return ""
    signs = any(call.name == "hmac.new" for call in function.calls) or re.search(
        r"signature|webhook", function.qualname, re.I
    )
    if signs and any(_is_sent(value, function) for value in args):
        return (
            "text that is not ASCII makes compare_digest raise TypeError, so a bad signature"
            " is a 500; compare bytes"
        )
    return ""


def _is_header(value: Value, function: Function, default: bool) -> bool:
    """Whether a value is a header without a default."""
    if value.kind == "call" and value.text.endswith("headers.get"):
        call = next((c for c in function.calls if c.name == value.text), None)
        return call is not None and len(call.args) < 2
    if value.kind == "name":
        given = [a for a in function.assigns if a.target == value.text]
        headers = [a for a in given if a.value.text.endswith("headers.get")]
        if headers and len(given) == len(headers):
            calls = [c for c in function.calls if c.target == value.text]
            bare = bool(calls) and all(len(c.args) < 2 for c in calls)
            return bare and not _checked(value.text, function)
    return False


def _checked(name: str, function: Function) -> bool:
    """Whether a name is asked to be there before it is used."""
    return name in function.tested


def _is_bytes(value: Value, function: Function, depth: int) -> bool:
    """Whether a value is bytes, as far as can be seen."""
    if value.kind == "bytes":
        return True
    last = value.text.rpartition(".")[2]
    if value.kind in {"call", "await"}:
        return last in {
            "encode",
            "digest",
            "b64decode",
            "bytes",
            "unhexlify",
            "fromhex",
            "to_bytes",
            "read",
            "get_data",
            "urlsafe_b64decode",
        }
    if value.kind == "name" and depth < 3:
        given = [a.value for a in function.assigns if a.target == value.text]
        if given:
            return all(_is_bytes(each, function, depth + 1) for each in given)
        for parameter in function.parameters:
            if parameter.name == value.text:
                return parameter.annotation.startswith("bytes")
    return False


def _is_sent(value: Value, function: Function) -> bool:
    """Whether a value may be what the caller sent."""
    if value.kind == "call":
        return "headers" in value.text or value.text.endswith(".get")
    if value.kind != "name":
        return value.kind in {"subscript", "fstring"}
    last = value.text.rpartition(".")[2]
    return not last.isupper() and not re.search(r"expected|computed|calculated", last)


def is_guard_name(name: str) -> bool:
    """Whether a function's name says that it checks a caller."""
    return bool(AUTH.search(name) or CHECKS.search(name))
