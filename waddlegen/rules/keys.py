"""Keys, tokens and roles that a caller shows: how they are looked up, and how long they last."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.callers import CHECKS, looks_at_caller
from waddlegen.facts.python import Assign, Call, Compare, Function, PythonFile, Value
from waddlegen.facts.words import is_secret, is_signature, words
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


@rule("WB437", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def part_of_a_key_is_enough(module: ModuleSource) -> Iterator[Problem]:
    """A key, a role or a signature is accepted when only a part of it is right.

    `key in "abc,def"` looks for a piece of text, and every letter of it is one; a text starts
    with each of its own beginnings, the empty one too; `zip` ends with the shorter side. Split
    the setting into a set, and compare whole values with hmac.compare_digest.

    Bad:
        SERVICE_KEYS = os.getenv("SERVICE_KEYS", "")
        if key not in SERVICE_KEYS: ...
    Good:
        SERVICE_KEYS = frozenset(os.getenv("SERVICE_KEYS", "").split(","))
        if key not in SERVICE_KEYS: ...
    """
    for file, function in module.functions():
        for lookup in function.lookups:
            if _looks_for_a_piece(module, file, function, lookup):
                name = lookup.right.text.rpartition(".")[2]
                message = f"`{name}` is a text, and any piece of it is in it; split it"
                yield module.problem(file, lookup.line, message, lookup.column)
        yield from _slices(module, file, function)
    yield from _beginnings(module)
    yield from _shorter_sides(module)
    yield from _alike(module)


# What lists of those who may come in are called.
_LISTS = frozenset(
    "key keys apikeys token tokens secret secrets credential credentials role roles scope "
    "scopes permission permissions admin admins administrators moderators mods owners "
    "superusers operators trusted allowed allowlist whitelist".split()
)
_NAMED = frozenset("role scope permission token apikey".split())


def _looks_for_a_piece(
    module: ModuleSource, file: PythonFile, function: Function, lookup: Compare
) -> bool:
    """Whether something that lets callers in is looked for in a text."""
    left, right = lookup.left, lookup.right
    if left.kind not in {"name", "call", "subscript", "await"}:
        return False
    if right.kind == "str":
        last = words(_last(left))[-1:]
        return bool(_NAMED & set(last)) and len(right.text) > 1
    if not _LISTS & set(words(_last(right))[-2:]) or left.text.isupper():
        return False
    return _is_text(module, file, function, right, 3)


def _last(value: Value) -> str:
    """The last part of a name, or the key that is looked up."""
    if value.kind == "subscript":
        return value.text.partition("[")[2].rstrip("]")
    if value.kind in {"call", "await"} and value.text.endswith((".get", "getenv")):
        return ""
    return value.text.rpartition(".")[2]


_MAKE_TEXT = frozenset(
    "getenv join strip lstrip rstrip lower upper casefold str".split()
)


def _is_text(
    module: ModuleSource, file: PythonFile, function: Function, value: Value, depth: int
) -> bool:
    """Whether a value is one text, as far as the code itself says where it comes from."""
    if value.kind in {"str", "fstring", "concat", "format"}:
        return True
    last = value.text.rpartition(".")[2]
    if value.kind == "call":
        if last in _MAKE_TEXT or value.text.endswith("environ.get"):
            return True
        found = module.code.resolve(file, value.text) if depth and last else []
        return bool(found) and all(
            home.functions[number].returns_annotation == "str" for home, number in found
        )
    if value.kind == "subscript":
        base, _, key = value.text.partition("[")
        if base.endswith("environ"):
            return True
        key = key.rstrip("]")
        return key.isupper() and _is_text_everywhere(module, f"[{key}]", key, depth)
    if value.kind != "name" or not depth:
        return False
    return _is_text_by_name(module, file, function, value.text, depth)


def _is_text_by_name(
    module: ModuleSource, file: PythonFile, function: Function, name: str, depth: int
) -> bool:
    """Whether what a name holds is a text: of the function, a parameter, or a setting."""
    if "." not in name:
        given = [each for each in function.assigns if each.target == name]
        if given:
            return all(
                _is_text(module, file, function, each.value, depth - 1)
                for each in given
            )
        for parameter in function.parameters:
            if parameter.name == name:
                return parameter.annotation == "str"
    owner, _, last = name.rpartition(".")
    kind = (
        module.kinds.of(file, function, owner) if owner and not last.isupper() else None
    )
    fields = [each for each in kind.cls.fields if each.target == last] if kind else []
    if fields:
        return all(each.annotation == "str" for each in fields)
    owned = name.startswith(("self.", "cls."))
    if not (last.isupper() or owned or "settings" in name or "config" in name.lower()):
        return False
    return _is_text_everywhere(module, f".{last}", last, depth, file if owned else None)


def _is_text_everywhere(
    module: ModuleSource,
    ending: str,
    name: str,
    depth: int,
    only: PythonFile | None = None,
) -> bool:
    """Whether all that is given to a setting, or to an attribute, is text."""
    given: list[tuple[PythonFile, Function, Assign]] = [
        (file, function, each)
        for file in ((only,) if only else module.python)
        for function in (file.functions if only or ending[0] == "[" else (file.module,))
        for each in function.assigns
        if each.target == name or each.target.endswith(ending)
    ]
    return bool(given) and all(
        each.annotation == "str"
        or not each.annotation
        and _is_text(module, file, function, each.value, depth - 1)
        for file, function, each in given
    )


def _is_known(value: Value, function: Function) -> bool:
    """Whether a value is the secret, or the signature, that another must be the same as."""
    last = _last(value) or value.text
    if value.kind in {"name", "subscript"} and is_secret(last) and last.isupper():
        return True
    said = set(words(last))
    if said & {"expected", "stored", "known", "wanted", "computed", "digest"}:
        return bool(said & {"prefix", "length", "type"}) is False and _about(function)
    return False


def _is_sent(value: Value, function: Function) -> bool:
    """Whether a value is what the caller sent: a header, or a parameter that is a secret."""
    if value.kind == "call":
        return value.text.endswith((".headers.get", ".args.get", ".cookies.get"))
    if value.kind != "name" or value.text.isupper() or "." in value.text:
        return False
    given = [each.value for each in function.assigns if each.target == value.text]
    if given:
        return all(
            "headers" in f"{v.text} {v.names}" or _is_sent(v, function) for v in given
        )
    return any(p.name == value.text for p in function.parameters)


def _about(function: Function) -> bool:
    """Whether a function is about who calls."""
    return bool(
        CHECKS.search(function.qualname)
        or looks_at_caller(function)
        or re.search(r"auth|signature|webhook|token", function.qualname, re.I)
    )


def _beginnings(module: ModuleSource) -> Iterator[Problem]:
    """Where a secret is asked whether it starts with what was sent."""
    for method in ("startswith", "endswith"):
        for file, function, call in _in_files(module, method):
            if len(call.args) != 1:
                continue
            owner = Value("name", call.receiver)
            if _is_known(owner, function) and _is_sent(call.args[0], function):
                message = f"every piece at its {method[:-4]} is right, none at all too"
                yield module.problem(file, call.line, message, call.column)


def _in_files(
    module: ModuleSource, name: str
) -> Iterator[tuple[PythonFile, Function, Call]]:
    """Every call that ends in a name, with its file."""
    if name in module.calls_by_name:
        for file, function, call in module.calls():
            if call.last == name:
                yield file, function, call


def _shorter_sides(module: ModuleSource) -> Iterator[Problem]:
    """Where two secrets are compared letter by letter, as far as the shorter one goes."""
    for file, function, call in _in_files(module, "zip"):
        if len(call.args) != 2 or "strict" in call.keywords or "len" in function.names:
            continue
        names = [_last(value) for value in call.args]
        if not any(is_secret(name) or is_signature(name) for name in names):
            continue
        if any(each.last == "len" for each in function.calls):
            continue
        if any(each.last in {"all", "any", "sum"} for each in function.calls):
            message = "`zip` ends with the shorter side, so nothing at all is right"
            yield module.problem(file, call.line, message, call.column)


def _slices(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[Problem]:
    """Where the first letters of two secrets are compared, and the rest is not."""
    for compare in function.compares:
        sides = (compare.left, compare.right)
        if any(v.kind != "subscript" or not v.text.endswith("[*]") for v in sides):
            continue
        one, other = (value.text.removesuffix("[*]") for value in sides)
        if one != other and is_secret(one) and is_secret(other) and _about(function):
            message = "only a part of the secret is compared"
            yield module.problem(file, compare.line, message, compare.column)


_LIKE = re.compile(
    r"\b(api_?key|access_token|token|secret|key_hash|token_hash|signature)\s+I?LIKE\b",
    re.IGNORECASE,
)
_BY_PREFIX = re.compile(
    r"\b(api_keys|\w*tokens|service_keys)\b.*\b(key_|token_)?prefix\s*=",
    re.IGNORECASE | re.DOTALL,
)
_COMPARES = re.compile(
    r"compare_digest|verify|checkpw|check_password|hashpw|sha\d|blake|scrypt|argon|pbkdf"
)


def _alike(module: ModuleSource) -> Iterator[Problem]:
    """Where a key is looked up by a pattern, or by its beginning alone."""
    for file, function in module.functions():
        for each in function.sql:
            if not each.text.lstrip().upper().startswith("SELECT"):
                continue
            if _LIKE.search(each.text) and not re.search(r"search|list", function.name):
                message = "a key is looked up by a pattern, and `%` is like every key"
                yield module.problem(file, each.line, message)
            elif _BY_PREFIX.search(each.text) and not _compares(file):
                message = "a key is known by its beginning alone"
                yield module.problem(file, each.line, message)


def _compares(file: PythonFile) -> bool:
    """Whether anything in a file compares, or hashes, a key as a whole."""
    return any(_COMPARES.search(call.name) for call in file.calls)


@rule("WB438", severity=Severity.ERROR, topic="auth", checklist="S1")
def token_without_end(module: ModuleSource) -> Iterator[Problem]:
    """A token is given out, or believed, for ever.

    Once lost, it opens the module until the key that signs all of them is changed. Give it an
    end, and ask for it.

    Bad:
        jwt.encode({"sub": user_id}, key, algorithm="HS256")
    Good:
        jwt.encode({"sub": user_id, "exp": now + timedelta(hours=1)}, key, algorithm="HS256")
    """
    for file, function, call in _in_files(module, "encode"):
        claims = call.argument(0, "payload") or call.argument(0, "claims")
        if "jwt" in call.receiver.lower() and claims is not None:
            if _has_no_end(claims, function):
                message = "this token has no `exp`, and is good for ever"
                yield module.problem(file, call.line, message, call.column)
    if module.imports("itsdangerous"):
        for name in ("loads", "unsign"):
            for file, function, call in _in_files(module, name):
                given = len(call.args) > 1 or "max_age" in call.keywords
                if not given and _is_timed(module, file, call):
                    message = "the age of this token is not looked at; give `max_age`"
                    yield module.problem(file, call.line, message, call.column)


def _has_no_end(value: Value, function: Function) -> bool:
    """Whether claims are all written out here, and no end is among them."""
    if value.kind == "dict":
        keys = value.text.split(",")
        return bool(value.text) and not {"exp", "*"} & set(keys)
    if value.kind != "name" or "." in value.text:
        return False
    given = [each for each in function.assigns if each.target == value.text]
    made = [c for c in function.calls if c.target == value.text and c.last == "dict"]
    if not given or any(each.value.kind != "dict" for each in given) and not made:
        return False
    if any("exp" in c.keywords or c.args or c.double_star for c in made):
        return False
    if any(a.target.startswith(f"{value.text}[") for a in function.assigns):
        parts = [a.target for a in function.assigns]
        if any(p in {f"{value.text}[exp]", f"{value.text}[*]"} for p in parts):
            return False
    changed = {"update", "setdefault"}
    if any(c.receiver == value.text and c.last in changed for c in function.calls):
        return False
    return bool(made) or all(_has_no_end(each.value, function) for each in given)


_TIMED = frozenset({"URLSafeTimedSerializer", "TimedSerializer", "TimestampSigner"})


def _is_timed(module: ModuleSource, file: PythonFile, call: Call) -> bool:
    """Whether a token is read by what wrote the time into it."""
    if call.receiver.rstrip("()").rpartition(".")[2] in _TIMED:
        return True
    last = call.receiver.rpartition(".")[2].removesuffix("()")
    makers = [
        each
        for other in module.python
        for each in other.calls
        if each.last in _TIMED and each.target.rpartition(".")[2] == last
    ]
    made = [
        home.functions[number]
        for home, number in module.code.resolve(file, last)
        if call.receiver.endswith("()")
    ]
    return bool(makers) or any(
        each.value.text.rpartition(".")[2] in _TIMED for f in made for each in f.returns
    )


@rule("WB439", severity=Severity.WARNING, topic="auth", checklist="S1")
def key_in_the_address(module: ModuleSource) -> Iterator[Problem]:
    """A guard takes the key from the query string when no header has it.

    Addresses are written into the logs of every proxy, into histories and into Referer
    headers, and the key with them. Take it from a header alone.

    Bad:
        key = request.headers.get("X-API-Key") or request.args.get("api_key")
    Good:
        key = request.headers.get("X-API-Key")
    """
    for file, function in module.functions():
        if not any(
            is_secret(name) or "key" in name.lower() for name, _ in function.headers
        ):
            continue
        for call in function.calls:
            if call.name.endswith("request.args.get") and call.args:
                name = call.args[0].text
                if call.args[0].kind == "str" and _IN_QUERY.fullmatch(name):
                    message = f"the key is taken from the address too (`?{name}=`)"
                    yield module.problem(file, call.line, message, call.column)


_IN_QUERY = re.compile(
    r"(x[-_])?api[-_]?key|access_token|auth(_?token)?|jwt|token|key|secret|service_key",
    re.IGNORECASE,
)


@rule("WB440", severity=Severity.WARNING, topic="auth", checklist="S1")
def cookie_that_scripts_read(module: ModuleSource) -> Iterator[Problem]:
    """A cookie that lets somebody in can be read by scripts, or goes over plain HTTP.

    One line of foreign script on a page, or one request without TLS, and the session is
    somebody else's. Set `httponly` and `secure`, and a `samesite`.

    Bad:
        response.set_cookie("session", token)
    Good:
        response.set_cookie("session", token, httponly=True, secure=True, samesite="Lax")
    """
    for file, _, call in _in_files(module, "set_cookie"):
        if call.double_star or not call.args:
            continue
        name, value = call.args[0], call.argument(1, "value")
        if not _opens(name.text) and not (value and _opens(value.text)):
            continue
        if _OF_FORMS.search(f"{name.text} {value.text if value else ''}"):
            continue
        missing = [
            flag
            for flag in ("httponly", "secure")
            if call.keywords.get(flag, Value("bool", "False")).text == "False"
        ]
        if missing:
            message = (
                f"this cookie lets somebody in, and is not {' nor '.join(missing)}"
            )
            yield module.problem(file, call.line, message, call.column)
    for file, function in module.functions():
        for assign in function.assigns:
            if not _FLAG.search(assign.target) or assign.value.text != "False":
                continue
            if not _is_for_developers(file, assign):
                message = "the cookies of sessions are not protected"
                yield module.problem(file, assign.line, message, assign.column)


def _is_for_developers(file: PythonFile, assign: Assign) -> bool:
    """Whether a setting stands in a class that is for one's own machine, or for tests."""
    return any(
        re.search(r"dev|test|local|debug", made.name, re.I)
        and any(each.line == assign.line for each in made.fields)
        for made in file.classes
    )


