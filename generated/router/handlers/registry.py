# Rendered by waddlegen from module_specs/router.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature registry; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.datamodels import Event
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_body, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import ListModulesParams, RegisterParams
from services.registry_service import RegistryService

blueprint = Blueprint("registry", __name__)


def service() -> RegistryService:
    """The feature's service, with what the module works with."""
    return RegistryService(resources())


@blueprint.post("/api/v1/register")
@require_api_key(role="core", community=False)
@rate_limit(max_requests=600, window=60)
@time_limit(seconds=10)
@audited("register")
async def register() -> Response:
    """Register a module at its start. Registering again is harmless and brings the
    entry up to date. The key that modules hold as ROUTER_API_KEY has the role
    core.
    """
    call, params = await read_body(RegisterParams)
    result = await service().register(call, params)
    return result_response(result)


@blueprint.get("/api/v1/modules")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def list_modules() -> Response:
    """List the registered modules, and whether this community uses them."""
    call, params = await read_query(ListModulesParams)
    result = await service().list_modules(call, params)
    return result_response(result)


async def on_module_heartbeat(event: Event) -> None:
    """Notes when a module spoke up last."""
    await service().on_module_heartbeat(event)


async def check_modules() -> None:
    """Looks at the health of every registered module."""
    await service().check_modules()
