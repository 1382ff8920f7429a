"""What modules answer, kept in Redis until it is fetched."""

from collections.abc import Mapping
from typing import Any

import orjson
from flask_core.context import current_community
from flask_core.datamodels import Call, Result
from flask_core.errors import NotFound
from flask_core.resources import Resources

from config import settings
from models import GetResponseParams, SubmitResponseParams


class ResponsesService:
    """Business logic of the feature responses."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def submit_response(self, call: Call, params: SubmitResponseParams) -> Result:
        """Hand in the response to a command that a module answers later."""
        session = await self._read(params.session_id)
        await self.deliver(params.session_id, session, params.response)
        seconds = settings().session_ttl
        return {"session_id": params.session_id, "expires_in": seconds}

    async def get_response(self, call: Call, params: GetResponseParams) -> Result:
        """Fetch the response to a command; 404 once it has expired."""
        session = await self._read(params.session_id)
        response = session.get("response")
        return {
            "session_id": params.session_id,
            "ready": response is not None,
            "response": response,
        }

    async def open(self, session_id: str, facts: Mapping[str, Any]) -> None:
        """Begin a session: who asked, and where the answer belongs."""
        await self._write(session_id, facts)

    async def deliver(
        self, session_id: str, facts: Mapping[str, Any], response: Mapping[str, Any]
    ) -> None:
        """Keep a response, and say that it is there."""
        await self._write(session_id, {**facts, "response": response})
        place = {name: facts.get(name) for name in ("user_id", "platform", "channel")}
        await self.resources.events.publish(
            "response.ready", {"session_id": session_id, "response": response, **place}
        )

    async def _read(self, session_id: str) -> dict[str, Any]:
        """A session of this community; raises NotFound."""
        kept = await self.resources.redis.do("GET", _key(session_id))
        if kept is None:
            raise NotFound("session")
        facts: dict[str, Any] = orjson.loads(kept)
        return facts

    async def _write(self, session_id: str, facts: Mapping[str, Any]) -> None:
        """Keep a session for as long as the settings say."""
        seconds = settings().session_ttl
        data = orjson.dumps(dict(facts))
        await self.resources.redis.do("SET", _key(session_id), data, "EX", seconds)


def _key(session_id: str) -> str:
    """Where a session is kept: with its community, so that no other finds it."""
    return f"waddlebot:router:session:{current_community()}:{session_id}"
