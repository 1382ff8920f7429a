"""Who a caller is: what may be believed of it, and what only the caller itself says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.callers import AUTH, CHECKS
from waddlegen.facts.python import Call, Function, PythonFile, Value
from waddlegen.facts.route import Route
from waddlegen.facts.words import is_secret, words
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


@rule("WB417", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def unverified_claims_believed(module: ModuleSource) -> Iterator[Problem]:
    """What a token says is believed, though nobody has verified the token.

    Anybody can write such a token, and be whoever it names. Decode it with the key and the
    algorithms that are allowed, and use what that returns.

    Bad:
        claims = peek_claims(token)
        return authorize(claims, "action")
    Good:
        claims = jwt.decode(token, key, algorithms=["HS256"])
        return authorize(claims, "action")
    """
    for file, function, call in module.calls():
        if call.last == "decode" and _takes_its_word(function, call):
            message = "the token itself says by which algorithm it is verified"
            yield module.problem(file, call.line, message, call.column)
    peeks = {
        function.name: function
        for function, call in module.calls_by_name.get("decode", ())
        if _is_unverified(call) and _answers_with(function, call)
    }
    peeks |= {
        function.name: function
        for function, call in module.calls_by_name.get("get_unverified_claims", ())
        if _answers_with(function, call)
    }
    if not peeks:
        return
    for file, function in module.functions():
        for call in function.calls:
            if call.last in peeks and call.target and _believes(function, call):
                message = (
                    f"`{call.last}` does not verify the token, and this decides by what it"
                    " says"
                )
                yield module.problem(file, call.line, message, call.column)


def _takes_its_word(function: Function, call: Call) -> bool:
    """Whether the algorithms that are allowed are read from the token."""
    allowed = call.keywords.get("algorithms")
    if allowed is None or not allowed.names:
        return False
    read = {
        c.target
        for c in function.calls
        if c.last == "get_unverified_header" and c.target
    }
    names = {name.partition(".")[0] for name in allowed.names}
    return bool(names & read) or any(
        name.endswith("get_unverified_header") for name in allowed.names
    )


def _is_unverified(call: Call) -> bool:
    """Whether a token is decoded without a key."""
    options = call.keywords.get("options")
    return (
        "jwt" in call.receiver.lower()
        and options is not None
        and "verify_signature" in options.text.split(",")
        and "key" not in call.keywords
        and "algorithms" not in call.keywords
    )


def _answers_with(function: Function, call: Call) -> bool:
    """Whether what a function returns is what a call gave it."""
    return any(
        each.value.text == call.name or (call.target and each.value.text == call.target)
        for each in function.returns
    )


def _believes(function: Function, call: Call) -> bool:
    """Whether claims are handed to what authorises, or kept as the caller's identity."""
    name = call.target
    first = next((a for a in function.assigns if a.line == call.line), None)
    if first is None or any(
        a.target == name and a.line > call.line and a.column <= first.column
        for a in function.assigns
    ):
        return False
    for other in function.calls:
        decides = AUTH.search(other.last) or CHECKS.search(other.last)
        if decides and not re.search(r"log|audit|trace|decode", other.name):
            if any(value.text == name for value in other.args):
                return True
    return any(
        each.target.startswith(("g.", "request.")) and name in each.value.names
        for each in function.assigns
    )


@rule("WB418", severity=Severity.ERROR, topic="auth", checklist="S1")
def predictable_code(module: ModuleSource) -> Iterator[Problem]:
    """A code that lets somebody in comes from a generator that can be predicted.

    `random` goes on from what it gave before; whoever has seen some codes knows the next
    ones. Take them from `secrets`.

    Bad:
        code = "".join(str(random.randint(0, 9)) for _ in range(6))
    Good:
        code = "".join(secrets.choice(string.digits) for _ in range(6))
    """
    for file, function in module.functions():
        for call in function.calls:
            if call.last in _GUESSABLE and _is_random(module, file, call):
                if is_secret(call.target) or _PROVES.search(function.name):
                    continue  # WB443 says it
                if _gives_codes(module, file, function, call):
                    message = "this code can be predicted; take it from secrets"
                    yield module.problem(file, call.line, message, call.column)


