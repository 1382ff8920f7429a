"""Who may call: API keys, their roles and communities, and JSON Web Tokens.

Serves "Authentication & Authorization" and "Community Isolation" of the standard. Whatever
cannot be proved is refused.
"""

import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import jwt

from flask_core.context import community_scope, current_call, request_state
from flask_core.datamodels import ANONYMOUS, Call, Principal
from flask_core.errors import ApiError
from flask_core.logging import log_auth_event, log_authz_event
from flask_core.resources import resources

P = ParamSpec("P")
R = TypeVar("R")
View = Callable[P, Awaitable[R]]

__all__ = [
    "api_key_auth",
    "create_jwt",
    "current_call",
    "public",
    "require_api_key",
    "require_jwt",
    "verify_jwt",
]

ROLES = frozenset({"trigger", "action", "core", "admin", "user"})
ALGORITHM = "HS256"
LEEWAY_SECONDS = 30


def require_api_key(
    role: str = "action", community: bool = True
) -> Callable[[View[P, R]], View[P, R]]:
    """Let a view be called only with a key of this role, for a community of that key.

    401 without a known key, 403 for a wrong role or community, 400 for a community
    header that is missing or no number. `community=False` is for platform routes.
    """
    _known(role)

    def decorate(view: View[P, R]) -> View[P, R]:
        @functools.wraps(view)
        async def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            principal = await _principal_of_key()
            return await _proceed(view, principal, role, community, args, kwargs)

        return checked

    return decorate


api_key_auth = require_api_key


def require_jwt(
    role: str = "user", community: bool = True
) -> Callable[[View[P, R]], View[P, R]]:
    """As `require_api_key`, for a bearer token made by `create_jwt`."""
    _known(role)

    def decorate(view: View[P, R]) -> View[P, R]:
        @functools.wraps(view)
        async def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            principal = _principal_of_token()
            return await _proceed(view, principal, role, community, args, kwargs)

        return checked

    return decorate


def public(reason: str) -> Callable[[View[P, R]], View[P, R]]:
    """Let a view be called by anybody; the reason says why that is safe."""
    if not reason:
        raise ValueError("a public route needs a reason")

    def decorate(view: View[P, R]) -> View[P, R]:
        @functools.wraps(view)
        async def open_view(*args: P.args, **kwargs: P.kwargs) -> R:
            _note(ANONYMOUS, None, None)
            return await view(*args, **kwargs)

        return open_view

    return decorate


def _known(role: str) -> None:
    """Raise at import when a role is misspelt."""
    if role not in ROLES:
        raise ValueError(f"{role} is not a role; known are {', '.join(sorted(ROLES))}")


async def _proceed(
    view: View[P, R],
    principal: Principal,
    role: str,
    community: bool,
    args: Any,
    kwargs: Any,
) -> R:
    """Check role and community, and call the view inside that community."""
    state = request_state()
    target, given = state.path, state.header(b"x-community-id")
    if not principal.has_role(role):
        log_authz_event(
            given, principal.key_id, target, "denied", reason="insufficient_role"
        )
        raise ApiError(403, "forbidden", f"this needs a key with the role {role}")
    if not community:
        _note(principal, None, state.header(b"x-user-id"))
        return await view(*args, **kwargs)
    community_id = _community_id(given)
    if not principal.may_act_for(community_id):
        log_authz_event(
            community_id, principal.key_id, target, "denied", reason="other_community"
        )
        raise ApiError(403, "forbidden", "this key may not act for that community")
    _note(principal, community_id, state.header(b"x-user-id"))
    with community_scope(community_id):
        return await view(*args, **kwargs)


def _note(principal: Principal, community_id: int | None, user: str | None) -> None:
    """Remember what the view and the service may know of the request."""
    state = request_state()
    state.call = Call(
        principal, community_id, user, state.correlation_id, started=state.started
    )


def _community_id(given: str | None) -> int:
    """The community a header names."""
    if given is None:
        raise ApiError(400, "invalid_input", "the header X-Community-ID is missing")
    if not (given.isascii() and given.isdigit() and len(given) <= 18 and int(given)):
        raise ApiError(400, "invalid_input", "X-Community-ID must be a positive number")
    return int(given)


async def _principal_of_key() -> Principal:
    """Look up the key of the request."""
    key = request_state().header(b"x-api-key")
    if not key:
        raise _refusal("missing_key", "the header X-API-Key is missing")
    principal = await resources().keys.find(key) if len(key) <= 512 else None
    if principal is None:
        raise _refusal("unknown_key", "this API key is not known")
    return principal


def _refusal(reason: str, message: str) -> ApiError:
    """401, and its log line is written."""
    state = request_state()
    community = state.header(b"x-community-id")
    log_auth_event(community, None, state.path, "failure", reason=reason)
    return ApiError(401, "unauthorized", message)


def create_jwt(
    subject: str,
    roles: list[str],
    communities: list[int],
    secret: str,
    ttl_seconds: int,
    audience: str,
) -> str:
    """A signed token that names its roles and communities."""
    now = datetime.now(UTC)
    claims = {
        "sub": subject,
        "roles": roles,
        "communities": communities,
        "aud": audience,
        "iat": now,
        "exp": now + timedelta(seconds=ttl_seconds),
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def verify_jwt(token: str, secret: str, audience: str) -> Principal | None:
    """The principal of a token, or None when anything about it is wrong."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub", "aud"]},
        )
    except jwt.InvalidTokenError:
        return None
    roles, communities = claims.get("roles"), claims.get("communities")
    if not isinstance(roles, list) or not isinstance(communities, list):
        return None
    if not all(isinstance(each, int) for each in communities):
        return None
    names = frozenset(role for role in roles if role in ROLES)
    return Principal(str(claims["sub"]), names, frozenset(communities))


def _principal_of_token() -> Principal:
    """Check the bearer token of the request."""
    kind, _, token = (request_state().header(b"authorization") or "").partition(" ")
    settings = resources().settings
    principal = None
    if kind.lower() == "bearer" and token:
        for secret in (settings.jwt_secret, settings.jwt_secret_previous):
            if secret is not None and principal is None:
                key = secret.get_secret_value()
                principal = verify_jwt(token.strip(), key, settings.module_name)
    if principal is None:
        raise _refusal("invalid_token", "a valid bearer token is needed")
    return principal
