# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature items; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.idempotency import idempotent
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_body, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import (
    AddItemParams,
    DeleteItemParams,
    GetInventoryItemParams,
    ListInventoryParams,
    SearchInventoryParams,
    UpdateInventoryItemParams,
)
from services.items_service import ItemsService

blueprint = Blueprint("items", __name__)


def service() -> ItemsService:
    """The feature's service, with what the module works with."""
    return ItemsService(resources())


@blueprint.post("/api/v1/action/add_item")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@idempotent
@time_limit(seconds=10)
@audited("add_item")
async def add_item() -> Response:
    """Add an item to the inventory."""
    call, params = await read_action(AddItemParams)
    result = await service().add_item(call, params)
    return action_response("add_item", result)


@blueprint.post("/api/v1/action/delete_item")
@require_api_key(role="admin")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("delete_item")
async def delete_item() -> Response:
    """Remove an item from the inventory."""
    call, params = await read_action(DeleteItemParams)
    result = await service().delete_item(call, params)
    return action_response("delete_item", result)


@blueprint.get("/api/v1/inventory")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def list_inventory() -> Response:
    """List the inventory, page by page."""
    call, params = await read_query(ListInventoryParams)
    result = await service().list_inventory(call, params)
    return result_response(result)


@blueprint.get("/api/v1/inventory/search")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def search_inventory() -> Response:
    """Find items by a part of their name."""
    call, params = await read_query(SearchInventoryParams)
    result = await service().search_inventory(call, params)
    return result_response(result)


@blueprint.get("/api/v1/inventory/items/<int:id>")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def get_inventory_item(**path: str | int) -> Response:
    """Read one inventory item."""
    call, params = await read_query(GetInventoryItemParams, **path)
    result = await service().get_inventory_item(call, params)
    return result_response(result)


@blueprint.patch("/api/v1/inventory/items/<int:id>")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
@audited("update_inventory_item")
async def update_inventory_item(**path: str | int) -> Response:
    """Change the given fields of one inventory item."""
    call, params = await read_body(UpdateInventoryItemParams, **path)
    result = await service().update_inventory_item(call, params)
    return result_response(result)
