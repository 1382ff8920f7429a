"""Settings of each community, kept in analytics_config."""

from typing import Any, Iterable

from models.schemas import SettingsIn
from utils.cache import TTLCache

_DEFAULTS = SettingsIn().model_dump()
_COLUMNS = ", ".join(_DEFAULTS)


class SettingsStore:
    """Reads and writes of analytics_config."""

    def __init__(self, dal: Any) -> None:
        """Keep the database."""
        self._dal = dal
        self._cache = TTLCache(ttl=60)

    async def get(self, community_id: int) -> dict[str, Any]:
        """Return a community's settings, the defaults where it has none."""
        key = f"settings:{community_id}"
        hit = self._cache.get(key)
        if hit is not None:
            return dict(hit)
        rows = await self._dal.executesql(
            f"SELECT {_COLUMNS} FROM analytics_config WHERE community_id = %s",
            [community_id],
            as_dict=True,
        )
        found = {**_DEFAULTS, **(rows[0] if rows else {})}
        self._cache.put(key, found)
        return dict(found)

    async def thresholds(self, community_ids: Iterable[int]) -> dict[int, int]:
        """Return the bot threshold of many communities at once; switched off ones are absent."""
        wanted = list(community_ids)
        rows = await self._dal.executesql(
            "SELECT community_id, bot_threshold, bot_detection_enabled FROM analytics_config"
            " WHERE community_id = ANY(%s)",
            [wanted],
            as_dict=True,
        )
        stored = {row["community_id"]: row for row in rows}
        out = {}
        for community_id in wanted:
            row = stored.get(community_id, _DEFAULTS)
            if row["bot_detection_enabled"]:
                out[community_id] = row["bot_threshold"]
        return out

    async def put(self, community_id: int, settings: SettingsIn) -> dict[str, Any]:
        """Store a community's settings."""
        values = settings.model_dump()
        await self._dal.executesql(
            "INSERT INTO analytics_config"
            " (community_id, retention_days, bot_threshold, bot_detection_enabled)"
            " VALUES (%s, %s, %s, %s) ON CONFLICT (community_id) DO UPDATE SET"
            " retention_days = EXCLUDED.retention_days, bot_threshold = EXCLUDED.bot_threshold,"
            " bot_detection_enabled = EXCLUDED.bot_detection_enabled, updated_at = now()",
            [
                community_id,
                values["retention_days"],
                values["bot_threshold"],
                values["bot_detection_enabled"],
            ],
        )
        self._cache.drop(f"settings:{community_id}")
        return values

    async def touch(self, community_ids: Iterable[int]) -> None:
        """Note that a community has sent something, so that the roll-up looks at it."""
        await self._dal.executesql(
            "UPDATE analytics_config SET last_event_at = now() WHERE community_id = ANY(%s)",
            [list(community_ids)],
        )
