"""Prometheus metrics of a module; the names are those of its alerts and dashboard."""

import asyncio

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST  # noqa: F401

from flask_core.resilience import CircuitBreaker

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters and histograms of one process, with kept children."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, module: str, version: str) -> None:
        self.registry = CollectorRegistry()
        info = Gauge(
            "waddlebot_module_info",
            "The module and its version.",
            ["module", "version"],
            registry=self.registry,
        )
        info.labels(module, version).set(1)
        self.requests = Counter(
            "waddlebot_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "waddlebot_http_request_duration_seconds",
            "Time from the arrival of a request to its answer.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "waddlebot_http_requests_in_flight",
            "Requests being answered.",
            registry=self.registry,
        )
        tasks = Gauge(
            "waddlebot_tasks", "Tasks of the event loop.", registry=self.registry
        )
        tasks.set_function(_count_tasks)
        self.dependency = Gauge(
            "waddlebot_dependency_up",
            "Whether a dependency is connected.",
            ["dependency"],
            registry=self.registry,
        )
        self.breaker = Gauge(
            "waddlebot_breaker_open",
            "Whether calls of a target are stopped.",
            ["target"],
            registry=self.registry,
        )
        self.events = Counter(
            "waddlebot_events",
            "Events published and consumed.",
            ["event", "outcome"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "waddlebot_events_waiting",
            "Durable events that this module has yet to handle.",
            ["event"],
            registry=self.registry,
        )
        self.outbox = Gauge(
            "waddlebot_outbox_events",
            "Durable events that were committed and are not on their stream yet.",
            registry=self.registry,
        )
        self.outbox_age = Gauge(
            "waddlebot_outbox_age_seconds",
            "How long the first of them has been waiting.",
            registry=self.registry,
        )
        self.cache = Counter(
            "waddlebot_cache_reads",
            "Reads of the cache, by the layer that answered.",
            ["layer"],
            registry=self.registry,
        )

        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def watch_breaker(self, target: str, breaker: CircuitBreaker) -> None:
        """Show whether calls of a target are stopped, as it is when somebody looks."""
        gauge = self.breaker.labels(target)
        gauge.set_function(lambda: float(breaker.state != "closed"))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; routes are few, so their series are kept at hand."""
        key = (method, route, status)
        if key not in self._answered:
            self._answered[key] = (
                self.requests.labels(method, route, str(status)),
                self.duration.labels(method, route),
            )
        requests, duration = self._answered[key]
        requests.inc()
        duration.observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


def _count_tasks() -> float:
    """How many tasks the loop has; none where no loop runs."""
    try:
        return float(len(asyncio.all_tasks()))
    except RuntimeError:
        return 0.0
