"""Discord REST API."""

import asyncio
import logging
from typing import Any, Dict, Optional
from urllib.parse import quote

import httpx

from config import TOKEN_PREFIX, Settings


class DiscordError(Exception):
    """Discord refused, or could not be reached."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class DiscordClient:
    """One httpx client for the process; every op is `await client.op(params)`."""

    def __init__(
        self,
        settings: Settings,
        log: logging.Logger,
        transport: Optional[httpx.AsyncBaseTransport] = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._http = httpx.AsyncClient(
            base_url=settings.api_base,
            timeout=httpx.Timeout(10.0, connect=3.0),
            transport=transport,
        )

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    def _trace(self, what: str, **fields: Any) -> None:
        """Trace line for support cases."""
        self._log.info("discord %s %s", what, fields)

    async def _request(
        self, method: str, path: str, payload: Any = None, reason: str = ""
    ) -> Dict[str, Any]:
        """Call with retries on 429 and 5xx."""
        headers = {"Authorization": f"{TOKEN_PREFIX} {self._settings.bot_token}"}
        if reason:
            headers["X-Audit-Log-Reason"] = quote(reason)
        last = "no attempt made"
        for attempt in range(1, self._settings.max_retries + 1):
            try:
                resp = await self._http.request(
                    method, path, json=payload, headers=headers
                )
            except httpx.TransportError as exc:
                last = type(exc).__name__
                await asyncio.sleep(0.2 * attempt)
                continue
            if resp.status_code == 429 or resp.status_code >= 500:
                last = f"status {resp.status_code}"
                self._trace("retry", path=path, attempt=attempt, headers=headers)
                await asyncio.sleep(self._retry_after(resp, attempt))
                continue
            if resp.status_code >= 400:
                raise DiscordError(resp.status_code, f"discord said {resp.status_code}")
            return resp.json() if resp.content else {}
        raise DiscordError(503, last)

    @staticmethod
    def _retry_after(resp: httpx.Response, attempt: int) -> float:
        """Seconds to wait, never more than five."""
        try:
            return min(float(resp.headers.get("Retry-After", 0.2 * attempt)), 5.0)
        except ValueError:
            return 1.0

    async def send_message(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Post text to a channel."""
        return await self._request(
            "POST",
            f"/channels/{p['channel_id']}/messages",
            {"content": p["content"], "allowed_mentions": {"parse": []}},
        )

    async def send_embed(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Post an embed to a channel."""
        return await self._request(
            "POST",
            f"/channels/{p['channel_id']}/messages",
            {"embeds": [p["embed"]], "allowed_mentions": {"parse": []}},
        )

    async def add_reaction(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """React to a message."""
        emoji = quote(p["emoji"], safe="")
        return await self._request(
            "PUT",
            f"/channels/{p['channel_id']}/messages/{p['message_id']}"
            f"/reactions/{emoji}/@me",
        )

    async def edit_message(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Replace a message's text."""
        return await self._request(
            "PATCH",
            f"/channels/{p['channel_id']}/messages/{p['message_id']}",
            {"content": p["content"]},
        )

    async def delete_message(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Delete a message."""
        return await self._request(
            "DELETE", f"/channels/{p['channel_id']}/messages/{p['message_id']}"
        )

    async def manage_role(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Give or take a role."""
        return await self._request(
            "PUT" if p["op"] == "add" else "DELETE",
            f"/guilds/{p['guild_id']}/members/{p['user_id']}/roles/{p['role_id']}",
        )

    async def kick_user(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Remove a member."""
        return await self._request(
            "DELETE",
            f"/guilds/{p['guild_id']}/members/{p['user_id']}",
            reason=p["reason"],
        )

    async def ban_user(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Ban a member."""
        return await self._request(
            "PUT",
            f"/guilds/{p['guild_id']}/bans/{p['user_id']}",
            {"delete_message_seconds": 0},
            reason=p["reason"],
        )

    async def timeout_user(self, p: Dict[str, Any]) -> Dict[str, Any]:
        """Mute a member until a time."""
        return await self._request(
            "PATCH",
            f"/guilds/{p['guild_id']}/members/{p['user_id']}",
            {"communication_disabled_until": p["until"]},
        )
