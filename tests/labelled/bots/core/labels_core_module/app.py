"""Labels core module."""

import json
import time

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from quart import Quart, Response, g, request

import db
from config import settings
from controllers import entities, labels
from controllers.common import log
from flask_core.api import create_health_blueprint, error_response, success_response
from flask_core.auth import require_api_key

REQUESTS = Counter("labels_requests_total", "Requests", ["method", "status"])
LATENCY = Histogram("labels_request_seconds", "Request latency")


def create_app() -> Quart:
    """Application factory."""
    app = Quart(__name__)
    app.register_blueprint(labels.bp, url_prefix="/api/v1/labels")
    app.register_blueprint(entities.bp, url_prefix="/api/v1/entities")
    app.register_blueprint(
        create_health_blueprint(
            settings.name, settings.version, {"database": db.dal.ping}
        )
    )

    @app.before_serving
    async def startup():
        """Connect and migrate."""
        await db.dal.connect()
        await db.migrate()
        log.system("ready", action="startup")

    @app.after_serving
    async def shutdown():
        """Disconnect."""
        await db.dal.close()

    @app.before_request
    async def start_timer():
        """Remember when the request came in."""
        g.started = time.perf_counter()

    @app.after_request
    async def observe(response):
        """Count the request."""
        REQUESTS.labels(request.method, response.status_code).inc()
        LATENCY.observe(time.perf_counter() - g.started)
        return response

    @app.get("/metrics")
    async def metrics():
        """Prometheus exposition."""
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @app.get("/api/v1/admin/sizes")
    @require_api_key("admin")
    async def sizes():
        """Row counts."""
        return success_response(await db.table_sizes())

    @app.errorhandler(Exception)
    async def crashed(exc):
        """Log and answer with the envelope."""
        log.error(f"{type(exc).__name__}: {exc}", action=request.path)
        return error_response("internal error", 500, "internal_error")

    return app


app = create_app()

if __name__ == "__main__":
    app.run(port=settings.port)
