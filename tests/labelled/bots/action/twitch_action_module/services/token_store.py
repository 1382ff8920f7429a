"""OAuth tokens of broadcasters: Redis in front, PostgreSQL behind."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Optional

import aiohttp
import redis.asyncio as aioredis
from flask_core.database import AsyncDAL
from flask_core.logging import AAALogger

from config import Config


class TokenError(RuntimeError):
    """No usable token for the broadcaster."""


@dataclass(slots=True)
class TokenPair:
    """Access and refresh token with the absolute expiry."""

    access_token: str
    refresh_token: str
    expires_at: float

    def stale(self) -> bool:
        """True when the access token is expired or about to be."""
        return time.time() + Config.TOKEN_REFRESH_MARGIN >= self.expires_at


class TokenStore:
    """Looks up, refreshes and forgets broadcaster tokens."""

    def __init__(self, dal: AsyncDAL, log: AAALogger):
        """Keep the collaborators; the Redis pool is lazy."""
        self._dal = dal
        self._log = log
        self._redis = aioredis.from_url(
            Config.REDIS_URL, decode_responses=True, socket_timeout=3
        )

    def _key(self, broadcaster_id: str) -> str:
        """Redis key of a broadcaster's token pair."""
        return f"{Config.TOKEN_KEY_PREFIX}{broadcaster_id}"

    async def get(self, broadcaster_id: str) -> TokenPair:
        """Return a fresh token pair, refreshing it if needed."""
        pair = await self._load(broadcaster_id)
        if pair is None:
            raise TokenError(f"broadcaster {broadcaster_id} has not linked the bot")
        if pair.stale():
            pair = await self._refresh(broadcaster_id, pair)
        ttl = int(pair.expires_at - time.time())
        self._log.debug(f"access token of {broadcaster_id} valid for {ttl}s")
        return pair

    async def _load(self, broadcaster_id: str) -> Optional[TokenPair]:
        """Redis first, then the table."""
        cached = await self._redis.get(self._key(broadcaster_id))
        if cached:
            return TokenPair(**json.loads(cached))
        row = await self._dal.fetch_one(
            "SELECT access_token, refresh_token, "
            "extract(epoch FROM expires_at)::float8 AS expires_at "
            "FROM twitch_action_tokens WHERE broadcaster_id = $1",
            (broadcaster_id,),
        )
        return TokenPair(**row) if row else None

    async def _refresh(self, broadcaster_id: str, pair: TokenPair) -> TokenPair:
        """Trade the refresh token for a new pair and persist it."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": pair.refresh_token,
            "client_id": Config.TWITCH_CLIENT_ID,
            "client_secret": Config.TWITCH_CLIENT_SECRET,
        }
        timeout = aiohttp.ClientTimeout(total=Config.HTTP_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.post(Config.TWITCH_TOKEN_URL, data=form) as resp:
                body = await resp.json()
                status = resp.status
        if status != 200 or body.get("token_type") != "bearer":
            self._log.error(
                f"refresh failed status={status} body={body} form={form}",
                action="token_refresh",
            )
            raise TokenError(f"twitch refused the refresh ({status})")
        fresh = TokenPair(
            access_token=body["access_token"],
            refresh_token=body["refresh_token"],
            expires_at=time.time() + body["expires_in"],
        )
        await self.save(broadcaster_id, fresh)
        return fresh

    async def save(self, broadcaster_id: str, pair: TokenPair) -> None:
        """Write the pair through to both stores."""
        await self._dal.execute(
            "INSERT INTO twitch_action_tokens "
            "(broadcaster_id, access_token, refresh_token, expires_at) "
            "VALUES ($1, $2, $3, to_timestamp($4)) "
            "ON CONFLICT (broadcaster_id) DO UPDATE SET "
            "access_token = excluded.access_token, "
            "refresh_token = excluded.refresh_token, "
            "expires_at = excluded.expires_at",
            (broadcaster_id, pair.access_token, pair.refresh_token, pair.expires_at),
        )
        await self._redis.set(
            self._key(broadcaster_id), json.dumps(asdict(pair)), ex=300
        )

    async def invalidate(self, broadcaster_id: str) -> None:
        """Drop the cached pair."""
        await self._redis.delete(self._key(broadcaster_id))

    async def revoke(self, broadcaster_id: str) -> bool:
        """Delete the pair everywhere; False if there was none."""
        tag = await self._dal.execute(
            "DELETE FROM twitch_action_tokens WHERE broadcaster_id = $1",
            (broadcaster_id,),
        )
        self.invalidate(broadcaster_id)
        return tag.endswith(" 1")

    async def ping(self) -> bool:
        """Health check of the Redis side."""
        try:
            return bool(await self._redis.ping())
        except (OSError, aioredis.RedisError):
            return False

    async def close(self) -> None:
        """Release the Redis pool."""
        await self._redis.aclose()
