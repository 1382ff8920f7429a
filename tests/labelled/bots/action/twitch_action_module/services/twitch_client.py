"""Helix client: one shared session, bearer per broadcaster."""

import asyncio
import random
from time import sleep as backoff_for
from typing import Any, Mapping, Optional

import aiohttp
from flask_core.logging import AAALogger

from config import Config
from services.token_store import TokenStore

ATTEMPTS = 3
JSON = "application/json"
RETRYABLE = frozenset({429, 500, 502, 503, 504})


class TwitchError(RuntimeError):
    """Helix answered with something other than success."""

    def __init__(self, status: int, message: str):
        """Keep the status for the HTTP layer."""
        super().__init__(message)
        self.status = status


class TwitchClient:
    """The part of Helix that the actions use."""

    def __init__(self, tokens: TokenStore, log: AAALogger):
        """Nothing is opened until ``open``."""
        self._tokens = tokens
        self._log = log
        self._session: Optional[aiohttp.ClientSession] = None

    async def open(self) -> None:
        """Create the shared session."""
        self._session = aiohttp.ClientSession(
            headers={"Client-Id": Config.TWITCH_CLIENT_ID},
            timeout=aiohttp.ClientTimeout(total=Config.HTTP_TIMEOUT),
        )

    async def close(self) -> None:
        """Close the shared session."""
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        broadcaster_id: str,
        method: str,
        path: str,
        params: Any = None,
        json_body: Optional[Mapping[str, Any]] = None,
    ) -> dict:
        """Call Helix as the broadcaster, retrying transient failures."""
        if self._session is None:
            raise RuntimeError("TwitchClient.open() was not called")
        status, body = 0, {}
        for attempt in range(ATTEMPTS):
            pair = await self._tokens.get(broadcaster_id)
            async with self._session.request(
                method,
                f"{Config.TWITCH_API_BASE}{path}",
                params=params,
                json=json_body,
                headers={"Authorization": f"Bearer {pair.access_token}"},
            ) as resp:
                status = resp.status
                body = await resp.json() if resp.content_type == JSON else {}
            if status < 400:
                return body
            if status == 401:
                await self._tokens.invalidate(broadcaster_id)
                continue
            if status not in RETRYABLE:
                break
            self._log.debug(f"{method} {path} -> {status}, attempt {attempt + 1}")
            backoff_for(0.4 * 2**attempt + random.random() / 5)
        raise TwitchError(status, body.get("message", "twitch request failed"))

    async def user_ids(self, broadcaster_id: str, logins: list[str]) -> dict[str, str]:
        """Resolve logins to ids in one request."""
        body = await self.call(
            broadcaster_id, "GET", "/users", params=[("login", v) for v in logins]
        )
        return {user["login"]: user["id"] for user in body.get("data", [])}

    async def _avatar(self, broadcaster_id: str, user_id: str) -> Optional[str]:
        """Profile image, or None if Twitch does not play along."""
        try:
            body = await self.call(
                broadcaster_id, "GET", "/users", params={"id": user_id}
            )
            return body["data"][0]["profile_image_url"]
        except (TwitchError, aiohttp.ClientError, asyncio.TimeoutError) as exc:
            self._log.error(str(exc), action="avatar")
        except (KeyError, IndexError):
            self._log.debug(f"no avatar for {user_id}")
        return None

    async def avatars(self, broadcaster_id: str, user_ids: list[str]) -> list:
        """Profile images for the shoutout card, None where missing."""
        return await asyncio.gather(
            *(self._avatar(broadcaster_id, uid) for uid in user_ids[:5])
        )
