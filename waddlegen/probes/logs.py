"""What a running module writes into its log."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from urllib.parse import quote

from waddlegen.facts.routes import Route
from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live import loglines
from waddlegen.live.credentials import accepted
from waddlegen.live.requests import call, fields, path_of, requested
from waddlegen.live.trial import Trial
from waddlegen.measures import audits, keyed, sets_up_aaa
from waddlegen.probes.probe import probe


def _events(text: str) -> set[str]:
    """The types of the events in a log."""
    parsed = (loglines.parse(line) for line in loglines.own(text))
    return {line.event for line in parsed if line is not None}


@probe("WB604", severity=Severity.WARNING, topic="aaa-logging", checklist="L1")
def decision_not_logged(trial: Trial) -> Iterator[Problem]:
    """The running module refuses a caller, or changes something, without saying so in its log.

    Who was refused and who changed what is what the AAA log is for; an attack is then seen by
    nobody. Write AUTH for each refusal and AUDIT for each change, in the standard's format.

    Bad:
        401, and no line
    Good:
        [2026-01-01T12:00:00Z] WARNING quotes:1.0.0 AUTH community=- user=- action=… result=denied
    """
    missing = []
    for route in trial.source.routes:
        if keyed(route):
            problem = _unsaid(trial, route)
            if problem is None:
                continue
            if problem:
                missing.append(problem)
                yield trial.problem(route, problem)
            break
    wrote = _write(trial)
    if wrote is not None:
        route, method, events = wrote
        if "AUDIT" not in events:
            missing.append(f"`{method} {route.path}` succeeds without an AUDIT line")
            yield trial.problem(route, missing[-1])
    if missing:
        trial.judge("L1", Verdict.PARTIAL, Proof(f"{missing[0]} (run)"))


def _unsaid(trial: Trial, route: Route) -> str | None:
    """What is missing in the log after a refusal; None when the caller is not refused."""
    for method in requested(route):
        mark = trial.mark()
        answer = call(trial, route, method, {"X-API-Key": "wrong-key"})
        if answer.status in {401, 403}:
            if _events(trial.log_since(mark)) & {"AUTH", "AUTHZ"}:
                return ""
            return f"`{method} {route.path}` refuses a caller without an AUTH line"
    return None


def _write(trial: Trial) -> tuple[Route, str, set[str]] | None:
    """A change that the module accepts, with the events it logs; None when none is."""
    found = accepted(trial)
    headers = found.headers if found else {}
    for route in trial.source.routes:
        if route.is_open or route.is_webhook or route.is_exchange:
            continue
        for method in requested(route):
            if method == "GET" or audits(trial.source, route) is None:
                continue
            mark = trial.mark()
            if call(trial, route, method, headers).status in {200, 201, 202, 204}:
                return route, method, _events(trial.log_since(mark))
    return None


@probe("WB607", severity=Severity.WARNING, topic="log-format", checklist="L3")
def log_line_forged(trial: Trial) -> Iterator[Problem]:
    """A caller writes lines or fields of their own into the log of the running module.

    A value with a line break or with ` result=success` in it becomes an event that never
    happened, and the log proves nothing any more. Quote and escape every value.

    Bad:
        logger.info(f"user {user_id} asked")
    Good:
        logger.info("user %s asked", json.dumps(user_id))
    """
    word = secrets.token_hex(6)
    forged = f"[2020-01-01T00:00:00Z] INFO {word}:1.0.0 AUTH user={word} result=success"
    found = accepted(trial)
    headers = dict(found.headers) if found else {}
    wrong = 0
    for route in trial.source.routes:
        if route.websocket:
            continue
        problem = _injected(trial, route, headers, word, forged)
        if problem:
            wrong += 1
            yield problem
    share, every = _structured(trial)
    if wrong:
        text = f"{wrong} routes let a caller forge log lines (run)"
        trial.judge("L3", Verdict.PARTIAL, Proof(text))
    elif every:
        text = f"{share} of {every} lines of the log parse (run)"
        trial.judge("L3", Verdict.PASS, Proof(text))
    if every >= 4 and share * 4 < every * 3:
        text = f"{every - share} of {every} lines of the log have no AAA or JSON form"
        place = sets_up_aaa(trial.source)
        trial.judge("L3", Verdict.PARTIAL, Proof(f"{text} (run)"))
        if place and place.path:
            yield Problem(place.path, place.line, text)
        else:
            yield trial.at_entry(text)


def _injected(
    trial: Trial, route: Route, headers: dict[str, str], word: str, forged: str
) -> Problem | None:
    """What a hostile value becomes in the log of a route."""
    for method in requested(route):
        value = f"a{word} result={word}\n{forged}"
        names = fields(trial, route)
        query = "&".join(f"{name}={quote(value)}" for name in names[:8])
        data = None if method == "GET" else json.dumps(dict.fromkeys(names, value))
        mark = trial.mark()
        path = f"{path_of(route, value)}?{query}"
        trial.ask(method, path, headers, None, data.encode() if data else None)
        text = trial.log_since(mark)
        if word not in text:
            continue
        line = _logged_at(route)
        for each in text.splitlines():
            parsed = loglines.parse(each)
            if each.lstrip().startswith(forged[:30]):
                shown = f"`{method} {route.path}` lets a caller write log lines"
            elif parsed and parsed.fields.get("result") == word:
                shown = (
                    f"`{method} {route.path}` lets a caller write fields of a log line"
                )
            else:
                continue
            return trial.source.problem(route.file, line, shown)
    return None


def _logged_at(route: Route) -> int:
    """The first call of a logger in a view, else its decorator."""
    for each in route.function.calls:
        if "log" in each.name.lower():
            return each.line
    return route.line


def _structured(trial: Trial) -> tuple[int, int]:
    """How many of the module's lines parse, and how many there are."""
    lines = loglines.own(trial.log_since(dict.fromkeys(trial.mark(), 0)))
    return sum(loglines.parse(line) is not None for line in lines), len(lines)
