"""Pages of the community staff."""

from quart import Blueprint, abort, g, redirect, render_template, request, url_for

from services import avatars, users
from utils.log import event
from utils.session import RANKS, role_required as needs

bp = Blueprint("admin", __name__)


async def _done(action, detail):
    await users.remember(g.user["community"], g.user["sub"], action, detail)
    event("AUDIT", action, "success", g.user["community"], g.user["sub"])
    return redirect(url_for("admin.panel"))


@bp.get("/")
@needs("moderator")
async def panel():
    """Show the control panel."""
    lines = await users.recent_audit(g.user["community"])
    chart = {}
    for line in lines:
        chart[line["action"]] = chart.get(line["action"], 0) + 1
    return await render_template("admin.html", lines=lines, chart=chart)


@needs("admin")
@bp.post("/members/<int:user_id>/role")
async def change_role(user_id):
    """Give a member another role."""
    role = (await request.form).get("role", "")
    if role not in RANKS:
        abort(400)
    if not await users.set_role(g.user["community"], user_id, role):
        abort(404)
    return await _done("change_role", f"{user_id}:{role}")


@bp.post("/banner")
@needs("admin")
async def banner():
    files = await request.files
    picture = files.get("banner")
    if picture is None or not picture.filename:
        abort(400)
    data = picture.read(2_000_001)
    if len(data) > 2_000_000:
        abort(413)
    try:
        name = await avatars.store_banner(picture.filename, data)
    except avatars.Refused:
        abort(400)
    return await _done("banner", name)
