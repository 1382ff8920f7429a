"""Prometheus helpers."""

from typing import Any, Dict, Tuple

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


def metrics_response() -> Tuple[bytes, int, Dict[str, Any]]:
    """Body, status and headers for GET /metrics."""
    return generate_latest(), 200, {"Content-Type": CONTENT_TYPE_LATEST}
