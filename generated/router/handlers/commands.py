# Rendered by waddlegen from module_specs/router.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature commands; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_body, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import (
    CreateCommandParams,
    DeleteCommandParams,
    GetCommandParams,
    ListCommandsParams,
    UpdateCommandParams,
)
from services.commands_service import CommandsService

blueprint = Blueprint("commands", __name__)


def service() -> CommandsService:
    """The feature's service, with what the module works with."""
    return CommandsService(resources())


@blueprint.get("/api/v1/router/commands")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def list_commands() -> Response:
    """List commands, page by page."""
    call, params = await read_query(ListCommandsParams)
    result = await service().list_commands(call, params)
    return result_response(result)


@blueprint.post("/api/v1/router/commands")
@require_api_key(role="admin")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("create_command")
async def create_command() -> Response:
    """Create one of commands."""
    call, params = await read_body(CreateCommandParams)
    result = await service().create_command(call, params)
    return result_response(result)


@blueprint.get("/api/v1/router/commands/<int:id>")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def get_command(**path: str | int) -> Response:
    """Read one command."""
    call, params = await read_query(GetCommandParams, **path)
    result = await service().get_command(call, params)
    return result_response(result)


@blueprint.patch("/api/v1/router/commands/<int:id>")
@require_api_key(role="admin")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("update_command")
async def update_command(**path: str | int) -> Response:
    """Change the given fields of one command."""
    call, params = await read_body(UpdateCommandParams, **path)
    result = await service().update_command(call, params)
    return result_response(result)


@blueprint.delete("/api/v1/router/commands/<int:id>")
@require_api_key(role="admin")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("delete_command")
async def delete_command(**path: str | int) -> Response:
    """Delete one command."""
    call, params = await read_query(DeleteCommandParams, **path)
    result = await service().delete_command(call, params)
    return result_response(result)
