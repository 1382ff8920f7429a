"""A community's own settings."""

from functools import wraps
from typing import Any, Callable

from pydantic import ValidationError
from quart import Blueprint, current_app, request

from flask_core import AAALogger, fail, ok
from models.schemas import SettingsIn
from services.access import community_gate

settings_bp = Blueprint("settings", __name__, url_prefix="/api/v1/analytics/config")

aaa = AAALogger("analytics.settings")


def scoped(role: str) -> Callable:
    """Let in callers of a role, and pass the view its scope."""

    def decorator(view: Callable) -> Callable:
        """Wrap the view."""

        @wraps(view)
        async def inner(*args: Any, **kwargs: Any):
            """Ask the gate first."""
            scope, denied = await community_gate(role)
            if denied:
                return denied
            return await view(scope, *args, **kwargs)

        return inner

    return decorator


@settings_bp.get("")
@scoped("core")
async def read_settings(scope):
    """Return the settings."""
    return ok(await current_app.extensions["settings"].get(scope.community_id))


@settings_bp.put("")
@scoped("admin")
async def write_settings(scope):
    """Replace the settings."""
    try:
        wanted = SettingsIn.model_validate(await request.get_json(silent=True) or {})
    except ValidationError as exc:
        return fail(400, "invalid_input", f"{exc.error_count()} fields do not fit")
    stored = await current_app.extensions["settings"].put(scope.community_id, wanted)
    aaa.audit("analytics_settings", scope.caller, scope.community_id, fields=",".join(stored))
    return ok(stored)
