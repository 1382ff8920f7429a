"""Redis: dedupe keys, payloads kept for replay, per-repository counters."""

import json
from typing import Any, Optional

import redis.asyncio as redis

import config

SEEN = "ghwh:seen:"
PAYLOAD = "ghwh:payload:"
STATS = "ghwh:stats"

pool = redis.from_url(config.REDIS_URL, decode_responses=True, socket_timeout=3)


async def first_time(delivery_id: str) -> bool:
    """True exactly once per delivery."""
    return bool(await pool.set(SEEN + delivery_id, "1", nx=True, ex=config.DEDUPE_TTL))


async def first_install(installation_id: int) -> bool:
    """True the first time an installation is reported."""
    key = f"{SEEN}install:{installation_id}"
    return bool(await pool.set(key, "1", nx=True, ex=30 * 86400))


async def forget(delivery_id: str) -> None:
    """Let a delivery that could not be queued come in again."""
    await pool.delete(SEEN + delivery_id)


async def close() -> None:
    """Release the pool."""
    await pool.aclose()


async def keep(delivery_id: str, event: str, payload: dict) -> None:
    """Keep a payload for later replay."""
    await pool.set(
        PAYLOAD + delivery_id,
        json.dumps({"event": event, "payload": payload}),
        ex=config.DEDUPE_TTL,
    )


async def recall(delivery_id: str) -> Optional[dict[str, Any]]:
    """Payload kept earlier, or None."""
    raw = await pool.get(PAYLOAD + delivery_id)
    return json.loads(raw) if raw else None


async def count(repo: str) -> None:
    """Bump the repository's counter."""
    await pool.hincrby(STATS, repo, 1)


async def stats() -> dict[str, int]:
    """Deliveries per repository."""
    return {repo: int(n) for repo, n in (await pool.hgetall(STATS)).items()}


async def ping() -> bool:
    """Health check."""
    try:
        return bool(await pool.ping())
    except (OSError, redis.RedisError):
        return False
