"""A hand-written Quart module that does what the standard asks."""

import hashlib
import hmac
import json
import logging
import os
import sys
import time
import uuid
from datetime import datetime, timezone
from functools import wraps

from quart import Quart, Response, jsonify, request

STARTED = time.monotonic()
API_KEY = os.environ["API_KEY"]
WEBHOOK_SECRET = os.getenv("WEBHOOK_SECRET", "")
COUNTS = {"requests": 0}
QUOTES = []

app = Quart(__name__)
logger = logging.getLogger("quotes")
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(logging.Formatter("%(message)s"))
logger.addHandler(handler)
logger.setLevel(os.getenv("LOG_LEVEL", "INFO"))


def log(event, **fields):
    """Write one AAA line; every value is quoted."""
    stamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = "".join(f" {name}={json.dumps(str(v))}" for name, v in fields.items())
    logger.info("[%s] INFO quotes:1.0.0 %s%s", stamp, event, words)


def failure(status, code, message):
    """An error in the standard's envelope."""
    body = {
        "error": code,
        "message": message,
        "status": status,
        "correlation_id": str(uuid.uuid4()),
        "timestamp": datetime.now(timezone.utc).isoformat(),
    }
    return jsonify(body), status


def require_api_key(view):
    """Let a view be called with the key alone."""

    @wraps(view)
    async def checked(*args, **kwargs):
        given = request.headers.get("X-API-Key", "")
        if not hmac.compare_digest(given.encode(), API_KEY.encode()):
            log("AUTH", action=request.path, result="denied")
            return failure(401, "unauthorized", "a valid key is needed")
        return await view(*args, **kwargs)

    return checked


@app.after_request
async def count(response):
    """Count every request."""
    COUNTS["requests"] += 1
    return response


@app.errorhandler(404)
async def not_found(error):
    """No such path."""
    return failure(404, "not_found", "there is no such path")


@app.errorhandler(405)
async def not_allowed(error):
    """No such method."""
    return failure(405, "method_not_allowed", "this path has no such method")


@app.get("/health")
async def health():
    """Say how the module is."""
    return {
        "status": "healthy",
        "module": "quotes",
        "version": "1.0.0",
        "uptime_seconds": time.monotonic() - STARTED,
        "dependencies": {},
    }


@app.get("/metrics")
async def metrics():
    """Say what was counted."""
    text = f"# TYPE http_requests_total counter\nhttp_requests_total {COUNTS['requests']}\n"
    return Response(text, content_type="text/plain; version=0.0.4")


@app.get("/api/v1/quotes")
@require_api_key
async def list_quotes():
    """Every quote."""
    return {"quotes": QUOTES}


@app.post("/api/v1/quotes")
@require_api_key
async def add_quote():
    """Keep a quote."""
    data = await request.get_json(force=True, silent=True)
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        return failure(400, "bad_request", "text is wanted")
    QUOTES.append(data["text"])
    log("AUDIT", action="add_quote", text=data["text"], result="success")
    return {"success": True}, 201


@app.post("/webhook/twitch")
async def twitch_webhook():
    """Take an event of Twitch that Twitch has signed."""
    body = await request.get_data()
    names = ("Id", "Timestamp")
    parts = [request.headers.get(f"Twitch-Eventsub-Message-{n}", "") for n in names]
    given = request.headers.get("Twitch-Eventsub-Message-Signature", "")
    signed = "".join(parts).encode() + body
    digest = hmac.new(WEBHOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    right = f"sha256={digest}".encode()
    if not WEBHOOK_SECRET or not hmac.compare_digest(right, given.encode()):
        log("AUTH", action="webhook", result="denied")
        return failure(401, "unauthorized", "the signature is wrong")
    return "", 204
