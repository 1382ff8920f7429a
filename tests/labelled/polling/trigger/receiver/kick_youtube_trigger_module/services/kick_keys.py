"""Kick's public key, fetched and kept for an hour."""

import asyncio
import time

import requests
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from config import Config
from flask_core import get_logger

logger = get_logger(__name__)

_lock = asyncio.Lock()
_held = {'key': None, 'until': 0.0}


async def public_key():
    """Return the key, fetching it anew when the one at hand is old."""
    async with _lock:
        if _held['key'] is None or time.monotonic() > _held['until']:
            reply = await asyncio.to_thread(requests.get, f'{Config.KICK_API}/public-key')
            reply.raise_for_status()
            pem = reply.json()['data']['public_key']
            _held['key'] = load_pem_public_key(pem.encode())
            _held['until'] = time.monotonic() + Config.KICK_KEY_MAX_AGE
            logger.info('kick public key fetched')
        return _held['key']
