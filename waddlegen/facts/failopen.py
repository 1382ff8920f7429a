"""Find checks that let the caller in when a secret is unset or the check itself fails."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import NamedTuple

from waddlegen.facts.expressions import children, dotted
from waddlegen.facts.python import FailOpen, Function

_CHECK = re.compile(
    r"verif|valid|auth|signature|check|allowed|webhook|api_key|apikey|token|require|secure|"
    r"protect|permission|is_admin|guard|interaction|eventsub|login",
    re.IGNORECASE,
)
SECRET = re.compile(
    r"secret|token|passw|api_?key|signing_?key|public_?key|webhook_?key|hmac_?key|"
    r"auth_?key|service_?key|access_?key|credential|_key$|^key$|api_keys|keys$",
    re.IGNORECASE,
)
_COMPARES = frozenset({"compare_digest", "verify_signature", "constant_time_compare"})
_VERIFIES = re.compile(
    r"verif|compare_digest|signature|(^|\.|_)signed(_by|_with)?$|is_signed|is_genuine|"
    r"check_.*(key|token|sig)|valid.*sig|"
    r"^_?(same|equals?|matches|(safe|secure|constant_time)_(eq\w*|compare\w*))$",
    re.IGNORECASE,
)
_REFUSES = re.compile(r"refus|deny|denied|reject|forbid|unauthori[sz]ed|fail", re.I)
_SWITCH = re.compile(
    r"(^|_)(debug|debug_mode|dev|dev_mode|development|testing|test_mode|insecure|local_mode|"
    r"(skip|disable|no|bypass)_(auth\w*|verif\w*|signature\w*|check\w*|validation)|"
    r"auth_disabled|verification_disabled)$",
    re.IGNORECASE,
)


# A header by which a caller proves something.
_PROOF = re.compile(r"signature|hmac|token|key|auth|secret", re.IGNORECASE)
_HOOKS = frozenset({"before_request", "before_app_request", "before_websocket"})


def is_check(function: Function, calls: set[str]) -> bool:
    """Whether a function decides who may come in."""
    if _CHECK.search(function.qualname) or calls & _COMPARES:
        return True
    if any(call.last in _HOOKS for call in function.decorators):
        return True
    if any(_PROOF.search(name) for name, _ in function.headers):
        return True
    return any(map(_sounds_like_proof, calls))


@lru_cache(maxsize=4096)
def _sounds_like_proof(name: str) -> bool:
    """Whether a function verifies something by its name; most names are met many times."""
    return _VERIFIES.search(name) is not None


_STRICT = re.compile(
    r"verif|valid|auth|signature|check|allowed|require|protect|guard|permission",
    re.IGNORECASE,
)
_HOOKED = re.compile(r"webhook|hook$|eventsub", re.IGNORECASE)


def openings(
    node: ast.AST, body: list[ast.stmt], function: Function, statements: list[ast.stmt]
) -> list[FailOpen]:
    """The places where a check passes without having checked anything.

    `body` is the node's own, and `statements` are those at any depth of it.
    """
    found: list[FailOpen] = []
    known = Known(_received(node, statements), _settings_of(statements))
    wraps = wrapped(function)
    strict = bool(_STRICT.search(function.qualname)) or any(
        call.last in _COMPARES for call in function.calls
    )
    hooked = bool(_HOOKED.search(function.qualname))
    for item in statements:
        if isinstance(item, ast.If):
            found += _branch(item, known, wraps, strict, hooked)
            found += _without_header(item, known, statements)
        elif isinstance(item, ast.Try) and strict:
            found += _failure(item, wraps)
        elif isinstance(item, ast.Return) and strict:
            found += _as_set(item, known)
    if strict:
        found += _without_any(body)
    refused = {n for each in statements if (n := _refused_without(each, known))}
    return [o for o in found if o.why != "skipped" or o.name not in refused]


def _as_set(item: ast.Return, known: Known) -> list[FailOpen]:
    """`return not Config.REQUIRE_SIGNATURE`, which says yes unless that is set."""
    value = item.value
    missing = (
        _unset(value, known) if isinstance(value, ast.UnaryOp | ast.Compare) else ""
    )
    if missing:
        return [FailOpen(item.lineno, missing, "unset")]
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
        name = dotted(value.operand)
        pattern = _REQUIRES
    else:
        name, pattern = dotted(value), _ALLOWS
    last = name.rpartition(".")[2]
    ours = last.isupper() or _SETTINGS.search(name)
    if ours and pattern.search(last):
        return [FailOpen(item.lineno, name, "switch")]
    return []


_REQUIRES = re.compile(r"require|enforce|strict|verify|check|mandatory", re.I)
_ALLOWS = re.compile(
    r"(allow|accept|permit|trust)_?\w*(unsigned|unverified|anonymous|missing)|insecure|"
    r"(skip|disable)_\w*(verif|signature|auth|check)",
    re.IGNORECASE,
)


def _without_any(body: list[ast.stmt]) -> list[FailOpen]:
    """Where each header that may be there is verified, and none at all is let in.

    `if A in headers: return verify(…)`, again for B, and `return True` in the end.
    """
    last = body[-1] if body else None
    asked = [each for each in body if isinstance(each, ast.If)]
    if isinstance(last, ast.Match):
        return _by_default(last)
    while isinstance(last, ast.If) and last.orelse:
        asked.append(last)
        last = last.orelse[-1]
    if not isinstance(last, ast.Return) or not _is_true(last.value):
        return []
    if not asked or not all(_hands_on(each.body) for each in asked):
        return []
    names = [name for each in asked if (name := _header_tested(each.test))]
    if len(names) != len(asked) or any(isinstance(s, ast.Assert) for s in body):
        return []
    return [FailOpen(last.lineno, names[0], "absent")]


def _by_default(item: ast.Match) -> list[FailOpen]:
    """`case _: return True` beside cases that verify."""
    verified = any(_hands_on(case.body) for case in item.cases)
    for case in item.cases:
        pattern, last = case.pattern, case.body[-1]
        free = isinstance(pattern, ast.MatchAs) and pattern.pattern is None
        none = isinstance(pattern, ast.MatchSingleton) and pattern.value is None
        if (free or none) and verified and isinstance(last, ast.Return):
            if _is_true(last.value) and len(case.body) == 1:
                return [FailOpen(last.lineno, "signature", "absent")]
    return []


def _is_true(value: ast.expr | None) -> bool:
    """Whether an answer is yes, whatever is asked."""
    return isinstance(value, ast.Constant) and value.value is True


def _hands_on(body: list[ast.stmt]) -> bool:
    """Whether a branch answers with what another check says."""
    last = body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    if isinstance(value, ast.Await):
        value = value.value
    return isinstance(value, ast.Call) and (
        _VERIFIES.search(dotted(value.func)) is not None
        or _PROOF.search(dotted(value.func)) is not None
    )


def _header_tested(test: ast.expr) -> str:
    """The header, or the name that holds one, that a test asks to be there."""
    match test:
        case ast.Compare(left=left, ops=[ast.In()], comparators=[right]):
            if dotted(right).endswith("headers"):
                return str(getattr(left, "value", "")) or dotted(left)
        case ast.Call(func=func, args=[ast.Constant(value=str(key)), *_]):
            return key if dotted(func).endswith("headers.get") else ""
        case ast.Name(id=name):
            return name if _SENT.search(name) else ""
    return ""


def _refused_without(item: ast.stmt, known: Known) -> str:
    """The secret without which a branch refuses, so that later ones may rely on it."""
    if not isinstance(item, ast.If) or not isinstance(item.body[-1], _ENDINGS):
        return ""
    passes = lets_in(item.body, set(), True, True)
    return "" if passes else _unset(item.test, known)


_ENDINGS = (ast.Return, ast.Raise)


class Known(NamedTuple):
    """What a function's names hold: what the caller sent, and secrets of the settings."""

    received: set[str]
    secrets: dict[str, str]


