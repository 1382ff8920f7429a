"""Find checks that come to a no, or are never asked, and let the caller in all the same."""

from __future__ import annotations

import ast
import re

from waddlegen.facts.expressions import children, dotted
from waddlegen.facts.failopen import lets_in, verifies, wrapped
from waddlegen.facts.python import FailOpen, Function

_ASKS = re.compile(
    r"verif|compare_digest|(valid|check|is)_?\w*(sig|key|token|hmac|secret|genuine)|"
    r"(^|_)signed(_by)?$|authenticat|authoriz",
    re.IGNORECASE,
)
# What only tells somebody of it.
_TELLS = re.compile(
    r"^(debug|info|warning|warn|error|exception|critical|log\w*|print|auth|authz|audit|inc|"
    r"observe|labels|record\w*|count\w*|capture_\w+)$"
)
_HOOKS = frozenset({"before_request", "before_app_request", "before_websocket"})
# Headers that browsers and servers set, and that say how to answer.
_OF_HTTP = re.compile(
    r"^(content|accept|upgrade|connection|access-control|if|range)\b", re.I
)
_SIGNED = re.compile(r"signature|(^|[-_])(sig|hmac|mac)$", re.IGNORECASE)
_PROVES = re.compile(r"key|token|auth|sig|secret|cookie|session|hmac|digest", re.I)


def lenient(function: Function, statements: list[ast.stmt]) -> list[FailOpen]:
    """The places of a function, among its statements, where somebody refused goes on."""
    found: list[FailOpen] = []
    hook = any(call.last in _HOOKS for call in function.decorators)
    wraps = wrapped(function)
    for place, item in enumerate(statements):
        if isinstance(item, ast.If):
            found += _logged(item, statements)
            found += _claimed(item, hook, wraps, statements[:place])
            found += _if_sent(item, statements[:place])
        elif isinstance(item, ast.Try):
            found += _passed_over(item, hook)
        elif isinstance(item, ast.With):
            found += _suppressed(item)
    return found


def always(test: ast.expr) -> bool:
    """Whether a test is true whatever it asks: `role == "admin" or "owner"`."""
    return (
        isinstance(test, ast.BoolOp)
        and isinstance(test.op, ast.Or)
        and isinstance(test.values[0], ast.Compare)
        and any(
            isinstance(each, ast.Constant)
            and isinstance(each.value, str)
            and each.value
            for each in test.values
        )
    )


def _asked(node: ast.expr) -> str:
    """The check that an expression calls."""
    if isinstance(node, ast.Await):
        node = node.value
    if isinstance(node, ast.Call):
        last = dotted(node.func).rpartition(".")[2]
        return last if _ASKS.search(last) else ""
    return ""


def _logged(item: ast.If, statements: list[ast.stmt]) -> list[FailOpen]:
    """`if not verify(…): log` with nothing else, after which the request goes on."""
    test = item.test
    if not isinstance(test, ast.UnaryOp) or not isinstance(test.op, ast.Not):
        return []
    if item.orelse or not all(_only_tells(each) for each in item.body):
        return []
    name = _asked(test.operand)
    if not name and isinstance(test.operand, ast.Name):
        name = _asked_into(test.operand.id, statements)
    return [FailOpen(item.lineno, name, "logged")] if name else []


def _asked_into(name: str, statements: list[ast.stmt]) -> str:
    """The check whose answer a name holds, if nothing but one test looks at it."""
    asked = ""
    uses = 0
    for item in statements:
        if isinstance(item, ast.Assign) and dotted(item.targets[0]) == name:
            asked = _asked(item.value)
        for each in ast.walk(item):
            if isinstance(each, ast.Name) and each.id == name:
                uses += isinstance(each.ctx, ast.Load) and not _holds_others(item)
    return asked if uses == 0 and _tests(name, statements) == 1 else ""


def _holds_others(item: ast.stmt) -> bool:
    """Whether a statement has others inside, which are looked at by themselves."""
    return any(isinstance(each, ast.stmt) for each in children(item))


def _tests(name: str, statements: list[ast.stmt]) -> int:
    """How many branches ask for a name."""
    return sum(
        isinstance(item, ast.If | ast.While)
        and any(
            isinstance(each, ast.Name) and each.id == name
            for each in ast.walk(item.test)
        )
        for item in statements
    )


def _only_tells(item: ast.stmt) -> bool:
    """Whether a statement writes a line or counts, and no more."""
    if isinstance(item, ast.Pass):
        return True
    if not isinstance(item, ast.Expr):
        return False
    value = item.value.value if isinstance(item.value, ast.Await) else item.value
    if not isinstance(value, ast.Call):
        return False
    return bool(_TELLS.match(dotted(value.func).rpartition(".")[2]))


