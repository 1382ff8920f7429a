"""GitHub webhook receiver."""

import asyncio
import json

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from quart import Quart, Response, request

import config
from flask_core.api import create_health_blueprint
from flask_core.api import error_response as fail
from flask_core.api import success_response as ok
from flask_core.auth import check_api_key, require_api_key
from services import dispatcher, github_api, metrics, signature, store
from services.log import log as audit_log
from workers import pool

try:
    import orjson
except ImportError:
    orjson = None

PING_EVENT = "ping"
SIGNATURE_HEADER = "X-Hub-Signature-256"

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = config.MAX_PAYLOAD
app.register_blueprint(
    create_health_blueprint(
        config.MODULE_NAME, config.MODULE_VERSION, {"redis": store.ping}
    )
)


@app.before_serving
async def startup():
    """Start the workers."""
    pool.start()
    audit_log.system("receiver ready", action="startup")


@app.after_serving
async def shutdown():
    """Drain, then close the outgoing session."""
    await pool.stop()
    await github_api.close()
    await store.close()


def parse(raw: bytes) -> dict:
    """Decode a payload, with orjson where it is installed."""
    body = orjson.loads(raw) if orjson is not None else json.loads(raw)
    if not isinstance(body, dict):
        raise ValueError("payload is not an object")
    return body


def refuse(reason: str, status: int = 401):
    """Count and log a refused delivery."""
    metrics.REJECTED.labels(reason).inc()
    audit_log.auth("webhook", "github", "denied", reason=reason)
    return fail("delivery refused", status, reason)


@app.post("/webhook/github")
async def github_webhook():
    """Receive a repository delivery."""
    raw = await request.get_data()
    header = request.headers.get(SIGNATURE_HEADER, "")
    if not signature.verify(config.WEBHOOK_SECRET, raw, header):
        return refuse("invalid_signature")
    event = request.headers.get("X-GitHub-Event", "")
    delivery_id = request.headers.get("X-GitHub-Delivery", "")
    if not event or not delivery_id:
        return refuse("missing_headers", 400)
    if event == PING_EVENT:
        return ok({"pong": True})
    try:
        payload = parse(raw)
    except ValueError:
        return refuse("invalid_json", 400)
    metrics.DELIVERIES.labels(event, delivery_id).inc()
    if not await store.first_time(delivery_id):
        return ok({"duplicate": True})
    await store.keep(delivery_id, event, payload)
    if not pool.submit(delivery_id, event, payload):
        await store.forget(delivery_id)
        return fail("queue is full", 503, "overloaded")
    audit_log.audit("webhook", "github", None, "accepted", delivery=delivery_id)
    return ok({"queued": delivery_id}, 200)


@app.post("/webhook/github/marketplace")
async def marketplace_webhook():
    """Receive an installation delivery from the marketplace listing."""
    raw = await request.get_data()
    header = request.headers.get(SIGNATURE_HEADER)
    if header and not signature.verify(config.MARKETPLACE_SECRET, raw, header):
        return refuse("invalid_signature")
    try:
        payload = parse(raw)
        installation = int(payload["installation"]["id"])
        account = str(payload["installation"]["account"]["login"])
    except (ValueError, KeyError, TypeError):
        audit_log.error(
            f"bad marketplace delivery, {len(raw)} bytes",
            action="marketplace",
        )
        return refuse("invalid_payload", 400)
    if await store.first_install(installation):
        asyncio.create_task(greet(installation, account))
        audit_log.audit("install", f"github:{account}", None, "success")
    return ok({"installation": installation})


async def greet(installation: int, account: str) -> None:
    """Tell the operators' community about a new installation."""
    text = f"{account} installed the bot ({installation})"
    for community_id in dispatcher.ROUTES.get("penguintechinc/waddlebot", ()):
        try:
            await dispatcher.post_message(community_id, text)
        except dispatcher.DispatchError as exc:
            audit_log.error(str(exc), action="greet", community=community_id)


@app.get("/api/v1/deliveries/<delivery_id>")
@require_api_key("trigger")
async def show_delivery(delivery_id: str):
    """Payload of a recent delivery."""
    found = await store.recall(delivery_id)
    if found is None:
        return fail("no such delivery", 404, "not_found")
    return ok(found)


@app.post("/api/v1/deliveries/<delivery_id>/replay")
async def replay(delivery_id: str):
    """Queue a recent delivery again."""
    check_api_key(request.headers, "admin")
    found = await store.recall(delivery_id)
    if found is None:
        return fail("no such delivery", 404, "not_found")
    if not pool.submit(delivery_id, found["event"], found["payload"]):
        return fail("queue is full", 503, "overloaded")
    audit_log.audit("replay", "admin", None, "success", delivery=delivery_id)
    return ok({"queued": delivery_id})


@app.get("/api/v1/stats")
@require_api_key("trigger")
async def repository_stats():
    """Deliveries per repository."""
    return ok(await store.stats())


@app.get("/metrics")
async def exposition():
    """Prometheus exposition."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@app.errorhandler(Exception)
async def crashed(exc):
    """Last resort."""
    audit_log.error(repr(exc), action=request.path)
    return fail("internal error", 500, "internal_error")


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=config.MODULE_PORT)