def _settings_of(statements: list[ast.stmt]) -> dict[str, str]:
    """Names that are given a secret of the settings: `wanted = config.ADMIN_KEY`."""
    found: dict[str, str] = {}
    for item in statements:
        if not isinstance(item, ast.Assign) or len(item.targets) != 1:
            continue
        source = _source_of(item.value)
        last = source.rpartition(".")[2]
        if "request" in source or "headers" in source:
            continue
        if SECRET.search(last) and (last.isupper() or _SETTINGS.search(source)):
            found[dotted(item.targets[0])] = last
    return found


_SETTINGS = re.compile(r"(^|\.|_)(config|settings|conf|environ|getenv)\b", re.I)


def _source_of(node: ast.expr) -> str:
    """The dotted name of a setting, the key of a mapping of settings among them."""
    match node:
        case ast.BoolOp(values=[first, *_]):
            return _source_of(first)
        case ast.Call(func=func, args=[ast.Constant(value=str(key)), *_]):
            name = dotted(func)
            return f"{name}.{key}" if name.endswith((".get", "getenv")) else ""
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            return f"{dotted(value)}.{key}"
        case ast.Attribute():
            return dotted(node)
    return ""


def _received(node: ast.AST, statements: list[ast.stmt]) -> set[str]:
    """Names that hold what the caller sent: parameters, and headers taken into a name."""
    args = getattr(node, "args", None)
    names: set[str] = set()
    if isinstance(args, ast.arguments):
        names = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
        names -= {"secret", "self", "webhook_secret", "signing_secret", "expected_key"}
        names = {n for n in names if "secret" not in n and "public_key" not in n}
    for item in statements:
        if isinstance(item, ast.Assign) and len(item.targets) == 1:
            source = dotted(
                item.value.value if isinstance(item.value, ast.Await) else item.value
            )
            if _OF_CALLER.search(source):
                names.add(dotted(item.targets[0]))
    return names


