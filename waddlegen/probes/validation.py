"""What a running module makes of bodies that nobody should send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.client import Answer
from waddlegen.live.credentials import accepted
from waddlegen.live.requests import fields, path_of, reads_body, requested
from waddlegen.live.trial import Trial
from waddlegen.probes.probe import probe

_BODIES: dict[str, bytes] = {
    "an empty body": b"",
    "what is no JSON": b'{"a": ',
    "null": b"null",
    "a list": b"[]",
    "a text": b'"text"',
    "an empty object": b"{}",
}
# The tables and servers of the platform are not all here: that is not the caller's fault.
_NOT_OURS = re.compile(
    r"UndefinedTable|does not exist|no such table|OperationalError|ConnectionRefused|"
    r"Cannot connect|ClientConnector|InterfaceError|gaierror|NOAUTH|AuthenticationError"
)


class Reached(NamedTuple):
    """How many bodies a route was sent, and what is wrong with its answers."""

    sent: int
    problem: str


@probe("WB423", severity=Severity.ERROR, topic="validation", checklist="S2")
def bad_body_breaks_view(trial: Trial) -> Iterator[Problem]:
    """A body that is empty, no JSON or of a wrong shape makes a running view fail with 500 or HTML.

    The caller's mistake is reported as the module's, wakes somebody up, and shows that the
    body is used before it is looked at. Validate it first, and answer 400 in the envelope.

    Bad:
        curl -X POST -d '[]' localhost:8005/api/v1/quotes  ->  500
    Good:
        curl -X POST -d '[]' localhost:8005/api/v1/quotes  ->  400
    """
    routes = [
        (route, method)
        for route in trial.source.routes
        for method in requested(route)
        if reads_body(route, method) and not route.is_webhook
    ]
    if not routes:
        return
    found = accepted(trial)
    headers = dict(found.headers) if found else {}
    reached = broken = 0
    for route, method in routes:
        seen = _sent(trial, route, method, headers)
        reached += seen.sent > 0
        if seen.problem:
            broken += 1
            yield trial.problem(route, f"`{method} {route.path}` {seen.problem}")
    _judge(trial, reached, broken, len(routes))


def _sent(trial: Trial, route: Route, method: str, headers: dict[str, str]) -> Reached:
    """Send a route every odd body; the first wrong answer is enough."""
    sent = 0
    odd = {name: [1, {"odd": None}] for name in fields(trial, route)}
    for words, data in _BODIES.items():
        mark = trial.mark()
        answer = trial.ask(method, path_of(route), headers, None, data)
        sent += answer.status not in {0, 401, 403, 404, 405, 429}
        if _is_wrong(trial, mark, answer):
            return Reached(sent, f"answers {_shown(answer)} to {words}")
    mark = trial.mark()
    answer = trial.ask(method, path_of(route), headers, odd)
    sent += answer.status not in {0, 401, 403, 404, 405, 429}
    if _is_wrong(trial, mark, answer):
        return Reached(sent, f"answers {_shown(answer)} to fields of another type")
    return Reached(sent, "")


def _is_wrong(trial: Trial, mark: dict[str, int], answer: Answer) -> bool:
    """Whether an answer blames the module, for a body that is the caller's fault."""
    if answer.status >= 500 and answer.status not in {501, 502, 503, 504}:
        return not _NOT_OURS.search(trial.log_since(mark) + answer.text)
    return answer.is_html and answer.status in {400, 415, 422}


def _shown(answer: Answer) -> str:
    """The status, and whether a page came with it."""
    return f"{answer.status} as HTML" if answer.is_html else str(answer.status)


def _judge(trial: Trial, reached: int, broken: int, every: int) -> None:
    """How many routes stay calm; what they accept is judged by their code."""
    if not reached and not broken:
        proof = Proof("WB423 not run: no body reached a view, for want of a key")
        trial.judge("S2", Verdict.NOT_RUN, proof)
        return
    calm = reached - broken
    text = f"{calm} of {every} routes answer bad bodies without failing (run)"
    if broken == every:
        trial.judge("S2", Verdict.FAIL, Proof(text))
    else:
        trial.judge("S2", Verdict.PARTIAL if broken else Verdict.PASS, Proof(text))
