"""/api/v1/labels: label definitions."""

from quart import Blueprint, g, request

from controllers.common import failed, log, require_community
from flask_core.api import error_response, success_response as ok
from flask_core.auth import check_api_key
from flask_core.validation import ValidationError, validate_input
from services import label_service as svc

bp = Blueprint("labels", __name__)

CREATE = {
    "name": {"type": "string", "required": True, "max_length": 60},
    "category": {"type": "string", "required": True, "choices": svc.CATEGORIES},
    "color": {"type": "string", "pattern": r"#[0-9a-fA-F]{6}"},
}
UPDATE = {
    "name": {"type": "string", "max_length": 60},
    "color": {"type": "string", "pattern": r"#[0-9a-fA-F]{6}"},
    "is_active": {"type": "boolean"},
}


@bp.before_request
async def authenticate():
    """Every route of this blueprint needs the core key."""
    if check_api_key(request.headers, "core"):
        return await require_community()
    log.auth("labels", request.headers.get("X-User-ID", "unknown"), "denied")
    return error_response("unauthorized", 401, "unauthorized")


@bp.get("/")
async def index():
    """Active labels, optionally of one category."""
    category = request.args.get("category")
    if category is not None and category not in svc.CATEGORIES:
        return error_response("unknown category", 400, "invalid_input")
    return ok(await svc.list_labels(g.community_id, category))


@bp.get("/search")
async def search():
    """Search labels by name."""
    limit = max(1, min(request.args.get("limit", 50, type=int), 200))
    offset = request.args.get("offset", 0, type=int)
    sort = request.args.get("sort", "name")
    text = request.args.get("q", "")[:60]
    found = await svc.search(g.community_id, text, sort, limit, max(offset, 0))
    return ok(found, meta={"limit": limit, "offset": offset})


@bp.get("/report")
async def report():
    """Usage report."""
    return ok(await svc.report(g.community_id))


@bp.post("/")
async def create():
    """Create a label."""
    try:
        data = validate_input(await request.get_json(), CREATE)
        label_id = await svc.create(g.community_id, data, g.user_id)
    except ValidationError as exc:
        return error_response(str(exc), 400, "invalid_input")
    except svc.LabelError as exc:
        return failed(exc)
    log.audit("label_create", g.user_id, g.community_id, "success", label=label_id)
    await svc.notify(g.community_id, "created", label_id)
    return ok({"id": label_id}, code=201)


@bp.patch("/<int:label_id>")
async def update(label_id):
    """Change a label."""
    try:
        changes = validate_input(await request.get_json(), UPDATE)
        await svc.update(g.community_id, label_id, changes)
    except ValidationError as exc:
        return error_response(str(exc), 400, "invalid_input")
    except svc.LabelError as exc:
        return failed(exc)
    log.audit(
        action="label_update",
        result="success",
        community=g.community_id,
        user=g.user_id,
    )
    return ok({"id": label_id})


@bp.delete("/<int:label_id>")
async def delete(label_id):
    """Delete a label."""
    try:
        await svc.remove(g.community_id, label_id)
    except svc.LabelError as exc:
        return failed(exc)
    log.audit("label_delete", g.user_id, g.community_id, "success", label=label_id)
    return ok({"deleted": label_id})