_OF_CALLER = re.compile(r"headers|request|cookies|args|form|\.json|data\b|body")


def wrapped(function: Function) -> set[str]:
    """The view that a decorator's wrapper calls when it lets the caller in."""
    names = {"f", "func", "fn", "view", "handler", "function", "view_func", "wrapped"}
    return names if function.nested else set()


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def branches_of(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a function at any depth, nested functions left out."""
    found: list[ast.stmt] = []
    stack = list(reversed(body))
    while stack:
        item = stack.pop()
        if isinstance(item, _DEFINITIONS):
            continue
        found.append(item)
        if not hasattr(item, "body") and not hasattr(item, "cases"):
            continue  # as most have no statements inside
        below = [c for c in children(item) if isinstance(c, ast.stmt)]
        for clause in getattr(item, "handlers", []):
            below += clause.body
        for case in getattr(item, "cases", []):
            below += case.body
        stack += reversed(below)
    return found


def _branch(
    item: ast.If, known: Known, wraps: set[str], strict: bool, hooked: bool
) -> list[FailOpen]:
    """`if not SECRET: return True`, and `if SECRET: verify(...)` with nothing else."""
    name = _unset(item.test, known)
    if name:
        line = lets_in(item.body, wraps, strict, hooked)
        if line:
            at = item.lineno if line - item.lineno <= 2 else line
            return [FailOpen(at, name, "unset")]
        return []
    switch = _switch(item.test)
    if switch and strict:
        line = lets_in(item.body, wraps, strict)
        if line:
            at = item.lineno if line - item.lineno <= 2 else line
            return [FailOpen(at, switch, "switch")]
    name = _set(item.test, known)
    if name and not item.orelse and verifies(item):
        return [FailOpen(item.lineno, name, "skipped")]
    return []


def _without_header(
    item: ast.If, known: Known, statements: list[ast.stmt]
) -> list[FailOpen]:
    """`if signature and not verify(signature): refuse`, where none at all is let in."""
    values = _asked_together(item)
    names = [dotted(each) for each in values if isinstance(each, ast.Name)]
    names = [
        name
        for name in names
        if name in known.received and _SENT.search(_called(name, statements))
    ]
    checked = any(
        (isinstance(each, ast.UnaryOp) or _differs(each)) and _mentions(each, names)
        for each in values
    )
    if not names or not checked or item.orelse:
        return []
    if not (verifies(item) or (_proves(values, names) and _refuses(item.body))):
        return []
    # Asked for somewhere else: `if not signature`, `if signature is None`.
    for other in statements:
        if isinstance(other, ast.If) and other is not item and _asks(other.test, names):
            return []
    return [FailOpen(item.lineno, names[0], "absent")]


def _called(name: str, statements: list[ast.stmt]) -> str:
    """A name, and that of the header that was read into it."""
    for item in statements:
        match item:
            case ast.Assign(
                targets=[ast.Name(id=target)],
                value=ast.Call(args=[ast.Constant(value=str(header)), *_]),
            ) if (
                target == name
            ):
                return f"{name} {header}"
    return name


def _asked_together(item: ast.If) -> list[ast.expr]:
    """What is asked before a branch is taken: `if a and b:`, or `if a:` and `if b:` inside."""
    match item:
        case ast.If(test=ast.BoolOp(op=ast.And(), values=values)):
            return values
        case ast.If(test=ast.Name() as test, body=[ast.If(orelse=[]) as inner]):
            return [test, inner.test]
    return []


def _proves(values: list[ast.expr], names: list[str]) -> bool:
    """Whether something that is called by a signature's name is handed to a check."""
    signs = [name for name in names if _SIGNS.search(name)]
    for each in values:
        match each:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                call = operand.value if isinstance(operand, ast.Await) else operand
                given = call.args if isinstance(call, ast.Call) else []
                if any(dotted(argument) in signs for argument in given):
                    return True
    return False


_SIGNS = re.compile(r"(^|_)(signature|sig|hmac|digest|signed)($|_)", re.IGNORECASE)


def _refuses(body: list[ast.stmt]) -> bool:
    """Whether a branch ends the request: it raises, or answers 401 or 403."""
    last = body[-1]
    if isinstance(last, ast.If):
        return _refuses(last.body)
    if isinstance(last, ast.Raise):
        return True
    return any(
        isinstance(each, ast.Constant) and each.value in (401, 403)
        for each in ast.walk(last)
    )


def _differs(node: ast.expr) -> bool:
    """Whether a test asks if two values are not the same."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.NotEq)
        and not isinstance(node.comparators[0], ast.Constant)
    )


_SENT = re.compile(r"sig|header|hmac|digest|token|key|auth", re.IGNORECASE)


def _asks(test: ast.expr, names: list[str]) -> bool:
    """Whether a test asks if a name is there."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return dotted(operand) in names
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()]):
            return dotted(left) in names
        case ast.BoolOp(values=values):
            return any(_asks(each, names) for each in values)
    return False


