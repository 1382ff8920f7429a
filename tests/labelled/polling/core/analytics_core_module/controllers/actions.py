"""Actions the router calls. The key is checked once for the whole blueprint."""

from typing import Any, Awaitable, Callable

from pydantic import ValidationError
from quart import Blueprint, current_app, g, request

from flask_core import AAALogger, ValidationFailed, choice, fail, ok
from models.schemas import BUCKETS, EventBatch
from services.access import Scope, community_gate

actions_bp = Blueprint("actions", __name__, url_prefix="/api/v1/action")

aaa = AAALogger("analytics.actions")


@actions_bp.before_request
async def _gate():
    """Turn away whoever has no core key for the community."""
    scope, denied = await community_gate("core")
    if denied:
        return denied
    g.scope = scope
    return None


async def _record_events(scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Store events, all of them the caller's own community's."""
    batch = EventBatch.model_validate(params)
    if any(event.community_id != scope.community_id for event in batch.events):
        raise ValidationFailed("events of another community")
    return {"stored": await current_app.extensions["series"].store(batch.events)}


async def _aggregate(scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Roll up one bucket size, or all."""
    bucket = params.get("bucket")
    only = choice(bucket, BUCKETS, "bucket") if bucket is not None else None
    return {"buckets": await current_app.extensions["series"].rollup(only)}


async def _calculate_bot_score(scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
    """Score the caller's community now."""
    return {"scored": await current_app.extensions["scores"].calculate([scope.community_id])}


ACTIONS: dict[str, Callable[[Scope, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    "record_events": _record_events,
    "aggregate": _aggregate,
    "calculate_bot_score": _calculate_bot_score,
}


@actions_bp.post("/<action_id>")
async def run_action(action_id: str):
    """Run one of the known actions."""
    handler = ACTIONS.get(action_id)
    if handler is None:
        return fail(404, "unknown_action")
    body = await request.get_json(silent=True)
    params = body.get("params", {}) if isinstance(body, dict) else None
    if not isinstance(params, dict):
        return fail(400, "invalid_input", "params must be an object")
    try:
        result = await handler(g.scope, params)
    except ValidationError as exc:
        return fail(400, "invalid_input", f"{exc.error_count()} fields do not fit")
    except ValidationFailed:
        raise
    except Exception as exc:
        aaa.error(action_id, exc, community=g.scope.community_id)
        raise
    aaa.audit(action_id, g.scope.caller, g.scope.community_id)
    return ok(result, action_id=action_id)
