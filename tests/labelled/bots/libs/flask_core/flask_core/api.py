"""Response envelopes and the standard health blueprint."""

import time
import uuid
from datetime import datetime, timezone
from typing import Any, Awaitable, Callable, Mapping, Optional

from quart import Blueprint, jsonify

HealthCheck = Callable[[], Awaitable[bool]]


def success_response(
    data: Any = None, status_code: int = 200, meta: Optional[Mapping[str, Any]] = None
):
    """Wrap ``data`` in the success envelope."""
    body = {"success": True, "data": data}
    if meta:
        body["meta"] = dict(meta)
    return jsonify(body), status_code


def error_response(
    message: str,
    status_code: int = 400,
    error_code: Optional[str] = None,
    details: Optional[Any] = None,
):
    """Wrap ``message`` in the error envelope."""
    body = {
        "error": error_code or "error",
        "message": message,
        "status": status_code,
        "correlation_id": f"req_{uuid.uuid4().hex[:12]}",
        "timestamp": datetime.now(timezone.utc).isoformat(),
    }
    if details is not None:
        body["details"] = details
    return jsonify(body), status_code


def create_health_blueprint(
    module: str, version: str, checks: Optional[Mapping[str, HealthCheck]] = None
) -> Blueprint:
    """Build a blueprint serving ``GET /health``."""
    bp = Blueprint("health", __name__)
    started = time.monotonic()

    @bp.get("/health")
    async def health():
        """Report liveness and the state of each dependency."""
        deps = {}
        for name, check in (checks or {}).items():
            deps[name] = "connected" if await check() else "unavailable"
        degraded = "unavailable" in deps.values()
        body = {
            "status": "degraded" if degraded else "healthy",
            "module": module,
            "version": version,
            "uptime_seconds": int(time.monotonic() - started),
            "dependencies": deps,
        }
        return jsonify(body), 503 if degraded else 200

    return bp
