"""Music module entry point."""

import time

import redis
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from quart import Quart, Response, jsonify

from config import config
from handlers import api, oauth
from services import live, store
from utils import logging as logs

app = Quart(__name__)
app.register_blueprint(api.bp, url_prefix="/api/v1/music")
app.register_blueprint(oauth.bp, url_prefix="/oauth/spotify")
STARTED = time.monotonic()


@app.before_serving
async def startup():
    """Open connections and start polling."""
    logs.setup()
    await store.connect()
    if config.enable_poller:
        live.start()
    logs.event("SYSTEM", "startup")


@app.after_serving
async def shutdown():
    """Stop polling and close connections."""
    await live.stop()
    await store.close()


@app.get("/health")
async def health():
    """Report the state of the module and what it leans on."""
    state = {}
    try:
        await store.db().fetchval("SELECT 1")
        state["database"] = "connected"
    except Exception as exc:
        logs.logger.error("database check failed: %s", exc)
        state["database"] = "unreachable"
    try:
        await store.cache().ping()
        state["redis"] = "connected"
    except redis.RedisError as exc:
        logs.logger.error("redis check failed: %s", exc)
        state["redis"] = "unreachable"
    well = all(value == "connected" for value in state.values())
    body = {
        "status": "healthy" if well else "unhealthy",
        "module": config.name,
        "version": config.version,
        "uptime_seconds": int(time.monotonic() - STARTED),
        "dependencies": state,
    }
    return jsonify(body), 200 if well else 503


@app.get("/metrics")
async def metrics():
    """Expose Prometheus metrics."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@app.errorhandler(Exception)
async def unexpected(exc):
    """Log whatever nobody caught and answer 500."""
    logs.logger.error("unhandled", exc_info=exc)
    return jsonify(error="internal_error", status=500), 500
