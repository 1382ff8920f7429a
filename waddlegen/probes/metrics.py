"""Whether a running module counts what it does, in Prometheus's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.requests import path_of
from waddlegen.live.trial import Trial
from waddlegen.live.workspace import Unavailable
from waddlegen.measures import metrics_route
from waddlegen.probes.probe import probe
from waddlegen.probes.service import problem_at

_LABEL = r"[a-zA-Z_]\w*\s*=\s*\"(?:[^\"\\\n]|\\.)*\""
_SAMPLE = re.compile(
    rf"([a-zA-Z_:][\w:]*)(?:\{{\s*(?:{_LABEL}\s*,?\s*)*\}})?\s+"
    r"([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|Inf|NaN))(?:\s+[-\d.]+)?(?:\s+#.*)?"
)
_COUNTS = re.compile(r"request|http", re.IGNORECASE)
_COUNTER = re.compile(r"_(total|count)$")
_KINDS = ("text/plain", "application/openmetrics-text")


class Sample(NamedTuple):
    """One number that is exposed."""

    name: str
    value: float


def samples(text: str) -> list[Sample] | str:
    """What a text of metrics says; the first line that says nothing when one does not."""
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line.strip())
        if match is None:
            return line[:80]
        found.append(Sample(match[1], float(match[2])))
    return found


@probe("WB902", severity=Severity.ERROR, topic="metrics", checklist="M1")
def metrics_do_not_parse(trial: Trial) -> Iterator[Problem]:
    """GET /metrics of the running module is not what Prometheus reads.

    A scrape that does not parse is dropped as a whole, and every alert on it is silent. Expose
    what prometheus_client generates, with its content type.

    Bad:
        {"requests": 12}
    Good:
        http_requests_total{method="GET"} 12.0
    """
    answer = trial.ask("GET", "/metrics")
    if answer.status in {404, 405} and metrics_route(trial.source) is None:
        trial.judge("M1", Verdict.FAIL, Proof("GET /metrics is not there (run)"))
        return
    wrong = ""
    if answer.status != 200:
        wrong = f"GET /metrics answers {answer.status}"
    elif answer.kind not in _KINDS:
        wrong = f"GET /metrics is {answer.kind or 'of no type'}, not text/plain"
    else:
        found = samples(answer.text)
        if isinstance(found, str):
            wrong = f"GET /metrics has a line that is no sample: {found}"
        elif not found:
            wrong = "GET /metrics exposes nothing"
    verdict = Verdict.FAIL if wrong else Verdict.PASS
    proof = Proof(f"{wrong or 'GET /metrics parses'} (run)")
    trial.judge("M1", verdict, proof, decides=True)
    if wrong:
        yield problem_at(trial, "/metrics", wrong)


@probe("WB903", severity=Severity.WARNING, topic="metrics", checklist="M1")
def requests_not_counted(trial: Trial) -> Iterator[Problem]:
    """No counter of requests rises while the running module answers requests.

    Dashboards, alerts and objectives are made of such a counter; one that stands still says
    that all is well. Count in a hook of the application, so that no route is left out.

    Bad:
        REQUESTS = Counter("http_requests", "Requests.")  # and nowhere .inc()
    Good:
        @app.after_request counts method, route and status
    """
    before = _counted(trial)
    views = [r for r in trial.source.routes if not r.is_open and not r.websocket]
    if not views:
        return
    for route in views[:2]:
        for _ in range(2):
            trial.ask(route.methods[0], path_of(route))
    if _counted(trial) > before:
        trial.judge("M1", Verdict.PASS, Proof("a counter of requests rises (run)"))
        return
    text = "no counter of requests rises when routes are called"
    trial.judge("M1", Verdict.PARTIAL, Proof(f"{text} (run)"))
    yield problem_at(trial, "/metrics", text)


def _counted(trial: Trial) -> float:
    """The sum of the counters of requests."""
    answer = trial.ask("GET", "/metrics")
    found = samples(answer.text)
    if answer.status != 200 or isinstance(found, str):
        raise Unavailable("GET /metrics gives no metrics")
    return sum(
        sample.value
        for sample in found
        if _COUNTS.search(sample.name) and _COUNTER.search(sample.name)
    )
