"""Response helpers and the error handlers every module installs."""

import logging
import uuid
from datetime import datetime, timezone
from typing import Any, Optional

from quart import Quart, jsonify, request
from werkzeug.exceptions import HTTPException

from .validation import ValidationFailed

logger = logging.getLogger(__name__)


def _correlation_id() -> str:
    """Return the caller's correlation id if it is a sane one, else a new one."""
    given = request.headers.get("X-Correlation-ID", "")
    if given and len(given) <= 64 and given.replace("-", "").replace("_", "").isalnum():
        return given
    return f"req_{uuid.uuid4().hex[:12]}"


def ok(data: Any = None, status: int = 200, **extra: Any):
    """Answer with ``{"success": true, "result": …}``."""
    return jsonify({"success": True, "result": data, **extra}), status


def fail(status: int, code: str, message: Optional[str] = None):
    """Answer with the documented error body and the same status."""
    body = {
        "error": code,
        "message": message or code.replace("_", " "),
        "status": status,
        "correlation_id": _correlation_id(),
        "timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return jsonify(body), status


def install_error_handlers(app: Quart) -> None:
    """Turn exceptions into documented error bodies."""

    @app.errorhandler(ValidationFailed)
    async def _invalid(exc: ValidationFailed):
        """Bad input is the caller's fault."""
        return fail(400, "invalid_input", str(exc))

    @app.errorhandler(HTTPException)
    async def _http(exc: HTTPException):
        """Keep the status Werkzeug chose."""
        return fail(exc.code or 500, (exc.name or "error").lower().replace(" ", "_"))

    @app.errorhandler(Exception)
    async def _crash(exc: Exception):
        """Log with a traceback, and tell the caller nothing."""
        logger.exception("unhandled %s in %s", type(exc).__name__, request.endpoint)
        return fail(500, "internal_error")
