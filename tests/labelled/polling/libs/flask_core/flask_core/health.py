"""The health blueprint."""

import logging
import time
from typing import Any, Awaitable, Callable, Mapping

from quart import Blueprint, jsonify, request

logger = logging.getLogger(__name__)


def health_blueprint(
    module: str, version: str, checks: Mapping[str, Callable[[], Awaitable[Any]]]
) -> Blueprint:
    """Build /health and /healthz; each check is a coroutine function that raises when down."""
    bp = Blueprint("health", __name__)
    started = time.monotonic()

    @bp.get("/health")
    async def health():
        """Readiness, or bare liveness when the probe asks for that."""
        if request.headers.get("X-Health-Probe") == "liveness":
            return jsonify({"status": "alive", "module": module, "version": version})
        states = {}
        for name, check in checks.items():
            try:
                await check()
                states[name] = "connected"
            except Exception:
                logger.exception("health check %s failed", name)
                states[name] = "disconnected"
        healthy = all(state == "connected" for state in states.values())
        body = {
            "status": "healthy" if healthy else "unhealthy",
            "module": module,
            "version": version,
            "uptime_seconds": int(time.monotonic() - started),
            "dependencies": states,
        }
        return jsonify(body), 200 if healthy else 503

    @bp.get("/healthz")
    async def healthz():
        """Same answer under the other name."""
        return await health()

    return bp
