# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature log; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import ListInventoryLogParams, LogChangeParams
from services.log_service import LogService

blueprint = Blueprint("log", __name__)


def service() -> LogService:
    """The feature's service, with what the module works with."""
    return LogService(resources())


@blueprint.post("/api/v1/action/log_change")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("log_change")
async def log_change() -> Response:
    """Record a change of the stock."""
    call, params = await read_action(LogChangeParams)
    result = await service().log_change(call, params)
    return action_response("log_change", result)


@blueprint.get("/api/v1/inventory/log")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def list_inventory_log() -> Response:
    """List inventory log, page by page."""
    call, params = await read_query(ListInventoryLogParams)
    result = await service().list_inventory_log(call, params)
    return result_response(result)
