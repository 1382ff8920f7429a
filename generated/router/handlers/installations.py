# Rendered by waddlegen from module_specs/router.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature installations; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import ToggleModuleParams
from services.installations_service import InstallationsService

blueprint = Blueprint("installations", __name__)


def service() -> InstallationsService:
    """The feature's service, with what the module works with."""
    return InstallationsService(resources())


@blueprint.post("/api/v1/action/toggle_module")
@require_api_key(role="admin")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("toggle_module")
async def toggle_module() -> Response:
    """Switch a module on or off for this community."""
    call, params = await read_action(ToggleModuleParams)
    result = await service().toggle_module(call, params)
    return action_response("toggle_module", result)
