"""Points of users, from the cache."""

import orjson

from flask_core.datamodels import Call, Result
from flask_core.errors import NotFound
from flask_core.resources import Resources

from models import ChainUser, LookUpParams


class LookupsService:
    """Business logic of the feature lookups."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def look_up(self, call: Call, params: LookUpParams) -> Result:
        """Tell the points of a user, from the cache."""

        async def load() -> bytes:
            row = await self.resources.db.get(ChainUser, name=params.name)
            if row is None:
                raise NotFound("user")
            return orjson.dumps(row.points)

        key = f"chain:{call.community_id}:{params.name}"
        points: int = orjson.loads(await self.resources.cache.get(key, load))
        return {"points": points}
