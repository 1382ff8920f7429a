"""Who may call what. The views ask here, in their first lines."""

import hmac
from dataclasses import dataclass
from typing import Any, Optional

from quart import current_app, request

from config import Config
from flask_core import AAALogger, fail, lookup_caller

aaa = AAALogger("analytics.access")


@dataclass(frozen=True)
class Scope:
    """A caller that has been let in, and the community it speaks for."""

    community_id: int
    caller: str


def internal_denied() -> Optional[Any]:
    """Return a 401 response unless the shared key of the other modules was presented."""
    presented = request.headers.get("X-Internal-Key", "").encode()
    expected = Config.INTERNAL_KEY.encode()
    if expected and hmac.compare_digest(presented, expected):
        return None
    aaa.auth(request.endpoint or "internal", user="internal", result="denied", reason="bad_key")
    return fail(401, "unauthorized")


async def community_gate(role: str = "core") -> tuple[Optional[Scope], Optional[Any]]:
    """Return the scope, or the response to send instead."""
    action = request.endpoint or "analytics"
    caller = await lookup_caller(current_app.extensions["dal"], request.headers.get("X-API-Key"))
    if caller is None or not caller.has_role(role):
        aaa.auth(action, result="denied", reason="bad_key")
        return None, fail(401, "unauthorized")
    community_id = caller.pick_community(request.headers.get("X-Community-ID"))
    if community_id is None:
        aaa.authz(action, caller.name, None, "denied", reason="community")
        return None, fail(403, "forbidden")
    return Scope(community_id, caller.name), None
