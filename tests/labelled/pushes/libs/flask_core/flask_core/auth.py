"""API keys and who they may act for.

API_KEYS_FILE points to a mounted JSON secret: a list of
`{"sha256": "...", "name": "...", "roles": [...], "communities": [1, 2] | "*"}`.
"""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import Any, Callable, FrozenSet, List, Mapping, Optional


class AuthError(Exception):
    """Carries the HTTP status and error code to answer with."""

    def __init__(self, status: int, code: str, message: Optional[str] = None):
        super().__init__(message or code)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Identity:
    """An authenticated caller."""

    name: str
    roles: FrozenSet[str] = frozenset()
    communities: FrozenSet[int] = field(default_factory=frozenset)
    all_communities: bool = False

    def has_role(self, *roles: str) -> bool:
        """True if the caller has one of the roles; admin has them all."""
        return "admin" in self.roles or bool(self.roles.intersection(roles))

    def may_act_for(self, community_id: int) -> bool:
        """True if the caller may act for that community."""
        return self.all_communities or community_id in self.communities


@lru_cache(maxsize=4)
def _load_keys(path: str) -> tuple:
    """Read the key file once for each path."""
    with open(path, encoding="utf-8") as fh:
        return tuple(json.load(fh))


def lookup_key(key: str) -> Optional[Identity]:
    """Find the identity of an API key, in constant time for each entry."""
    path = os.environ.get("API_KEYS_FILE", "/run/secrets/api_keys.json")
    digest = hashlib.sha256(key.encode("utf-8")).hexdigest()
    found = None
    try:
        entries: List[Mapping[str, Any]] = list(_load_keys(path))
    except FileNotFoundError:
        return None
    for entry in entries:
        if hmac.compare_digest(digest, str(entry["sha256"])):
            found = entry
    if found is None:
        return None
    comms = found.get("communities", [])
    return Identity(
        name=found["name"],
        roles=frozenset(found.get("roles", [])),
        communities=frozenset() if comms == "*" else frozenset(map(int, comms)),
        all_communities=comms == "*",
    )


def authenticate(headers: Mapping[str, str], *roles: str) -> Identity:
    """Identity for the request's X-API-Key, or AuthError 401/403."""
    key = headers.get("X-API-Key")
    if not key:
        raise AuthError(401, "unauthorized", "X-API-Key is missing")
    identity = lookup_key(key)
    if identity is None:
        raise AuthError(401, "unauthorized", "unknown API key")
    if roles and not identity.has_role(*roles):
        raise AuthError(403, "forbidden", "role not sufficient")
    return identity


def resolve_community(identity: Identity, header: Optional[str]) -> int:
    """The community the caller asks for, if the caller may act for it."""
    if not header or not header.isascii() or not header.isdigit():
        raise AuthError(400, "invalid_community", "X-Community-ID is required")
    community_id = int(header)
    if not identity.may_act_for(community_id):
        raise AuthError(403, "forbidden", "not your community")
    return community_id


def require_api_key(*roles: str) -> Callable:
    """Decorator for Quart views: sets g.identity and g.community_id."""

    def decorator(view: Callable) -> Callable:
        @wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            from quart import g, request

            from .api import error_response

            try:
                g.identity = authenticate(request.headers, *roles)
                g.community_id = resolve_community(
                    g.identity, request.headers.get("X-Community-ID")
                )
            except AuthError as exc:
                return error_response(exc.status, exc.code, str(exc))
            return await view(*args, **kwargs)

        return wrapper

    return decorator
