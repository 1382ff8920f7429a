"""Helpers shared by the controllers."""

from quart import g, request

from config import settings
from flask_core.api import error_response
from flask_core.logging import get_aaa_logger

log = get_aaa_logger(settings.name, settings.version, settings.log_level)


async def require_community():
    """before_request hook: put the community and user on ``g``."""
    raw = request.headers.get("X-Community-ID", "")
    if not raw.isdecimal():
        return error_response("X-Community-ID is required", 400, "invalid_input")
    g.community_id = int(raw)
    g.user_id = request.headers.get("X-User-ID", "system:0")
    return None


def failed(exc):
    """Translate a LabelError."""
    code = "not_found" if exc.status == 404 else "invalid_input"
    return error_response(str(exc), exc.status, code)
