"""Refusals: answers of 401 and 403, and exceptions that become them."""

from __future__ import annotations

import re

from waddlegen.facts.python import Call, Function

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
# Calls of others that may raise, by their names.
ENDS = re.compile(r"abort|raise|require|ensure|assert|enforce|must_|^exit$")


def builds_refusal(call: Call) -> bool:
    """Whether a call makes an answer of 401 or 403, and the answer goes nowhere."""
    if not call.bare or call.last not in ANSWERS:
        return False
    values = (*call.args, *call.keywords.values())
    return any(status in {401, 403} for value in values for status in value.statuses)


def answers_refusal(function: Function) -> bool:
    """Whether a function returns a refusal: an answer of 401 or 403, or one called so."""
    return _refuses_in_handler(function) or any(
        {401, 403} & set(each.value.statuses) or _REFUSAL.search(each.value.text)
        for each in function.returns
    )


def only_compares(function: Function) -> bool:
    """Whether all that a function does is to verify something, and to say the result."""
    return (
        any(call.last == "compare_digest" for call in function.calls)
        and any(each.value.kind != "none" for each in function.returns)
        and not function.raises
        and not any(call.bare or call.last == "abort" for call in function.calls)
        and not any("." in a.target or "[" in a.target for a in function.assigns)
    )


def only_tells(function: Function) -> bool:
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


def raises_refusal(function: Function) -> bool:
    """Whether a function raises its refusal, so that nobody has to look at its answer."""
    return any(
        call.last == "abort" and {401, 403} & {s for v in call.args for s in v.statuses}
        for call in function.calls
    ) or any(
        _REFUSAL.search(name) or {401, 403} & set(each.value.statuses)
        for each in function.raises
        for name in (each.value.text, *each.value.names)
    )
