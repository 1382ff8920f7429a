# Rendered by waddlegen from module_specs/router.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature dispatch; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.datamodels import Event
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_body
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import DispatchEventParams, RouteEventParams, RouteEventsParams
from services.dispatch_service import DispatchService

blueprint = Blueprint("dispatch", __name__)


def service() -> DispatchService:
    """The feature's service, with what the module works with."""
    return DispatchService(resources())


@blueprint.post("/api/v1/action/dispatch_event")
@require_api_key(role="core")
@rate_limit(max_requests=100, window=60)
@time_limit(seconds=40)
@audited("dispatch_event")
async def dispatch_event() -> Response:
    """Deal with one event, as another module hands it over."""
    call, params = await read_action(DispatchEventParams)
    result = await service().dispatch_event(call, params)
    return action_response("dispatch_event", result)


@blueprint.post("/api/v1/router/events")
@require_api_key(role="trigger")
@rate_limit(max_requests=6000, window=60)
@time_limit(seconds=40)
@audited("route_event")
async def route_event() -> Response:
    """Deal with one event of a platform."""
    call, params = await read_body(RouteEventParams)
    result = await service().route_event(call, params)
    return result_response(result)


@blueprint.post("/api/v1/router/events/batch")
@require_api_key(role="trigger")
@rate_limit(max_requests=600, window=60)
@time_limit(seconds=120)
@audited("route_events")
async def route_events() -> Response:
    """Deal with up to a hundred events of one community at once."""
    call, params = await read_body(RouteEventsParams)
    result = await service().route_events(call, params)
    return result_response(result)


async def on_event_inbound(event: Event) -> None:
    """Carries out the commands among them."""
    await service().on_event_inbound(event)
