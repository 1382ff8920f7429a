"""Each platform's own way to sign, and what keeps an old event from being sent again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Function, PythonFile, Return
from waddlegen.facts.words import words
from waddlegen.findings import Problem, Severity
from waddlegen.measures import webhook_evidence
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_SCHEMES = {
    "twitch": (
        re.compile(r"Twitch-Eventsub-Message-Signature", re.I),
        (
            re.compile(r"Twitch-Eventsub-Message-Id", re.I),
            re.compile(r"Twitch-Eventsub-Message-Timestamp", re.I),
        ),
        "Twitch signs id + timestamp + body",
    ),
    "slack": (
        re.compile(r"X-Slack-Signature", re.I),
        (re.compile(r"X-Slack-Request-Timestamp", re.I),),
        "Slack signs `v0:` timestamp `:` body",
    ),
    "discord": (
        re.compile(r"X-Signature-Ed25519", re.I),
        (re.compile(r"X-Signature-Timestamp", re.I),),
        "Discord signs timestamp + body with Ed25519",
    ),
}


def _headers(file: PythonFile, function: Function) -> list[tuple[str, int]]:
    """The headers a function reads, names of constants resolved."""
    found = []
    constants = {
        a.target.rpartition(".")[2]: a.value.text
        for a in file.module.assigns
        if a.value.kind == "str"
    }
    for name, line in function.headers:
        found.append((constants.get(name.rpartition(".")[2], name), line))
    return found


@rule("WB433", severity=Severity.WARNING, topic="webhook", checklist="S3")
def wrong_signature_scheme(module: ModuleSource) -> Iterator[Problem]:
    """A platform's signature is checked over less than what the platform signs.

    Every real event is then refused, or an old one is accepted again. Verify as the platform
    says; flask_core.webhooks knows how.

    Bad:
        hmac over the body alone, for Twitch-Eventsub-Message-Signature
    Good:
        hmac over message id + timestamp + body
    """
    for file in module.python:
        every = {name for f in file.functions for name, _ in _headers(file, f)}
        for function in file.functions:
            for name, line in _headers(file, function):
                for signature, others, said in _SCHEMES.values():
                    if signature.fullmatch(name) and not all(
                        any(other.fullmatch(each) for each in every) for other in others
                    ):
                        yield module.problem(
                            file, line, f"{said}, and this does not read them"
                        )


_FRESH = frozenset(
    "time now age fresh freshness expire expired expires window tolerance stale seen dedup "
    "dedupe deduplicate deduplicated deduplication processed duplicate duplicates replay "
    "replayed replays nonce skew drift recent remember remembered delivered delivery once "
    "idempotent idempotency monotonic elapsed delta timedelta ttl known already claim "
    "handled first unseen repeat repeated".split()
)
_RECORDED = frozenset({"timestamp", "timeout", "datetime", "runtime"})


@rule("WB434", severity=Severity.WARNING, topic="webhook", checklist=None)
def replayable_webhook(module: ModuleSource) -> Iterator[Problem]:
    """An event that was signed once is accepted for ever.

    Whoever recorded it can send it again. Refuse timestamps older than a few minutes, and ids
    that were seen before.

    Bad:
        only the signature is verified
    Good:
        if abs(time.time() - int(timestamp)) > 300: refuse
    """
    told = False
    for file in module.python:
        for function in file.functions:
            for name, line in _headers(file, function):
                if not any(s.fullmatch(name) for s, _, _ in _SCHEMES.values()):
                    continue
                places = [*file.functions, *_receivers(module)]
                if not any(_speaks_of(each, _FRESH) for each in places):
                    told = True
                    yield module.problem(
                        file,
                        line,
                        "neither the age nor the id of the event is looked at",
                    )

    if not told:
        yield from _signed_but_old(module)


_STAMP = re.compile(
    r"Twitch-Eventsub-Message-Timestamp|X-Slack-Request-Timestamp", re.I
)
_CLOCK = frozenset(
    "time now utcnow monotonic age fresh freshness stale skew tolerance drift expired recent "
    "window old".split()
)


def _signed_but_old(module: ModuleSource) -> Iterator[Problem]:
    """A timestamp that is read to be signed, where nothing is ever compared with the clock."""
    reads = [
        (file, function, line)
        for file in module.python
        for function in file.functions
        if function.headers
        for name, line in _headers(file, function)
        if _STAMP.fullmatch(name)
    ]
    if not reads:
        return
    places = [each for file, _, _ in reads for each in file.functions]
    for file, function, _ in reads:
        for call in function.calls:
            for other, number in module.code.resolve(file, call.name)[:3]:
                places.append(other.functions[number])
    if not any(_speaks_of(each, _CLOCK) for each in places):
        file, _, line = reads[0]
        message = "the age of the event is never looked at: an old one is taken again"
        yield module.problem(file, line, message)


def _receivers(module: ModuleSource) -> list[Function]:
    """The views that platforms call, and what they call in turn."""
    found: list[Function] = []
    for route in module.routes:
        if route.is_webhook:
            found.append(route.function)
            for call in route.function.calls:
                for file, number in module.code.resolve(route.file, call.name)[:3]:
                    found.append(file.functions[number])
    return found


def _speaks_of(function: Function, subjects: frozenset[str]) -> bool:
    """Whether something in a function is called by one of some words."""
    names = {call.last for call in function.calls}
    names |= {each.target for each in function.assigns}
    names |= {name for name in function.names if "." in name}
    for name in names:
        said = set(words(name.rpartition(".")[2].rstrip("[]")))
        if said & subjects and not said & _RECORDED:
            return True
    return False


@rule("WB436", severity=Severity.ERROR, topic="webhook", checklist="S3")
def answered_before_verified(module: ModuleSource) -> Iterator[Problem]:
    """A platform's challenge is answered before its signature is verified.

    The challenge is signed like every other event; who answers it to anybody lets anybody
    register the address for events of their own. Verify first.

    Bad:
        if kind == "webhook_callback_verification":
            return payload["challenge"]
        if not verify(request.headers, body): ...
    Good:
        if not verify(request.headers, body): ...
        if kind == "webhook_callback_verification": ...
    """
    told: set[tuple[str, int]] = set()
    for route in module.routes:
        if not route.is_webhook or not route.writes:
            continue
        function = route.function
        place = webhook_evidence(module, route)
        if place is None or place[0] != route.file.path:
            continue
        for each in function.returns:
            if not function.line < each.line < place[1] <= function.end_line:
                continue
            if _challenges(each) and (place[0], each.line) not in told:
                told.add((place[0], each.line))
                message = "the challenge is answered before the signature is verified"
                yield module.problem(route.file, each.line, message)


def _challenges(answer: Return) -> bool:
    """Whether an answer gives a challenge back that came in the body."""
    said = {*answer.strings, *answer.value.names}
    if any("hub" in each or ".args" in each or "argument" in each for each in said):
        return False
    return any("challenge" in each.lower() for each in said)
