"""Prometheus instruments."""

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES = Counter(
    "github_webhook_deliveries_total", "Deliveries", ["event", "delivery"]
)
REJECTED = Counter("github_webhook_rejected_total", "Refused deliveries", ["reason"])
QUEUE = Gauge("github_webhook_queue_length", "Deliveries waiting for a worker")
HANDLED = Histogram("github_webhook_handle_seconds", "Time to handle a delivery")
