"""Register the module at the router, and again whenever the router forgot it."""

from __future__ import annotations

import asyncio
import random

import aiohttp

from flask_core.config import ModuleSettings
from flask_core.datamodels import ModuleConfig
from flask_core.logging import log_system
from flask_core.resilience import pause

HEARTBEAT_SECONDS = 30.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


def payload(config: ModuleConfig, settings: ModuleSettings) -> dict[str, object]:
    """What the router is told; serves "Module Registration" of the standard."""
    body: dict[str, object] = {
        "module_id": config.module_id,
        "module_version": settings.module_version,
        "endpoints": list(config.endpoints),
        "health_check": "/health",
        "port": settings.module_port,
    }
    # Not in the standard, but without it a router can only guess the DNS name.
    return {**body, "host": config.host} if config.host else body


async def register_forever(
    settings: ModuleSettings, body: dict[str, object], stopping: asyncio.Event
) -> None:
    """Register with backoff and jitter, then repeat it as a heartbeat."""
    backoff, registered = FIRST_PAUSE, False
    timeout = aiohttp.ClientTimeout(total=5, connect=2)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while not stopping.is_set():
            problem = await _register(session, settings, body)
            if problem is None:
                if not registered:
                    log_system("register", "success", router=settings.router_url)
                registered, backoff = True, FIRST_PAUSE
                wait = HEARTBEAT_SECONDS
            else:
                if registered or backoff == FIRST_PAUSE:
                    log_system("register", "waiting", reason=problem)
                registered, wait = False, backoff
                backoff = min(backoff * 2, LONGEST_PAUSE)
            await pause(stopping, wait * random.uniform(0.8, 1.2))


async def _register(
    session: aiohttp.ClientSession, settings: ModuleSettings, body: dict[str, object]
) -> str | None:
    """One attempt; what went wrong, or None."""
    headers = {"X-API-Key": settings.router_api_key.get_secret_value()}
    url = f"{settings.router_url.rstrip('/')}/api/v1/register"
    try:
        async with session.post(url, json=body, headers=headers) as answer:
            return None if answer.status < 300 else f"status_{answer.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return type(error).__name__