def _mentions(node: ast.AST, names: list[str]) -> bool:
    """Whether an expression uses one of the names."""
    return any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node))


def _unset(test: ast.expr, known: Known) -> str:
    """The secret that a test finds missing."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _secret(operand, known)
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[right]):
            if isinstance(right, ast.Constant) and right.value in (None, ""):
                return _secret(left, known)
        case ast.BoolOp(values=values):
            for each in values:
                name = _unset(each, known)
                if name:
                    return name
    return ""


def _set(test: ast.expr, known: Known) -> str:
    """The secret without which a test skips what follows."""
    match test:
        case ast.Name() | ast.Attribute() | ast.Call() | ast.Subscript():
            return _secret(test, known)
        case ast.Compare(
            left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[right]
        ):
            if isinstance(right, ast.Constant) and right.value in (None, ""):
                return _secret(left, known)
        case ast.BoolOp(op=ast.And(), values=values):
            for each in values:
                name = _set(each, known)
                if name:
                    return name
    return ""


def _secret(node: ast.expr, known: Known) -> str:
    """A name that holds the module's own secret, not what the caller sent."""
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        if name.endswith(("getenv", "environ.get", "config.get", "settings.get")):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and SECRET.search(str(first.value)):
                return str(first.value)
        return ""
    if isinstance(node, ast.Subscript):
        base, key = dotted(node.value), node.slice
        if "request" in base or "headers" in base:
            return ""
        if isinstance(key, ast.Constant) and SECRET.search(str(key.value)):
            return str(key.value)
        return ""
    if not isinstance(node, ast.Name | ast.Attribute):
        return ""
    name = dotted(node)
    if name in known.secrets:
        return known.secrets[name]
    if name in known.received or name.startswith(("request.", "g.")):
        return ""
    last = name.rpartition(".")[2]
    return name if SECRET.search(last) else ""


