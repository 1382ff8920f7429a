"""Prometheus metrics and the route they are read from."""

import time

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from quart import Blueprint, Response, g, request

metrics_bp = Blueprint("metrics", __name__)

REQUESTS = Counter(
    "analytics_requests_total", "Requests by endpoint and status", ["endpoint", "status"]
)
LATENCY = Histogram("analytics_request_seconds", "Time to answer", ["endpoint"])
INGESTED = Counter("analytics_events_ingested_total", "Events stored", ["metric_type"])
ROLLUP_SECONDS = Histogram("analytics_rollup_seconds", "Time of one roll-up")
BOT_SCORE_ERRORS = Counter("analytics_bot_score_errors_total", "Communities left unscored")
LAST_ROLLUP = Gauge("analytics_last_rollup_timestamp_seconds", "When the last roll-up ended")


@metrics_bp.before_app_request
async def _begin() -> None:
    """Note when the request came in."""
    g.began = time.perf_counter()


@metrics_bp.after_app_request
async def _end(response: Response) -> Response:
    """Count the request."""
    endpoint = request.endpoint or "unmatched"
    REQUESTS.labels(endpoint, str(response.status_code)).inc()
    if "began" in g:
        LATENCY.labels(endpoint).observe(time.perf_counter() - g.began)
    return response


@metrics_bp.get("/metrics")
async def metrics() -> Response:
    """Answer the scrape."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
