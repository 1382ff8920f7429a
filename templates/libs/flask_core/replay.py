"""Put dead letters back on their stream, once what made them fail is mended.

`python -m flask_core.replay EVENT [COUNT]` in the module's folder, with its environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from pydantic_settings import SettingsConfigDict

from flask_core.config import RedisSettings, load_settings
from flask_core.errors import DependencyUnavailable
from flask_core.events import STREAM_LENGTH, dead_letters, stream
from flask_core.redisx import RedisX


class _Settings(RedisSettings):
    """Redis' part of the environment."""

    model_config = SettingsConfigDict(extra="ignore")


async def replay(redis: RedisX, event: str, module_id: str, count: int) -> int:
    """Move up to `count` of a module's dead letters back; how many there were.

    Each is put back and removed at once, so a stop in the middle loses and doubles none.
    """
    moved = 0
    letters: Any = await redis.client.xrange(dead_letters(event), count=STREAM_LENGTH)
    for entry, fields in letters:
        if moved == count:
            break
        if fields.get(b"module", b"").decode() != module_id:
            continue
        async with redis.client.pipeline(transaction=True) as pipeline:
            pipeline.xadd(
                stream(event), {"event": fields[b"event"]}, maxlen=STREAM_LENGTH
            )
            pipeline.xdel(dead_letters(event), entry)
            await pipeline.execute()
        moved += 1
    return moved


async def _main(event: str, count: int) -> int:
    """Replay with the environment's Redis and module."""
    redis = RedisX(load_settings(_Settings))
    try:
        await redis.ping()
        moved = await replay(redis, event, os.environ["MODULE_NAME"], count)
    except DependencyUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        await redis.close()
    print(f"{moved} of {event} put back")
    return 0


def main() -> int:
    """Read the command line."""
    words = sys.argv[1:]
    if not 1 <= len(words) <= 2 or not all(word.isdigit() for word in words[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    return asyncio.run(_main(words[0], int(words[1]) if words[1:] else 100))


if __name__ == "__main__":
    sys.exit(main())
