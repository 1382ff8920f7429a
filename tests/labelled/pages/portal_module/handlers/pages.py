"""Public and member pages."""

from markupsafe import Markup, escape
from quart import Blueprint, abort, g, render_template, request

from services import users
from utils.session import signed_in

bp = Blueprint("pages", __name__)

NOTICE = Markup("<p>The portal is <b>beta</b>, tell us what breaks.</p>")


@bp.get("/")
async def home():
    """Show the landing page."""
    return await render_template("home.html", notice=NOTICE)


@bp.get("/members")
@signed_in
async def members():
    """Show the member list."""
    try:
        page = max(1, int(request.args.get("page", "1")))
    except ValueError:
        abort(400)
    rows = await users.members(g.user["community"], page)
    badges = await users.badges_for(g.user["community"], rows)
    return await render_template("members.html", rows=rows, badges=badges, page=page)


@bp.get("/members/<int:user_id>")
@signed_in
async def profile(user_id):
    """Show one member."""
    found = await users.profile(g.user["community"], user_id)
    if found is None:
        abort(404)
    return await render_template("profile.html", profile=found)


@bp.get("/rules")
@signed_in
async def rules():
    """Show the house rules."""
    return render_template("rules.html", community=g.user["community"])


@bp.get("/search")
@signed_in
async def search():
    """Show members whose name contains the words looked for."""
    wanted = request.args.get("q", "").strip()[:40]
    rows = await users.members(g.user["community"], 1)
    hits = [row for row in rows if wanted.lower() in row["name"].lower()]
    title = Markup("Results for <em>{}</em>").format(wanted)
    if not hits:
        title = Markup("<p>Nothing for ") + escape(wanted) + Markup("</p>")
    return await render_template("search.html", title=title, rows=hits)
