"""Seeded module: the smallest thing with a health check."""

import os
import time

from quart import Quart, jsonify

app = Quart(__name__)
STARTED = time.monotonic()
GREETING = os.getenv("GREETING", "hello")


@app.get("/health")
async def health():
    """Report that the process is alive."""
    return jsonify(
        status="healthy",
        module=os.getenv("MODULE_NAME", "seeded"),
        version=os.getenv("MODULE_VERSION", "0.2.0"),
        uptime_seconds=int(time.monotonic() - STARTED),
        greeting=GREETING,
    )