def _switch(test: ast.expr) -> str:
    """A debug switch that a test asks for."""
    if isinstance(test, ast.Name | ast.Attribute):
        name = dotted(test)
        last = name.rpartition(".")[2]
        if _SWITCH.search(last) and (
            last.isupper()
            or name.startswith(("Config", "self.", "settings", "config", "app."))
        ):
            return name
    if isinstance(test, ast.BoolOp):
        for each in test.values:
            name = _switch(each)
            if name:
                return name
    return ""


def _is_success(value: ast.expr | None) -> bool:
    """Whether a view answers that all is well."""
    if isinstance(value, ast.Tuple) and len(value.elts) > 1:
        status = value.elts[1]
        return isinstance(status, ast.Constant) and status.value in (200, 202, 204)
    if isinstance(value, ast.Call):
        last = dotted(value.func).rpartition(".")[2]
        numbers = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant)]
        refused = any(isinstance(n, int) and 300 <= n <= 599 for n in numbers)
        return last in _SUCCESSES and not refused
    return False


_SUCCESSES = frozenset("success_response ok jsonify success".split())


def lets_in(
    body: list[ast.stmt], wraps: set[str], strict: bool, hooked: bool = False
) -> int:
    """The line on which a branch lets the caller in; `hooked` is for a webhook's view."""
    for item in branches_of(body):
        if isinstance(item, ast.Raise):
            return 0
        if isinstance(item, ast.Return):
            value = item.value
            if isinstance(value, ast.Await):
                value = value.value
            if strict and isinstance(value, ast.Constant) and value.value is True:
                return item.lineno
            if hooked and _is_success(value):
                return item.lineno
            if isinstance(value, ast.Tuple) and value.elts:
                first = value.elts[0]
                if strict and isinstance(first, ast.Constant) and first.value is True:
                    return item.lineno
            if isinstance(value, ast.Call) and dotted(value.func) in wraps:
                return item.lineno
            return 0
    return 0


def verifies(item: ast.If) -> bool:
    """Whether a branch, or its test, is where the verification happens."""
    stack: list[ast.AST] = [item]
    refuses = False
    verifies = False
    while stack:
        each = stack.pop()
        if isinstance(each, ast.Call):
            last = dotted(each.func).rpartition(".")[2]
            verifies |= bool(_VERIFIES.search(last))
            refuses |= last in {"abort", "error_response"}
        elif isinstance(each, ast.Raise):
            refuses = True
        elif isinstance(each, ast.Constant):
            refuses |= each.value in (401, 403)
        elif isinstance(each, ast.Return):
            inner = each.value
            call = isinstance(inner, ast.Call) and dotted(inner.func)
            refuses |= bool(call and _REFUSES.search(call))
        elif isinstance(each, ast.Compare):
            if isinstance(each.ops[0], ast.NotEq):
                verifies = True
        stack += children(each)
    return verifies and refuses


def _failure(item: ast.Try, wraps: set[str]) -> list[FailOpen]:
    """`except Exception: return True`."""
    found = []
    for clause in item.handlers:
        for each in clause.body:
            if isinstance(each, ast.Return):
                value = each.value
                if isinstance(value, ast.Constant) and value.value is True:
                    found.append(FailOpen(each.lineno, "an error", "error"))
                inner = value.value if isinstance(value, ast.Await) else value
                if isinstance(inner, ast.Call) and dotted(inner.func) in wraps:
                    found.append(FailOpen(each.lineno, "an error", "error"))
    return found