_GUESSABLE = frozenset("choice randint choices random randrange getrandbits".split())
_PROVES = re.compile(r"token|secret|password|api_key|verification_code|otp", re.I)
# What a code is for, when it lets somebody in.
_LETS_IN = re.compile(
    r"verif|confirm|reset|login|sign_?in|auth|invit|link(ing)?(_|$)|2fa|mfa|one_?time|pair|"
    r"identity|account|session|redeem|recover",
    re.I,
)
_CODES = frozenset("code codes pin otp token tokens nonce password passcode".split())
_OTHER_CODES = frozenset("status country color colour error exit lang language".split())


def _is_random(module: ModuleSource, file: PythonFile, call: Call) -> bool:
    """Whether a call is one of the module `random`, and not of the system's generator."""
    return re.fullmatch(r"random\.\w+", module.code.origin(file, call.name)) is not None


def _gives_codes(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """Whether what is drawn becomes a code, here or where the function is called."""
    if _is_code(call.target) and _LETS_IN.search(f"{file.path} {function.qualname}"):
        return True
    if not any(call.name in each.value.names for each in function.returns):
        kept = [a.target for a in function.assigns if call.name in a.value.names]
        return any(map(_is_code, kept)) and bool(
            _LETS_IN.search(f"{file.path} {function.qualname}")
        )
    if _is_code(function.name) and _LETS_IN.search(f"{file.path} {function.qualname}"):
        return True
    for other, use in module.calls_by_name.get(function.name, ()):
        if _is_code(use.target) and _LETS_IN.search(other.qualname):
            return True
    return False


def _is_code(name: str) -> bool:
    """Whether a name is that of a code which somebody has to know."""
    said = set(words(name.rpartition(".")[2]))
    return bool(said & _CODES) and not said & _OTHER_CODES


@rule("WB419", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def role_chosen_by_caller(module: ModuleSource) -> Iterator[Problem]:
    """A caller who is no administrator chooses a role, his own or that of a key.

    Somebody then makes himself an administrator. Leave the role out of what may be sent, allow
    only roles that the caller has, or ask for the role admin.

    Bad:
        await keys.create(g.user_id, data["name"], data["role"])
    Good:
        await keys.create(g.user_id, data["name"], "user")
    """
    yield from _stated_roles(module)
    for route in module.routes:
        if route.auth is None or route.admin is not None or not route.writes:
            continue
        function = route.function
        said = {*words(route.path), *words(function.name)}
        if not said & _GRANTS or said & _TALKS:
            continue
        if any("role" in name for name in function.tested):
            continue
        compared = [v for c in function.compares for v in (c.left, c.right)]
        if any("role" in value.text for value in compared):
            continue
        for call in function.calls:
            given = [v for v in (*call.args, *call.keywords.values()) if _is_role(v)]
            if given and _MAKES.search(call.last):
                path, line = _where_role_is_taken(route, given[0]) or ("", 0)
                if line:
                    message = "any caller may choose any role here, admin too"
                    yield module.problem(path, line, message)


def _stated_roles(module: ModuleSource) -> Iterator[Problem]:
    """Where a role that the request states decides whether it is refused."""
    for file, function in module.functions():
        if not function.statuses & {401, 403}:
            continue
        for call in function.calls:
            if call.last != "get" or not call.args or call.args[0].kind != "str":
                continue
            if not _states_role(function, call):
                continue
            asked = (
                call.target in function.tested
                if call.target
                else (call.line in function.asks and call.name in function.tested)
            )
            if asked:
                message = (
                    "the role is whatever the caller says; take it from the identity"
                )
                yield module.problem(file, call.line, message, call.column)


def _states_role(function: Function, call: Call) -> bool:
    """Whether a call reads a role from the body, the query or a header of the request."""
    key = call.args[0].text
    if call.receiver.endswith("request.headers"):
        return _ROLE_HEADER.fullmatch(key) is not None
    if key not in {
        "role",
        "roles",
        "is_admin",
        "is_moderator",
        "is_owner",
        "permissions",
    }:
        return False
    if call.receiver in {"request.args", "request.form", "request.json"}:
        return True
    given = [a.value for a in function.assigns if a.target == call.receiver]
    return any(
        re.search(r"(^|\.)(get_json|request\.json|request\.form)$", name)
        for value in given
        for name in (*value.names, value.text)
    )


_ROLE_HEADER = re.compile(
    r"X-(User-|Caller-)?(Roles?|Is-?Admin|Admin|Permissions)", re.I
)
_GRANTS = frozenset(
    "key keys token tokens member members user users invite invites invitation invitations "
    "account accounts register registration grant grants role roles team staff moderator "
    "moderators operator operators".split()
)
# Where a role is who speaks: user, assistant, system.
_TALKS = frozenset(
    "chat message messages conversation conversations prompt memory".split()
)
_MAKES = re.compile(
    r"^_?(create|issue|add|grant|set|save|insert|make|register|invite|new)"
)
_ROLE_KEYS = ("[role]", "[roles]", "[is_admin]", "[permissions]")


def _is_role(value: Value) -> bool:
    """Whether a value is the role that a body names."""
    return value.kind == "subscript" and value.text.endswith(_ROLE_KEYS)


def _where_role_is_taken(route: Route, value: Value) -> tuple[str, int] | None:
    """The line of the schema that lets a role in, or of the view; none when it is bound.

    A role is bound when the schema lists what it may be.
    """
    body = value.text.partition("[")[0]
    key = value.text.partition("[")[2].rstrip("]")
    function = route.function
    given = [a for a in function.assigns if a.target == body]
    if not given:
        return None
    names = {name for each in given for name in each.value.names}
    schemas = [n for n in names if n in route.file.schemas]
    for name in schemas:
        for field, line, rules in route.file.schemas[name]:
            if field == key:
                free = not {"choices", "enum", "allowed", "in", "pattern"} & set(rules)
                return (route.file.path, line) if free else None
    plain = any(re.search(r"get_json|request\.json|form", name) for name in names)
    return (route.file.path, given[0].line) if plain and not schemas else None


@rule("WB420", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def payer_chosen_by_caller(module: ModuleSource) -> Iterator[Problem]:
    """Whose money is spent, or in whose name something is done, is taken from the body.

    Every member can then act for every other. Take it from the identity that the guard has
    established.

    Bad:
        await balances.transfer(community_id, data["from"], data["to"], data["amount"])
    Good:
        await balances.transfer(community_id, g.identity.user_id, data["to"], data["amount"])
    """
    knowing = {
        route.file.path
        for route in module.routes
        if any(_IDENTITY.match(name) for name in route.function.names)
    }
    for route in module.routes:
        function = route.function
        if route.auth is None or route.admin is not None or not route.writes:
            continue
        if route.file.path not in knowing or _SERVICES.search(route.auth.text):
            continue
        if any(_IDENTITY.match(n) or AUTH.search(n) for n in function.names):
            continue
        for call in function.calls:
            values = (*call.args, *call.keywords.values())
            payer = next((v for v in values if _is_payer(v, function)), None)
            if payer is not None and _SPENDS.search(f"{call.last} {route.path}"):
                message = (
                    f"`{payer.text}` is whoever the caller names; take the caller's own"
                    " identity"
                )
                yield module.problem(route.file, call.line, message, call.column)
                break


_IDENTITY = re.compile(
    r"g\.(\w*user\w*|identity|principal|caller|actor|member)|current_user"
)
_SERVICES = re.compile(r"service|internal|router|module|admin|webhook", re.I)
_PAYERS = re.compile(
    r"\[(from|from_user|from_user_id|from_id|payer|payer_id|sender|sender_id|giver|giver_id|"
    r"donor|donor_id|buyer|buyer_id|spender|source_user|source_user_id)\]$"
)
_SPENDS = re.compile(
    r"transfer|pay|spend|gift|give|donate|send|tip|buy|purchase|move", re.I
)


def _is_payer(value: Value, function: Function) -> bool:
    """Whether a value is who pays, as the body says it."""
    if value.kind != "subscript" or not _PAYERS.search(value.text):
        return False
    body = value.text.partition("[")[0]
    given = [a.value for a in function.assigns if a.target == body]
    return any(each.kind in {"await", "call"} for each in given)
