# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature configuration; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import GetConfigParams, SetConfigParams
from services.configuration_service import ConfigurationService

blueprint = Blueprint("configuration", __name__)


def service() -> ConfigurationService:
    """The feature's service, with what the module works with."""
    return ConfigurationService(resources())


@blueprint.post("/api/v1/action/set_config")
@require_api_key(role="admin")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("set_config")
async def set_config() -> Response:
    """Choose provider, model and manner for this community. Another provider needs
    its model named as well.
    """
    call, params = await read_action(SetConfigParams)
    result = await service().set_config(call, params)
    return action_response("set_config", result)


@blueprint.get("/api/v1/ai/config")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def get_config() -> Response:
    """Show what holds for this community."""
    call, params = await read_query(GetConfigParams)
    result = await service().get_config(call, params)
    return result_response(result)