_FLAG = re.compile(r"(SESSION|AUTH|REMEMBER)_COOKIE_(HTTPONLY|HTTP_ONLY|SECURE)\W?$")
_OF_FORMS = re.compile(r"csrf|xsrf|clear|delete|expire", re.IGNORECASE)


def _opens(name: str) -> bool:
    """Whether a name is that of a session, or of a token."""
    last = name.rpartition(".")[2]
    return is_secret(last) or bool({"session", "sid", "jwt"} & set(words(last)[-2:]))


@rule("WB456", severity=Severity.ERROR, topic="auth", checklist="S1")
def callback_without_state(module: ModuleSource) -> Iterator[Problem]:
    """An OAuth callback takes a code without asking whether it was requested here.

    Anybody can send a user to it with a code of his own, and links his account to theirs. Send
    a random `state`, keep it with the session, and compare it.

    Bad:
        token = await exchange(request.args["code"])
    Good:
        if not hmac.compare_digest(request.args.get("state", ""), session.pop("state")): ...
    """
    for route in module.routes:
        if not re.search(r"callback|oauth", route.path) or "GET" not in route.methods:
            continue
        read = next((c for c in route.function.calls if _reads(c, "code")), None)
        taken = _takes(route.function, "request.args[code]")
        if (read is None and not taken) or _speaks_of_state(route.file):
            continue
        line = read.line if read is not None else route.function.line
        message = "nobody asks whether this code was requested here; compare a `state`"
        yield module.problem(route.file, line, message)


