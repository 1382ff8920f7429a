"""Portal: the web pages of WaddleBot."""

import time

from quart import Quart, jsonify, render_template, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import config
from handlers import account, admin, pages
from services import users
from utils import log, session

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024
app.register_blueprint(pages.bp)
app.register_blueprint(account.bp, url_prefix="/account")
app.register_blueprint(admin.bp, url_prefix="/admin")
app.before_request(session.load)
BORN = time.time()


@app.before_serving
async def startup():
    """Set logging up."""
    log.setup()
    log.event("SYSTEM", "startup", "success")


@app.after_serving
async def shutdown():
    """Drop the database connections."""
    await users.engine.dispose()


@app.after_request
async def headers(response):
    """Add security headers, and CORS ones for the embedded widgets."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    origin = request.headers.get("Origin", "")
    if request.path.startswith("/static/") and origin in config.EMBED_ORIGINS:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.vary.add("Origin")
    elif origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    return response


@app.get("/health")
async def health():
    """Tell whether the portal and its database are up."""
    try:
        async with users.engine.connect() as conn:
            await conn.execute(text("SELECT 1"))
        database = "connected"
    except (SQLAlchemyError, OSError) as exc:
        log.logger.error("ERROR action=health error=%s", exc)
        database = "unreachable"
    body = {
        "status": "healthy" if database == "connected" else "unhealthy",
        "module": config.MODULE_NAME,
        "version": config.MODULE_VERSION,
        "uptime_seconds": int(time.time() - BORN),
        "dependencies": {"database": database},
    }
    return jsonify(body), 200 if database == "connected" else 503


@app.errorhandler(404)
async def lost(_):
    """Show a friendly page for unknown addresses."""
    return await render_template("404.html", path=request.path), 404


@app.errorhandler(500)
async def broken(exc):
    """Log the failure and show an apology."""
    log.logger.error("ERROR action=%s error=%s", request.path, exc)
    return await render_template("500.html"), 500
