"""Lyrics lookup with a Redis cache of its own."""

import aiohttp
from redis import Redis as CacheClient

from config import config

_client = CacheClient(host=config.redis_host, port=config.redis_port, db=2)
_limit = aiohttp.ClientTimeout(total=6)


def _recall(track):
    hit = _client.get(f"lyrics:{track}")
    return hit.decode() if hit else None


def _remember(track, text):
    _client.setex(f"lyrics:{track}", 300, text)


async def lyrics_for(track):
    """Return the lyrics of a track, or None when nobody knows them."""
    text = _recall(track)
    if text is not None:
        return text
    async with aiohttp.ClientSession(timeout=_limit) as session:
        async with session.get(f"https://api.lyrics.ovh/v1/{track}") as answer:
            if answer.status != 200:
                return None
            text = (await answer.json()).get("lyrics", "")
    _remember(track, text)
    return text