def _reads(call: Call, key: str) -> bool:
    """Whether a call reads one key of the query."""
    return call.name.endswith("args.get") and call.args[:1] == (Value("str", key),)


def _takes(function: Function, text: str) -> bool:
    """Whether a function names a value, or hands it on."""
    return any(each.value.text == text for each in function.assigns) or any(
        value.text == text
        for call in function.calls
        for value in (*call.args, *call.keywords.values())
    )


def _speaks_of_state(file: PythonFile) -> bool:
    """Whether a file says anything of a state, a nonce or a verifier."""
    said = re.compile(r"state|nonce|code_verifier|csrf", re.IGNORECASE)
    for function in file.functions:
        names = (*function.names, *(p.name for p in function.parameters))
        texts = (
            v.text for c in function.calls for v in (*c.args, *c.keywords.values())
        )
        if any(said.search(text) for text in (*names, *texts)):
            return True
        if any(said.search(key) for key in function.subscripted):
            return True
    return any(each.name and said.search(each.name) for each in file.imports)


@rule("WB457", severity=Severity.ERROR, topic="auth", checklist="S1")
def revoked_key_accepted(module: ModuleSource) -> Iterator[Problem]:
    """A key or a session is looked up without asking whether it is still good.

    The table says that it was revoked, or has expired, and the look-up does not read it, so
    whoever had it once is let in for ever.

    Bad:
        SELECT name, role FROM api_keys WHERE key_hash = $1
    Good:
        SELECT name, role FROM api_keys WHERE key_hash = $1 AND is_active AND expires_at > now()
    """
    every = [
        (file, function, each)
        for file, function in module.functions()
        for each in function.sql
    ]
    ends = {
        match[1].lower()
        for _, _, each in every
        for match in (_TABLE.search(each.text),)
        if match is not None and _ENDS.search(each.text)
    }
    for file, function, each in every:
        found = _LOOKUP.search(each.text)
        if found is None or found[1].lower() not in ends or _ENDS.search(each.text):
            continue
        said = (*function.names, *function.subscripted, *function.tested)
        if not re.search(r"SELECT\s+\*", each.text, re.I) or not any(
            _ENDS.search(name) for name in said
        ):
            message = f"whether the entry of {found[1]} is still good is not asked"
            yield module.problem(file, each.line, message)


_TABLE = re.compile(
    r"\b(?:FROM|INTO|UPDATE)\s+(api_keys|service_keys|sessions|\w*_sessions|\w*_tokens|"
    r"\w*_api_keys|invites|invitations)\b",
    re.IGNORECASE,
)
_LOOKUP = re.compile(
    r"^\s*SELECT\b.*\bFROM\s+(\w+)\b.*\bWHERE\b.*\b(key_hash|token_hash|api_key|token|"
    r"session_id|key)\s*=\s*(%s|\$\d|\?|:\w|\{\})",
    re.IGNORECASE | re.DOTALL,
)
_ENDS = re.compile(
    r"is_active|\bactive\b|revoked|expires|expiry|disabled|enabled|valid_until|deleted|used_at",
    re.IGNORECASE,
)
