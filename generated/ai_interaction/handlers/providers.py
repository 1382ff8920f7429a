# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature providers; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import ListModelsParams, TestProviderParams
from services.providers_service import ProvidersService

blueprint = Blueprint("providers", __name__)


def service() -> ProvidersService:
    """The feature's service, with what the module works with."""
    return ProvidersService(resources())


@blueprint.post("/api/v1/action/test_provider")
@require_api_key(role="admin")
@rate_limit(max_requests=10, window=60)
@time_limit(seconds=35)
@audited("test_provider")
async def test_provider() -> Response:
    """Say whether the community's provider can be reached and has its model."""
    call, params = await read_action(TestProviderParams)
    result = await service().test_provider(call, params)
    return action_response("test_provider", result)


@blueprint.get("/api/v1/ai/models")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=35)
async def list_models() -> Response:
    """List the models of the community's provider."""
    call, params = await read_query(ListModelsParams)
    result = await service().list_models(call, params)
    return result_response(result)
