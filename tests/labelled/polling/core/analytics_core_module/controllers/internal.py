"""Endpoints for the other modules, inside the cluster."""

from pydantic import ValidationError
from quart import Blueprint, current_app, request

from config import Config
from flask_core import AAALogger, ValidationFailed, choice, fail, int_arg, ok
from models.schemas import BUCKETS, AlertIn, EventBatch
from services.access import internal_denied

internal_bp = Blueprint("internal", __name__, url_prefix="/internal/v1")

aaa = AAALogger("analytics.internal")


async def _body() -> dict:
    """Return the JSON object sent, or refuse."""
    body = await request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ValidationFailed("a JSON object is required")
    return body


@internal_bp.post("/events")
async def ingest():
    """Take in a batch of events."""
    denied = internal_denied()
    if denied:
        return denied
    try:
        batch = EventBatch.model_validate(await _body())
    except ValidationError as exc:
        return fail(400, "invalid_input", f"{exc.error_count()} fields do not fit")
    stored = await current_app.extensions["series"].store(batch.events)
    current_app.extensions["settings"].touch({event.community_id for event in batch.events})
    return ok({"stored": stored})


@internal_bp.post("/alerts")
async def report_alert():
    """Take in a suspicion."""
    denied = internal_denied()
    if denied:
        return denied
    try:
        alert = AlertIn.model_validate(await _body())
    except ValidationError as exc:
        return fail(400, "invalid_input", f"{exc.error_count()} fields do not fit")
    alert_id = await current_app.extensions["bad_actors"].report(alert)
    aaa.audit("report_alert", "internal", alert.community_id, alert_id=alert_id)
    return ok({"alert_id": alert_id}, status=201)


@internal_bp.post("/aggregate")
async def aggregate():
    """Roll up now."""
    denied = internal_denied()
    if denied:
        return denied
    bucket = (await _body()).get("bucket")
    only = choice(bucket, BUCKETS, "bucket") if bucket is not None else None
    return ok({"buckets": await current_app.extensions["series"].rollup(only)})


@internal_bp.post("/prune")
async def prune():
    """Delete old raw events."""
    internal_denied()
    days = int_arg(await _body(), "days", Config.DEFAULT_RETENTION_DAYS, 14, 730)
    removed = await current_app.extensions["series"].prune(days)
    aaa.audit("prune", "internal", None, removed=removed)
    return ok({"removed": removed})


@internal_bp.get("/lag")
async def lag():
    """How far behind ingestion is."""
    denied = internal_denied()
    if denied:
        return denied
    return ok({"lag_seconds": await current_app.extensions["series"].lag_seconds()})
