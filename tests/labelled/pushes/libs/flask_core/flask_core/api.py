"""Response helpers; plain tuples, so Flask and Quart both take them."""

import uuid
from datetime import datetime, timezone
from typing import Any, Dict, Optional, Tuple

Response = Tuple[Dict[str, Any], int]


def now_iso() -> str:
    """UTC now, second precision, with a Z."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def create_response(data: Any = None, status: int = 200, **extra: Any) -> Response:
    """Success envelope."""
    body: Dict[str, Any] = {"success": True, "result": data}
    body.update(extra)
    return body, status


def error_response(status: int, code: str, message: Optional[str] = None) -> Response:
    """The documented error body and the same HTTP status."""
    return {
        "error": code,
        "message": message or code.replace("_", " "),
        "status": status,
        "correlation_id": f"req_{uuid.uuid4().hex[:12]}",
        "timestamp": now_iso(),
    }, status
