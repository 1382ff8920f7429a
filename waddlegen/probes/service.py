"""Whether a running module tells how it is, and says its errors as the standard does."""

from __future__ import annotations

from collections.abc import Iterator

from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.client import Answer
from waddlegen.live.requests import path_of
from waddlegen.live.trial import Trial
from waddlegen.probes.probe import probe

_HEALTH = ("status", "module", "version", "uptime_seconds", "dependencies")
_ERROR = ("error", "message", "status", "correlation_id", "timestamp")
_NOWHERE = "/api/v1/there-is-no-such-path"


def serving(trial: Trial, path: str) -> Route | None:
    """The route of the module's own code that answers GET on a path."""
    for route in trial.source.routes:
        if route.path.rstrip("/") == path and "GET" in route.methods:
            return route
    return None


def problem_at(trial: Trial, path: str, message: str) -> Problem:
    """A problem of what answers a path: its view, else the application."""
    route = serving(trial, path)
    if route is None:
        return trial.at_entry(message)
    return trial.problem(route, message)


@probe("WB512", severity=Severity.ERROR, topic="health", checklist="P2")
def health_says_too_little(trial: Trial) -> Iterator[Problem]:
    """GET /health of the running module does not answer 200 with the standard's body.

    Kubernetes, the router and whoever is on call read it: without the module, its version, how
    long it has been up and what it depends on, nobody knows what is ill.

    Bad:
        {"status": "ok"}
    Good:
        {"status": "healthy", "module": "quotes", "version": "1.0.0", "uptime_seconds": 12,
         "dependencies": {"database": "connected"}}
    """
    answer = trial.ask("GET", "/health")
    if answer.status != 200 or not isinstance(answer.body, dict):
        shown = f"{answer.status}" if answer.status != 200 else "no JSON object"
        trial.judge("P2", Verdict.FAIL, Proof(f"GET /health answers {shown} (run)"))
        yield problem_at(trial, "/health", f"GET /health answers {shown}")
        return
    missing = [key for key in _HEALTH if key not in answer.body]
    text = "GET /health answers 200 (run)"
    trial.judge("P2", Verdict.PASS, Proof(text), decides=True)
    if missing:
        listed = ", ".join(missing)
        yield problem_at(trial, "/health", f"GET /health does not say {listed}")


@probe("WB571", severity=Severity.WARNING, topic="envelope", checklist="CQ4")
def error_without_envelope(trial: Trial) -> Iterator[Problem]:
    """The running module answers 404 or 405 with a page, or without the standard's error body.

    Callers parse every answer as JSON; a page makes them fail at a place that hides the cause.
    Register error handlers for the whole application that answer in the envelope.

    Bad:
        GET /nothing  ->  <!doctype html>
    Good:
        GET /nothing  ->  {"error": "not_found", "message": …, "status": 404, …}
    """
    wrong = []
    for words, answer in _errors(trial):
        if not isinstance(answer.body, dict):
            wrong.append(
                f"{words} is answered with {answer.kind or 'nothing'}, not JSON"
            )
            continue
        missing = [key for key in _ERROR if key not in answer.body]
        if missing:
            wrong.append(f"{words} is answered without {', '.join(missing)}")
    text = "404 and 405 are answered in the envelope (run)"
    if wrong:
        text = f"{wrong[0]} (run)"
    trial.judge("CQ4", Verdict.PARTIAL if wrong else Verdict.PASS, Proof(text))
    for message in wrong:
        yield trial.at_entry(message)


def _errors(trial: Trial) -> Iterator[tuple[str, Answer]]:
    """What a path that is not there, and a method that is not, are answered with."""
    yield "404", trial.ask("GET", _NOWHERE)
    for route in trial.source.routes:
        if "DELETE" in route.methods or route.websocket:
            continue
        answer = trial.ask("DELETE", path_of(route))
        if answer.status == 405:
            yield "405", answer
            return
