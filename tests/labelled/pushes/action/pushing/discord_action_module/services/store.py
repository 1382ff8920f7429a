"""discord_actions and the guild directory."""

import hashlib
import json
from typing import Any, Dict, List, Optional

from flask_core.database import AsyncDB

from services.lru import TTLCache

COLS = (
    "id",
    "action_type",
    "guild_id",
    "channel_id",
    "user_id",
    "success",
    "error_message",
    "created_at",
)


def request_digest(params: Dict[str, Any]) -> str:
    """Short stable key for a set of parameters."""
    packed = json.dumps(params, sort_keys=True).encode()
    return hashlib.sha1(packed, usedforsecurity=False).hexdigest()[:16]


class ActionStore:
    """Writes and reads the action history."""

    def __init__(self, db: AsyncDB) -> None:
        self.db = db

    async def record(
        self,
        community_id: int,
        action: str,
        params: Dict[str, Any],
        success: bool,
        error: Optional[str] = None,
    ) -> None:
        """Append to the history."""
        await self.db.execute(
            "INSERT INTO discord_actions (community_id, action_type, guild_id,"
            " channel_id, user_id, success, error_message, request_data, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, now())",
            community_id,
            action,
            params.get("guild_id"),
            params.get("channel_id"),
            params.get("user_id"),
            success,
            error,
            json.dumps({"digest": request_digest(params)}),
        )

    async def history(
        self, community_id: int, limit: int, before: Optional[int]
    ) -> List[Dict[str, Any]]:
        """Newest first, below `before` if given."""
        sql = (
            f"SELECT {', '.join(COLS)} FROM discord_actions"
            " WHERE community_id = $1 AND ($2::bigint IS NULL OR id < $2)"
            " ORDER BY id DESC LIMIT $3"
        )
        return await self.db.fetch(sql, community_id, before, limit)


class GuildDirectory:
    """Which guilds and channels belong to which community."""

    def __init__(self, db: AsyncDB) -> None:
        self.db = db
        self._guilds = TTLCache()
        self._channels = TTLCache(maxsize=8192)

    async def owns_guild(self, community_id: int, guild_id: str) -> bool:
        """True if the guild is linked to the community."""
        key = (community_id, guild_id)
        hit = self._guilds.get(key)
        if hit is not None:
            return hit
        row = await self.db.fetchrow(
            "SELECT 1 FROM discord_guilds WHERE community_id = $1 AND guild_id = $2",
            community_id,
            guild_id,
        )
        self._guilds.put(key, row is not None)
        return row is not None

    async def owns_channel(self, community_id: int, channel_id: str) -> bool:
        """True if the channel is in a guild of the community."""
        hit = self._channels.get(channel_id)
        if hit is None:
            row = await self.db.fetchrow(
                "SELECT 1 FROM discord_channels c"
                " JOIN discord_guilds g ON g.guild_id = c.guild_id"
                " WHERE g.community_id = $1 AND c.channel_id = $2",
                community_id,
                channel_id,
            )
            hit = row is not None
            self._channels.put(channel_id, hit)
        return hit