def _claimed(
    item: ast.If, hook: bool, wraps: set[str], before: list[ast.stmt]
) -> list[FailOpen]:
    """`if request.headers.get("X-Internal"): return None` in what guards others."""
    if not hook and not wraps:
        return []
    name = _header_of(item.test) or _address_of(item.test, before)
    if not name or _PROVES.search(name) or _OF_HTTP.match(name):
        return []
    last = item.body[-1]
    goes_on = (
        hook
        and isinstance(last, ast.Return)
        and (last.value is None or getattr(last.value, "value", 0) is None)
    )
    if goes_on or lets_in(item.body, wraps, False):
        return [FailOpen(item.lineno, name, "claimed")]
    return []


def _header_of(test: ast.expr) -> str:
    """The header that a test asks for, or compares with a text."""
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq):
        if isinstance(test.comparators[0], ast.Constant):
            return _header_of(test.left)
        return ""
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In):
        sent = dotted(test.comparators[0]).endswith("request.headers")
        key = test.left
        return str(key.value) if sent and isinstance(key, ast.Constant) else ""
    if isinstance(test, ast.Call) and dotted(test.func).endswith("request.headers.get"):
        first = test.args[0] if test.args else None
        return str(first.value) if isinstance(first, ast.Constant) else ""
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute):
        if test.func.attr in {"lower", "strip", "startswith"}:
            return _header_of(test.func.value)
    return ""


def _address_of(test: ast.expr, before: list[ast.stmt]) -> str:
    """The header that holds the address a test asks for; whoever calls writes it himself."""
    asked = {each.id for each in ast.walk(test) if isinstance(each, ast.Name)}
    for item in before:
        if isinstance(item, ast.Assign) and dotted(item.targets[0]) in asked:
            for each in ast.walk(item.value):
                if isinstance(each, ast.Constant) and _FORWARDED.match(str(each.value)):
                    return str(each.value)
    return ""


_FORWARDED = re.compile(r"X-(Forwarded-For|Real-IP|Client-IP)$", re.IGNORECASE)


def _if_sent(item: ast.If, before: list[ast.stmt]) -> list[FailOpen]:
    """`if signature: verify(signature)`, where none at all is let in."""
    if item.orelse:
        return []
    name = _header_of(item.test)
    if not name and isinstance(item.test, ast.Name):
        for each in before:
            if isinstance(each, ast.Assign) and dotted(each.targets[0]) == item.test.id:
                name = _header_of(each.value)
            elif isinstance(each, ast.If) and isinstance(each.body[-1], ast.Return):
                if any(
                    isinstance(n, ast.Name) and n.id == item.test.id
                    for n in ast.walk(each.test)
                ):
                    return []
    if not _SIGNED.search(name) or not verifies(item):
        return []
    return [FailOpen(item.lineno, name, "absent")]


def _passed_over(item: ast.Try, hook: bool) -> list[FailOpen]:
    """`except InvalidSignature: log`, after which the request goes on.

    In a hook, to return nothing is to let the request go on too.
    """
    if item.orelse or not _asks_in_vain(item.body):
        return []
    return [
        FailOpen(
            clause.lineno, dotted(clause.type) if clause.type else "an error", "error"
        )
        for clause in item.handlers
        if all(_only_tells(each) for each in clause.body)
        or (hook and _tells_and_goes_on(clause.body))
    ]


def _asks_in_vain(body: list[ast.stmt]) -> bool:
    """Whether a check is called for its refusal alone, and nothing hangs on what follows."""
    asks = [
        n for n, e in enumerate(body) if isinstance(e, ast.Expr) and _asked(e.value)
    ]
    return bool(asks) and not any(
        isinstance(each, ast.Assign | ast.Return) for each in body[asks[-1] :]
    )


def _tells_and_goes_on(body: list[ast.stmt]) -> bool:
    """Whether a clause ends with `return None`, and does nothing else than to tell of it."""
    last = body[-1]
    nothing = isinstance(last, ast.Return) and (
        last.value is None or getattr(last.value, "value", 0) is None
    )
    return nothing and all(_only_tells(each) for each in body[:-1])


def _suppressed(item: ast.With) -> list[FailOpen]:
    """`with suppress(InvalidSignature): key.verify(…)`."""
    if not _asks_in_vain(item.body):
        return []
    for each in item.items:
        call = each.context_expr
        if isinstance(call, ast.Call) and dotted(call.func).endswith("suppress"):
            name = dotted(call.args[0]) if call.args else "an error"
            return [FailOpen(item.lineno, name, "error")]
    return []
