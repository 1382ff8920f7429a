"""A hand-written Flask module with a defect for every live rule."""

import hashlib
import hmac
import logging
import os
from functools import wraps

from flask import Flask, jsonify, request

app = Flask(__name__)
logging.basicConfig(
    level=logging.INFO,
    format="[%(asctime)s] %(levelname)s greetings:1.0.0 SYSTEM action=log %(message)s",
    datefmt="%Y-%m-%dT%H:%M:%SZ",
)
logger = logging.getLogger("greetings")
API_KEY = os.getenv("API_KEY", "")
WEBHOOK_SECRET = os.getenv("WEBHOOK_SECRET", "")
NAMES = []


def require_api_key(view):
    """Let a view be called with the key alone."""

    @wraps(view)
    def checked(*args, **kwargs):
        if request.headers.get("X-API-Key") != API_KEY:
            return jsonify({"error": "unauthorized"}), 401
        return view(*args, **kwargs)

    return checked


@app.get("/health")  # ! WB512
def health():
    """Say little."""
    return jsonify({"status": "ok"})


@app.get("/metrics")  # ! WB902
def metrics():
    """Say it in a form that nobody reads."""
    return jsonify({"requests": 1})


@app.get("/api/v1/names")
@require_api_key
def list_names():
    """Every name."""
    return jsonify({"names": NAMES})


@app.post("/api/v1/greet")  # ! WB423
@require_api_key
def greet():
    """Greet somebody."""
    data = request.get_json(force=True, silent=True)
    name = data.get("name")
    logger.info("user=%s greeted" % name)  # ! WB607
    return jsonify({"hello": name})


@app.delete("/api/v1/names")  # ! WB415
def forget():
    """Forget every name."""
    NAMES.clear()
    return jsonify({"success": True})


@app.post("/webhook/github")  # ! WB435
def github_webhook():
    """Take an event, signed or not when no secret is set."""
    if WEBHOOK_SECRET:
        given = request.headers.get("X-Hub-Signature-256", "")
        digest = hmac.new(WEBHOOK_SECRET.encode(), request.data, hashlib.sha256)
        if not hmac.compare_digest("sha256=" + digest.hexdigest(), given):
            return jsonify({"error": "unauthorized"}), 401
    return jsonify({"received": True})


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(os.getenv("MODULE_PORT", "8062")))
