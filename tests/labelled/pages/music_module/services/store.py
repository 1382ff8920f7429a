"""Connections to Postgres and Redis."""

import asyncpg
import redis.asyncio as redis

from config import config

_state = {}


async def connect():
    """Open the database pool and the cache client."""
    _state["db"] = await asyncpg.create_pool(
        host=config.db_host,
        port=config.db_port,
        database=config.db_name,
        user=config.db_user,
        password=config.db_password,
        command_timeout=10,
        max_size=10,
    )
    _state["cache"] = redis.Redis(
        host=config.redis_host,
        port=config.redis_port,
        socket_timeout=3,
        decode_responses=True,
    )


async def close():
    """Give everything back."""
    if "db" in _state:
        await _state.pop("db").close()
    if "cache" in _state:
        await _state.pop("cache").aclose()


def db():
    """Return the database pool."""
    return _state["db"]


def cache():
    """Return the Redis client."""
    return _state["cache"]
