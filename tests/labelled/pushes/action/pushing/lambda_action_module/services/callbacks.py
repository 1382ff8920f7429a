"""Tells the caller's URL about a finished asynchronous invocation."""

import json
import logging
from typing import Any, Dict
from urllib.parse import urlsplit

import httpx

from flask_core.webhooks import sign

from settings import settings

log = logging.getLogger(f"{settings.MODULE}:{settings.version}")

UNBOUNDED = httpx.Timeout(None)


def allowed(url: str) -> bool:
    """Only https, and only the hosts in CALLBACK_HOSTS."""
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname in settings.callback_hosts


async def notify(url: str, event: Dict[str, Any]) -> bool:
    """POST the event, signed; True if the receiver took it."""
    body = json.dumps(event, sort_keys=True).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Signature": sign(body, settings.callback_secret),
    }
    try:
        async with httpx.AsyncClient(timeout=UNBOUNDED) as http:
            resp = await http.post(url, content=body, headers=headers)
    except httpx.HTTPError as exc:
        log.warning("callback failed: %s", type(exc).__name__)
        return False
    return resp.is_success
