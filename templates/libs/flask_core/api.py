"""Answers in the standard's shape."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quart import Response

from flask_core.context import correlation_id, request_state
from flask_core.encoding import encode

JSON = "application/json"
_HTML_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' https: data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def timestamp() -> str:
    """Now, in UTC, as the standard writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create_response(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer."""
    return Response(
        encode(body),
        status=status,
        headers=dict(headers or {}),
        content_type=JSON,
    )


def error_response(
    status: int,
    error: str,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> Response:
    """The standard's error envelope, with that status."""
    body = {
        "error": error,
        "message": message or error.replace("_", " "),
        "status": status,
        "correlation_id": correlation_id(),
        "timestamp": timestamp(),
        **extra,
    }
    return create_response(body, status, headers)


def _closing() -> dict[str, Any]:
    """What stands at the end of every answer: how long it took, and whether it is old."""
    state = request_state()
    taken = round((time.perf_counter() - state.started) * 1000)
    if state.is_stale:
        return {"execution_time_ms": taken, "cached": True}
    return {"execution_time_ms": taken}


def action_response(action_id: str, result: Mapping[str, Any]) -> Response:
    """The answer of an action, as in "Action Endpoints" of the standard."""
    return create_response(
        {"success": True, "action_id": action_id, "result": result, **_closing()}
    )


def flat_response(action_id: str, result: Mapping[str, Any]) -> Response:
    """The answer of an action's alias: the result's fields stand beside the envelope's."""
    envelope = {"success": True, "action_id": action_id, **_closing()}
    return create_response({**result, **envelope})


def result_response(result: Mapping[str, Any]) -> Response:
    """The answer of a route."""
    return create_response({"success": True, "result": result, **_closing()})


def accepted_response() -> Response:
    """The answer to a webhook that was taken in."""
    return create_response({"success": True})


def html_response(text: str) -> Response:
    """A page that can load and send nothing beyond itself."""
    headers = {"Content-Security-Policy": _HTML_POLICY}
    return Response(text, content_type="text/html; charset=utf-8", headers=headers)


def text_response(text: str) -> Response:
    """Plain text."""
    return Response(text, content_type="text/plain; charset=utf-8")


def redirect_response(url: str) -> Response:
    """A redirect to another address."""
    return Response(b"", status=302, headers={"Location": url})
