# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature checkouts; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.idempotency import idempotent
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_query
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import (
    CheckinParams,
    CheckoutParams,
    GetInventoryCheckoutParams,
    ListInventoryCheckoutsParams,
)
from services.checkouts_service import CheckoutsService

blueprint = Blueprint("checkouts", __name__)


def service() -> CheckoutsService:
    """The feature's service, with what the module works with."""
    return CheckoutsService(resources())


@blueprint.post("/api/v1/action/checkout")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@idempotent
@time_limit(seconds=10)
@audited("checkout")
async def checkout() -> Response:
    """Lend some of an item; refused when fewer are at hand."""
    call, params = await read_action(CheckoutParams)
    result = await service().checkout(call, params)
    return action_response("checkout", result)


@blueprint.post("/api/v1/action/checkin")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@idempotent
@time_limit(seconds=10)
@audited("checkin")
async def checkin() -> Response:
    """Take back what was lent; refused when it is back already."""
    call, params = await read_action(CheckinParams)
    result = await service().checkin(call, params)
    return action_response("checkin", result)


@blueprint.get("/api/v1/inventory/checkouts")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def list_inventory_checkouts() -> Response:
    """List inventory checkouts, page by page."""
    call, params = await read_query(ListInventoryCheckoutsParams)
    result = await service().list_inventory_checkouts(call, params)
    return result_response(result)


@blueprint.get("/api/v1/inventory/checkouts/<int:id>")
@require_api_key(role="user")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=10)
async def get_inventory_checkout(**path: str | int) -> Response:
    """Read one inventory checkout."""
    call, params = await read_query(GetInventoryCheckoutParams, **path)
    result = await service().get_inventory_checkout(call, params)
    return result_response(result)
