"""Entry point: `hypercorn main:app`."""

import time
import uuid
from typing import Any, Dict

import httpx
from quart import Quart, g, request
from werkzeug.exceptions import HTTPException

from flask_core.aaa import setup_logging
from flask_core.api import create_response, error_response
from flask_core.health import quart_health
from flask_core.metrics import metrics_response
from flask_core.ratelimit import rate_limit
from flask_core.validation import ValidationError, validate_input

from auth import aaa, requires
from rpc import INVOKE, build_server
from services.aws import AwsProvider, InvokeError
from services.callbacks import allowed
from services.gcp import GcpProvider
from services.invoker import Invoker, qualified
from services.repo import Repo
from settings import env, settings

log = setup_logging(
    settings.MODULE, settings.version, settings.log_level, settings.log_dir
)
app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024

repo = Repo(settings.database_url or "postgresql+asyncpg://localhost/waddlebot")
invoker = Invoker(AwsProvider(), repo, aaa)
gcp = GcpProvider()

LATER = {**INVOKE, "callback_url": {"type": "string", "max_length": 500}}
BATCH = {
    "items": {
        "type": "array",
        "required": True,
        "max_length": 100,
        "items": {"type": "object"},
    }
}

_RESULTS: Dict[str, Any] = {}
_grpc: Dict[str, Any] = {}

app.register_blueprint(
    quart_health(settings.MODULE, settings.version, {"database": repo.ping})
)


@app.get("/metrics")
async def metrics() -> Any:
    """Prometheus metrics."""
    return metrics_response()


@app.errorhandler(ValidationError)
async def bad_input(exc: ValidationError) -> Any:
    """400 for bodies that do not fit."""
    return error_response(400, "invalid_input", str(exc))


@app.errorhandler(InvokeError)
async def provider_failed(exc: InvokeError) -> Any:
    """503 for the provider's failures."""
    return error_response(503, "provider_error", str(exc))


@app.errorhandler(Exception)
async def unexpected(exc: Exception) -> Any:
    """The documented body for the rest."""
    if isinstance(exc, HTTPException):
        return error_response(exc.code or 500, "http_error", exc.name)
    log.exception("unhandled")
    return error_response(500, "internal_error")


def _envelope(result: Any, started: float) -> Any:
    """Success with the standard's fields."""
    return create_response(
        result,
        action_id=f"action_{uuid.uuid4().hex[:12]}",
        execution_time_ms=int((time.monotonic() - started) * 1000),
    )


@app.post("/api/v1/action/invoke")
@rate_limit(max_requests=100, window=60)
@requires("action")
async def invoke() -> Any:
    """Invoke a function and wait for it."""
    started = time.monotonic()
    body = validate_input(await request.get_json(silent=True), INVOKE)
    key = request.headers.get("Idempotency-Key")
    if key in _RESULTS:
        return _envelope(_RESULTS[key], started)
    reply = await invoker.run(
        g.community_id,
        g.identity.name,
        qualified(body["function_name"]),
        body.get("payload"),
    )
    if key:
        _RESULTS[key] = reply
    return _envelope(reply, started)


@app.post("/api/v1/action/invoke_async")
@rate_limit(max_requests=100, window=60)
@requires("action")
async def invoke_async() -> Any:
    """Invoke in the background, then POST to callback_url if given."""
    started = time.monotonic()
    body = validate_input(await request.get_json(silent=True), LATER)
    url = body.get("callback_url")
    if url and not allowed(url):
        return error_response(400, "invalid_input", "callback_url: host not allowed")
    row = await invoker.run_later(
        g.community_id,
        g.identity.name,
        qualified(body["function_name"]),
        body.get("payload"),
        url,
    )
    return _envelope({"invocation_id": row}, started)


@app.post("/api/v1/action/batch_invoke")
@rate_limit(max_requests=10, window=60)
@requires("action")
async def batch_invoke() -> Any:
    """Invoke up to 100 functions."""
    started = time.monotonic()
    body = validate_input(await request.get_json(silent=True), BATCH)
    items = [(i.get("function_name", ""), i.get("payload")) for i in body["items"]]
    replies = await invoker.run_batch(g.community_id, g.identity.name, items)
    return _envelope(replies, started)


@app.get("/api/v1/functions")
@requires("admin")
async def functions() -> Any:
    """Functions that can be invoked."""
    return create_response(
        {"aws": await invoker.aws.functions(), "gcp": await gcp.functions()}
    )


@app.get("/api/v1/invocations")
@requires("action")
async def invocations() -> Any:
    """Newest invocations of the community."""
    limit = request.args.get("limit", 50, type=int)
    return create_response(
        await repo.recent(g.community_id, min(max(limit, 1), 200)),
        usage=await repo.usage(g.community_id),
    )


@app.before_serving
async def start() -> None:
    """Start gRPC and register with the router."""
    settings.check()
    _grpc["server"] = build_server(invoker, settings.grpc_port)
    await _grpc["server"].start()
    try:
        async with httpx.AsyncClient(timeout=5.0) as http:
            resp = await http.post(
                env("ROUTER_URL", "http://core-router:8000") + "/api/v1/register",
                headers={"X-API-Key": env("ROUTER_API_KEY")},
                json={
                    "module_id": "lambda-action",
                    "module_version": settings.version,
                    "endpoints": ["/api/v1/action/invoke"],
                    "health_check": "/health",
                    "port": settings.port,
                },
            )
            resp.raise_for_status()
    except httpx.HTTPError as exc:
        aaa.error("register", type(exc).__name__)
    aaa.system("startup")


@app.after_serving
async def stop() -> None:
    """Drain, then close."""
    if "server" in _grpc:
        await _grpc["server"].stop(grace=10)
    await invoker.drain()
    await repo.close()
    aaa.system("shutdown")
