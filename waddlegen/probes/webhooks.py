"""Whether a running module believes whoever calls its webhooks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.requests import path_of, requested
from waddlegen.live.trial import Trial
from waddlegen.live.workspace import Unavailable
from waddlegen.probes.probe import probe

_BODY = b'{"id": "1", "type": "event", "event": {"user_id": "1"}, "data": {"id": "1"}}'
# Those that a module needs for its other routes stay.
_SECRETS = (
    r"WEBHOOK|SIGNING|EVENTSUB|VERIF|PUBLIC_KEY|(?<!API_KEY_)(?<!JWT_)SECRET(?!_KEY)"
)


@probe("WB435", severity=Severity.CRITICAL, topic="webhook", checklist="S3")
def webhook_believes_anybody(trial: Trial) -> Iterator[Problem]:
    """A webhook of the running module accepts an event that nobody signed.

    Whoever knows the address speaks with the platform's voice. Without a signature, with a
    wrong one and while the secret is not set, the answer is 401 (or 503 without a secret).

    Bad:
        curl -X POST -d '{}' localhost:8005/webhook/twitch  ->  200
    Good:
        curl -X POST -d '{}' localhost:8005/webhook/twitch  ->  401
    """
    routes = [
        route
        for route in trial.source.routes
        if route.is_webhook and route.writes and not route.is_open
    ]
    if not routes:
        return
    wrong: dict[int, str] = {}
    told = 0
    for number, route in enumerate(routes):
        problem, tells = _asked(trial, route, "")
        told += tells
        if problem:
            wrong[number] = problem
    for number, problem in _without_secret(trial, routes).items():
        wrong.setdefault(number, problem)
    for number, problem in wrong.items():
        yield trial.problem(routes[number], problem)
    _judge(trial, len(wrong), told, len(routes))


def _asked(trial: Trial, route: Route, when: str) -> tuple[str, bool]:
    """What a webhook wrongly says to an event without or with a bad signature."""
    tells = True
    for method in requested(route):
        if method not in {"POST", "PUT"}:
            continue
        for words, headers in (("unsigned", {}), ("badly signed", _forged(route))):
            answer = trial.ask(method, path_of(route), headers, None, _BODY)
            shown = f"`{method} {route.path}` answers {answer.status}"
            if 200 <= answer.status < 300:
                return f"{shown} to an event that is {words}{when}", True
            if answer.status == 500 and not when:
                return f"{shown} to an event that is {words}", True
            tells = tells and answer.status in {400, 401, 403, 503}
    return "", tells


def _forged(route: Route) -> dict[str, str]:
    """Every platform's headers of a signature, and those the view reads, all of them wrong."""
    zeros = "0" * 64
    found = {
        name: f"sha256={zeros}"
        for name, _ in route.function.headers
        if re.fullmatch(r"[\w-]+", name)
    }
    return found | {
        "X-Hub-Signature-256": f"sha256={zeros}",
        "X-Signature": zeros,
        "X-Webhook-Signature": f"sha256={zeros}",
        "Twitch-Eventsub-Message-Id": "1",
        "Twitch-Eventsub-Message-Timestamp": f"{int(time.time())}",
        "Twitch-Eventsub-Message-Signature": f"sha256={zeros}",
        "X-Slack-Signature": f"v0={zeros}",
        "X-Slack-Request-Timestamp": f"{int(time.time())}",
        "X-Signature-Ed25519": zeros * 2,
        "X-Signature-Timestamp": f"{int(time.time())}",
    }


def _without_secret(trial: Trial, routes: list[Route]) -> dict[int, str]:
    """What is wrong while no secret is set; a module that then refuses to start is right."""
    found: dict[int, str] = {}
    try:
        with trial.without(_SECRETS):
            for number, route in enumerate(routes):
                problem, _ = _asked(trial, route, " while its secret is not set")
                if problem:
                    found[number] = problem
    except Unavailable:
        return found
    return found


def _judge(trial: Trial, wrong: int, told: int, every: int) -> None:
    """The share of webhooks that refuse what is not signed."""
    if not told:
        proof = Proof("WB435 not run: no webhook answered in a way that tells")
        trial.judge("S3", Verdict.NOT_RUN, proof)
        return
    text = f"{every - wrong} of {every} webhooks refuse what is not signed (run)"
    if not wrong:
        trial.judge("S3", Verdict.PASS, Proof(text))
        return
    verdict = Verdict.FAIL if wrong == every else Verdict.PARTIAL
    trial.judge("S3", verdict, Proof(text), decides=told == every)
