"""What the dashboard reads."""

from quart import Blueprint, current_app, request

from flask_core import choice, fail, int_arg, ok
from models.schemas import BUCKETS, METRIC_TYPES
from services.access import community_gate
from services.bad_actors import STATUSES
from services.timeseries import BREAKDOWNS

series_bp = Blueprint("series", __name__, url_prefix="/api/v1/analytics")


@series_bp.get("/basic")
async def basic():
    """Totals of the last days."""
    scope, denied = await community_gate()
    if denied:
        return denied
    days = int_arg(request.args, "days", 7, 1, 365)
    return ok(await current_app.extensions["series"].basic(scope.community_id, days))


@series_bp.get("/metrics-series")
async def metrics_series():
    """Points of one metric."""
    scope, denied = await community_gate()
    if denied:
        return denied
    args = request.args
    points = await current_app.extensions["series"].series(
        scope.community_id,
        choice(args.get("metric"), METRIC_TYPES, "metric"),
        choice(args.get("bucket"), BUCKETS, "bucket", default="day"),
        int_arg(args, "days", 30, 1, 365),
        order_by=args.get("sort") or "timestamp_bucket ASC",
        limit=int_arg(args, "limit", 500, 1, 1000),
    )
    return ok(points, count=len(points))


@series_bp.get("/breakdown")
async def breakdown():
    """Sums by type, subtype or bucket."""
    scope, denied = await community_gate()
    if denied:
        return denied
    by = choice(request.args.get("by"), BREAKDOWNS, "by", default="type")
    days = int_arg(request.args, "days", 30, 1, 365)
    return ok(await current_app.extensions["series"].breakdown(scope.community_id, by, days))


@series_bp.get("/bot-score")
async def bot_score():
    """The last score of the caller's community."""
    scope, denied = await community_gate()
    if denied:
        return denied
    score = await current_app.extensions["scores"].latest(scope.community_id)
    return ok(score) if score else fail(404, "not_scored_yet")


@series_bp.get("/suspected-bots")
async def suspected_bots():
    """Alerts on single accounts."""
    scope, denied = await community_gate()
    if denied:
        return denied
    status = choice(request.args.get("status"), STATUSES, "status", default="open")
    limit = int_arg(request.args, "limit", 50, 1, 200)
    found = await current_app.extensions["bad_actors"].suspected(scope.community_id, status, limit)
    return ok(found, count=len(found))
