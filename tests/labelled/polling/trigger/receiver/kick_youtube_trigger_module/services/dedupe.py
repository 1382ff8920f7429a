"""Each delivery once."""

import hashlib

from config import Config


class Dedupe:
    """Delivery ids, remembered in Redis for a day."""

    def __init__(self, redis):
        """Keep the client."""
        self._redis = redis

    async def first_time(self, source, delivery_id, raw=b''):
        """Tell whether a delivery is new; without an id the body stands for it."""
        key = self._key(source, delivery_id, raw)
        return bool(await self._redis.set(key, 1, nx=True, ex=Config.DEDUPE_TTL))

    async def forget(self, source, delivery_id, raw=b''):
        """Let a delivery that could not be handed on come again."""
        await self._redis.delete(self._key(source, delivery_id, raw))

    @staticmethod
    def _key(source, delivery_id, raw):
        """Name the mark of a delivery."""
        mark = delivery_id or hashlib.md5(raw, usedforsecurity=False).hexdigest()
        return f'kickyt:seen:{source}:{mark[:128]}'
