"""Whether a running module lets anybody in."""

from __future__ import annotations

from collections.abc import Iterator

from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.credentials import WRONG, lesser
from waddlegen.live.requests import call, requested
from waddlegen.live.trial import Trial
from waddlegen.measures import keyed
from waddlegen.probes.probe import probe

_REFUSED = {401, 403}
# Nothing was done for the caller, and nothing shows that a key would have mattered.
_UNCLEAR = {0, 301, 302, 307, 308, 400, 404, 405, 415, 422, 429, 501, 503}


@probe("WB415", severity=Severity.CRITICAL, topic="auth", checklist="S1")
def route_answers_without_key(trial: Trial) -> Iterator[Problem]:
    """A protected route of the running module does its work for a caller without a right key.

    What the code seems to check is not checked when it runs. Every route but the health,
    metrics and webhook ones answers 401 without a key and with a wrong one, and 403 to a key
    whose role is too small.

    Bad:
        curl -X POST localhost:8005/api/v1/quotes  ->  200
    Good:
        curl -X POST localhost:8005/api/v1/quotes  ->  401
    """
    routes = [route for route in trial.source.routes if keyed(route)]
    if not routes:
        return
    refusing = known = 0
    for route in routes:
        problem, closed = _opening(trial, route)
        known += problem != "" or closed
        refusing += closed
        if problem:
            yield trial.problem(route, problem)
    _judge(trial, refusing, known, len(routes))


def _opening(trial: Trial, route: Route) -> tuple[str, bool]:
    """How a caller without a right key gets in, and whether every one is refused."""
    closed = True
    for method in requested(route):
        for headers in WRONG:
            status = call(trial, route, method, headers).status
            if status in _REFUSED:
                continue
            closed = False
            if status not in _UNCLEAR or (route.auth is None and status in {400, 422}):
                how = "with a wrong key" if headers else "without a key"
                return f"`{method} {route.path}` answers {status} {how}", False
        small = lesser(trial, route) if closed else None
        if small is not None:
            status = call(trial, route, method, small).status
            if status < 300 and status:
                role = "a key whose role is too small"
                return f"`{method} {route.path}` answers {status} to {role}", False
    return "", closed


def _judge(trial: Trial, refusing: int, known: int, every: int) -> None:
    """The share of the routes that refuse whom they do not know."""
    if not known:
        proof = Proof("WB415 not run: no route answered in a way that tells")
        trial.judge("S1", Verdict.NOT_RUN, proof)
        return
    text = f"{refusing} of {every} routes answer 401 or 403 without a right key (run)"
    if refusing == known:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.PARTIAL if refusing else Verdict.FAIL
    trial.judge("S1", verdict, Proof(text), decides=known == every)
