"""API keys: looked up by hash, with a role and the communities they may act for."""

import hashlib
import json
from dataclasses import dataclass
from functools import wraps
from typing import Any, Callable, Optional

from quart import current_app, g, request

from .aaa import AAALogger
from .api import fail

ROLES = ("user", "action", "trigger", "core", "admin")

aaa = AAALogger(__name__)


@dataclass(frozen=True)
class Caller:
    """The owner of a key."""

    name: str
    role: str
    communities: frozenset[int]
    all_communities: bool = False

    def has_role(self, role: str) -> bool:
        """Tell whether the key carries the role; admin implies every other."""
        return self.role == "admin" or self.role == role

    def pick_community(self, header: Optional[str]) -> Optional[int]:
        """Return the community the header names if this key may act for it."""
        if not header or not header.isascii() or not header.isdigit():
            return None
        community_id = int(header)
        if self.all_communities or community_id in self.communities:
            return community_id
        return None


def hash_key(raw: str) -> str:
    """Return the digest under which a key is stored."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


async def lookup_caller(dal: Any, raw_key: Optional[str]) -> Optional[Caller]:
    """Find the active key's owner, or None."""
    if not raw_key:
        return None
    rows = await dal.executesql(
        "SELECT name, role, scopes FROM api_keys WHERE key_hash = %s AND is_active"
        " AND (expires_at IS NULL OR expires_at > now())",
        [hash_key(raw_key)],
        as_dict=True,
    )
    if not rows:
        return None
    scopes = rows[0]["scopes"] or {}
    if isinstance(scopes, str):
        scopes = json.loads(scopes)
    granted = scopes.get("communities", [])
    everything = granted == "*"
    return Caller(
        name=rows[0]["name"],
        role=rows[0]["role"],
        communities=frozenset() if everything else frozenset(int(c) for c in granted),
        all_communities=everything,
    )


def require_api_key(role: str = "action") -> Callable:
    """Guard a route: 401 without a key of the role, 403 for a community it may not act for."""

    def decorator(func: Callable) -> Callable:
        """Wrap the view."""

        @wraps(func)
        async def wrapper(*args: Any, **kwargs: Any):
            """Check the key, then the community."""
            dal = current_app.extensions["dal"]
            caller = await lookup_caller(dal, request.headers.get("X-API-Key"))
            if caller is None or not caller.has_role(role):
                aaa.auth(func.__name__, result="denied", reason="bad_key")
                return fail(401, "unauthorized")
            community_id = caller.pick_community(request.headers.get("X-Community-ID"))
            if community_id is None:
                aaa.authz(func.__name__, caller.name, None, "denied", "community")
                return fail(403, "forbidden")
            g.caller, g.community_id = caller, community_id
            return await func(*args, **kwargs)

        return wrapper

    return decorator
