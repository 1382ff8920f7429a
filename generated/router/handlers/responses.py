# Rendered by waddlegen from module_specs/router.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature responses; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import GetResponseParams, SubmitResponseParams
from services.responses_service import ResponsesService

blueprint = Blueprint("responses", __name__)


def service() -> ResponsesService:
    """The feature's service, with what the module works with."""
    return ResponsesService(resources())


@blueprint.post("/api/v1/action/submit_response")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("submit_response")
async def submit_response() -> Response:
    """Hand in the response to a command that a module answers later."""
    call, params = await read_action(SubmitResponseParams)
    result = await service().submit_response(call, params)
    return action_response("submit_response", result)


@blueprint.get("/api/v1/router/responses/<session_id>")
@require_api_key(role="trigger")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def get_response(**path: str | int) -> Response:
    """Fetch the response to a command; 404 once it has expired."""
    call, params = await read_query(GetResponseParams, **path)
    result = await service().get_response(call, params)
    return result_response(result)
