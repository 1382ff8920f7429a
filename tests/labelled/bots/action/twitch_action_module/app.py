"""Twitch action module: carries out actions the router asks for."""

import asyncio
from functools import wraps

import aiohttp
from quart import Quart, request

from config import Config
from flask_core.api import create_health_blueprint, error_response, success_response
from flask_core.auth import check_api_key, require_api_key
from flask_core.database import AsyncDAL
from flask_core.logging import get_aaa_logger
from flask_core.validation import ValidationError, validate_input
from services.action_service import ActionError, ActionService
from services.token_store import TokenError, TokenPair, TokenStore
from services.twitch_client import TwitchClient, TwitchError

ACTION_SCHEMA = {
    "broadcaster_id": {"type": "string", "required": True, "pattern": r"\d{1,12}"},
    "user_id": {"type": "string", "required": True, "pattern": r"[a-z]+:\d+"},
    "params": {"type": "object"},
}
TOKEN_SCHEMA = {
    "access_token": {"type": "string", "required": True, "max_length": 128},
    "refresh_token": {"type": "string", "required": True, "max_length": 128},
    "expires_at": {"type": "integer", "required": True, "min": 0},
}

app = Quart(__name__)
log = get_aaa_logger(Config.MODULE_NAME, Config.MODULE_VERSION, Config.LOG_LEVEL)
dal = AsyncDAL(Config.dsn())
tokens = TokenStore(dal, log)
client = TwitchClient(tokens, log)
service = ActionService(client, dal, log)

app.register_blueprint(
    create_health_blueprint(
        Config.MODULE_NAME,
        Config.MODULE_VERSION,
        {"database": dal.ping, "redis": tokens.ping},
    )
)


@app.before_serving
async def startup():
    """Open the pool and the HTTP session, then announce the module."""
    await dal.connect()
    await client.open()
    app.announce_task = asyncio.create_task(announce())
    log.system("module started", action="startup")


@app.after_serving
async def shutdown():
    """Close everything opened at startup."""
    app.announce_task.cancel()
    await client.close()
    await tokens.close()
    await dal.close()
    log.system("module stopped", action="shutdown")


async def announce():
    """Register with the router; it polls /health afterwards."""
    body = {
        "module_id": Config.MODULE_NAME,
        "module_version": Config.MODULE_VERSION,
        "endpoints": [f"/api/v1/action/{name}" for name in service.names],
        "health_check": "/health",
        "port": Config.MODULE_PORT,
    }
    for _ in range(3):
        try:
            async with aiohttp.ClientSession() as session:
                async with session.post(
                    f"{Config.ROUTER_URL}/api/v1/register",
                    json=body,
                    headers={"X-API-Key": Config.ROUTER_API_KEY},
                    timeout=aiohttp.ClientTimeout(total=5),
                ) as resp:
                    if resp.status == 200:
                        return
        except (aiohttp.ClientError, asyncio.TimeoutError) as exc:
            log.error(str(exc), action="register")
        await asyncio.sleep(5)


def community_from_headers():
    """Community id of the request, None when absent or malformed."""
    raw = request.headers.get("X-Community-ID", "")
    return int(raw) if raw.isdecimal() else None


def deny_unless(role):
    """Return a 401 response unless the caller holds the role's key."""
    if check_api_key(request.headers, role):
        return None
    log.auth(action=request.path, user="unknown", result="denied")
    return error_response("unauthorized", 401, "unauthorized")


def twitch_errors(view):
    """Turn the service errors into error envelopes."""

    @wraps(view)
    async def inner(*args, **kwargs):
        """Call the view and translate what it raises."""
        try:
            return await view(*args, **kwargs)
        except (ActionError, ValidationError) as exc:
            return error_response(str(exc), 400, "invalid_input")
        except TokenError as exc:
            return error_response(str(exc), 404, "not_linked")
        except (TwitchError, aiohttp.ClientError, asyncio.TimeoutError) as exc:
            log.error(str(exc), action=request.path)
            return error_response("twitch is unavailable", 503, "upstream")

    return inner


@app.post("/api/v1/action/<action>")
@require_api_key("action")
@twitch_errors
async def run_action(action):
    """Run one action for a community."""
    community_id = community_from_headers()
    if community_id is None:
        return error_response("X-Community-ID is required", 400, "invalid_input")
    data = validate_input(await request.get_json(), ACTION_SCHEMA)
    params = dict(data.get("params", {}), user_id=data["user_id"])
    result = await service.run(community_id, data["broadcaster_id"], action, params)
    log.audit(action, data["user_id"], community_id, "success")
    return success_response(result)


@app.post("/api/v1/actions/batch")
@require_api_key("action")
@twitch_errors
async def run_batch():
    """Run several actions; each entry reports its own outcome."""
    community_id = community_from_headers()
    if community_id is None:
        return error_response("X-Community-ID is required", 400, "invalid_input")
    body = await request.get_json()
    entries = body["actions"]
    if len(entries) > Config.MAX_BATCH:
        return error_response("invalid_input", "too many actions", 400)
    outcomes = await asyncio.gather(
        *(
            service.run(
                community_id,
                entry["broadcaster_id"],
                entry["action"],
                entry.get("params", {}),
            )
            for entry in entries
        ),
        return_exceptions=True,
    )
    report = [
        {"ok": False, "error": str(item)} if isinstance(item, Exception) else item
        for item in outcomes
    ]
    return success_response(report, meta={"count": len(report)})


@app.get("/api/v1/actions/history")
async def action_history():
    """History of a community, newest first."""
    denied = deny_unless("action")
    if denied is not None:
        return denied
    community_id = community_from_headers()
    if community_id is None:
        return error_response("X-Community-ID is required", 400, "invalid_input")
    limit = request.args.get("limit", 50, type=int)
    wanted = [name for name in request.args.getlist("action") if name in service.names]
    rows = await service.history(community_id, wanted, max(1, min(limit, 200)))
    return success_response(rows)


@app.put("/api/v1/tokens/<broadcaster_id>")
@require_api_key("admin")
@twitch_errors
async def store_token(broadcaster_id):
    """Store the pair obtained by the linking flow."""
    data = validate_input(await request.get_json(), TOKEN_SCHEMA)
    await tokens.save(broadcaster_id, TokenPair(**data))
    log.audit("token_store", "portal", None, "success", broadcaster=broadcaster_id)
    return success_response({"stored": True}, 200)


@require_api_key("admin")
@app.delete("/api/v1/tokens/<broadcaster_id>")
@twitch_errors
async def revoke_token(broadcaster_id):
    """Forget a broadcaster's tokens."""
    if not await tokens.revoke(broadcaster_id):
        return error_response("no tokens stored", 404, "not_found")
    log.audit("token_revoke", "portal", None, "success", broadcaster=broadcaster_id)
    return success_response({"revoked": True})


@app.errorhandler(Exception)
async def unexpected(exc):
    """Last resort: log and answer with the error envelope."""
    log.error(repr(exc), action=request.path)
    return error_response("internal error", 500, "internal_error")


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=Config.MODULE_PORT)
