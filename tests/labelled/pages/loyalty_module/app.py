"""Loyalty module: points, daily bonus and the reward shop."""

import time

from flask import Flask, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

import db
from config import Settings
from routes import MOUNTS
from services import notifier
from utils import log as logs
from utils.forms import BadInput

REQUESTS = Counter("loyalty_requests_total", "Requests", ["endpoint", "status"])
LATENCY = Histogram("loyalty_request_seconds", "Request duration", ["endpoint"])


def _install_metrics(app):
    @app.before_request
    def start_clock():
        request.environ["loyalty.t0"] = time.perf_counter()

    @app.after_request
    def count(response):
        name = request.endpoint or "unknown"
        REQUESTS.labels(name, response.status_code).inc()
        t0 = request.environ.get("loyalty.t0")
        if t0 is not None:
            LATENCY.labels(name).observe(time.perf_counter() - t0)
        return response

    @app.get("/metrics")
    def metrics():
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def create_app(overrides=None):
    """Build the application; overrides win over the environment."""
    app = Flask(__name__)
    app.config.from_object(Settings)
    app.config.update(overrides or {})
    logs.configure(app.config)
    started = time.time()

    if not app.config.get("TESTING"):
        db.init_pool(app.config)
        notifier.register()

    for blueprint, prefix in MOUNTS:
        app.register_blueprint(blueprint, url_prefix=prefix)
    _install_metrics(app)

    @app.get("/health")
    def health():
        up = db.ping()
        body = {
            "status": "healthy" if up else "unhealthy",
            "module": app.config["MODULE_NAME"],
            "version": app.config["MODULE_VERSION"],
            "uptime_seconds": int(time.time() - started),
            "dependencies": {"database": "connected" if up else "unreachable"},
        }
        return jsonify(body), 200 if up else 503

    @app.errorhandler(BadInput)
    def bad_input(exc):
        return jsonify(error="invalid_input", message=str(exc), status=400), 400

    @app.errorhandler(500)
    def crash(exc):
        logs.log.error("ERROR action=%s result=failure error=%s", request.endpoint, exc)
        return jsonify(error="internal_error", status=500), 500

    return app
