"""Login, profile editing and uploads."""

from quart import (
    Blueprint,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)

import config
from services import avatars, users
from utils import session
from utils.log import event

bp = Blueprint("account", __name__)


@bp.get("/login")
async def login():
    """Show the login form."""
    return await render_template("login.html", failed=False)


@bp.post("/login")
async def do_login():
    """Check the password and start a session."""
    form = await request.form
    name, password = form.get("login", "").strip(), form.get("password", "")
    if not 1 <= len(name) <= 64 or not 1 <= len(password) <= 256:
        abort(400)
    user = await users.by_login(name)
    if user is None or not await users.password_fits(user, password):
        event("AUTH", "login", "denied", user=name, form=form.to_dict())
        return await render_template("login.html", failed=True), 401
    event("AUTH", "login", "success", user["community_id"], user["id"])
    response = await make_response(redirect(url_for("pages.home")))
    return session.attach(response, session.issue(user))


@bp.post("/logout")
async def logout():
    """End the session."""
    response = await make_response(redirect(url_for("pages.home")))
    response.delete_cookie(config.JWT_COOKIE)
    return response


@bp.get("/me")
@session.signed_in
async def me():
    """Show my own settings."""
    token = request.cookies[config.JWT_COOKIE]
    found = await users.profile(g.user["community"], int(g.user["sub"]))
    return await render_template(
        "me.html", profile=found, until=session.expiry_of(token)
    )


@bp.post("/me/bio")
@session.signed_in
async def bio():
    """Save my bio."""
    text = (await request.form).get("bio", "").strip()
    if len(text) > 1000:
        abort(400)
    await users.set_bio(g.user["community"], int(g.user["sub"]), text)
    return redirect(url_for("account.me"))


@bp.post("/me/avatar")
@session.signed_in
async def upload():
    """Take a new avatar."""
    picture = (await request.files).get("picture")
    if picture is None or not picture.filename:
        abort(400)
    data = picture.read(config.MAX_UPLOAD + 1)
    if len(data) > config.MAX_UPLOAD:
        abort(413)
    try:
        name, _ = await avatars.store_upload(picture.filename, data)
    except avatars.Refused:
        abort(400)
    await users.set_avatar(g.user["community"], int(g.user["sub"]), name)
    event("AUDIT", "avatar", "success", g.user["community"], g.user["sub"])
    return redirect(url_for("account.me"))


@bp.post("/me/gravatar")
@session.signed_in
async def gravatar():
    """Use my Gravatar."""
    mail = (await request.form).get("mail", "")
    if "@" not in mail or len(mail) > 254:
        abort(400)
    try:
        name = await avatars.adopt_gravatar(mail)
    except avatars.Refused:
        abort(400)
    await users.set_avatar(g.user["community"], int(g.user["sub"]), name)
    return redirect(url_for("account.me"))
