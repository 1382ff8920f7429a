"""Tokens: HS256, two secrets while one is being rotated."""

from functools import wraps
from typing import Any, Callable, Dict, Optional, Tuple

import jwt
from quart import g, request

from flask_core.aaa import AAALogger
from flask_core.api import error_response
from flask_core.auth import AuthError, Identity, resolve_community

from settings import settings

AUDIENCE = "waddlebot-actions"
TOKEN_TYPE = "Bearer"

aaa = AAALogger(settings.MODULE, settings.version)


def bearer(header: Optional[str]) -> str:
    """The token of an Authorization value."""
    kind, _, token = (header or "").partition(" ")
    if kind != TOKEN_TYPE or not token:
        raise AuthError(401, "unauthorized", "bearer token is missing")
    return token


def peek_claims(token: str) -> Dict[str, Any]:
    """Claims as they are written in the token, for traces."""
    return jwt.decode(token, options={"verify_signature": False})


def decode_token(token: str) -> Dict[str, Any]:
    """Verified claims, or AuthError 401."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        secret = settings.jwt_secret
        if kid == "previous" and settings.jwt_secret_previous:
            secret = settings.jwt_secret_previous
        return jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            options={"require": ["exp", "sub"]},
        )
    except jwt.InvalidTokenError as exc:
        raise AuthError(401, "unauthorized", "token rejected") from exc


def identity_of(claims: Dict[str, Any]) -> Identity:
    """Identity from claims."""
    try:
        return Identity(
            name=str(claims["sub"]),
            roles=frozenset(map(str, claims.get("roles", []))),
            communities=frozenset(int(c) for c in claims.get("communities", [])),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise AuthError(401, "unauthorized", "claims malformed") from exc


def authorize(claims: Dict[str, Any], role: str, wanted: Any) -> Tuple[Identity, int]:
    """Role and community of a caller, or AuthError."""
    identity = identity_of(claims)
    if not identity.has_role(role):
        raise AuthError(403, "forbidden", "role not sufficient")
    return identity, resolve_community(identity, wanted)


def requires(role: str) -> Callable:
    """Decorator for routes."""

    def decorator(view: Callable) -> Callable:
        @wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            wanted = request.headers.get("X-Community-ID")
            try:
                claims = decode_token(bearer(request.headers.get("Authorization")))
                g.identity, g.community_id = authorize(claims, role, wanted)
            except AuthError as exc:
                note = aaa.auth if exc.status == 401 else aaa.authz
                note(
                    request.path,
                    "denied",
                    community=wanted,
                    user=None,
                    reason=str(exc),
                )
                return error_response(exc.status, exc.code, str(exc))
            return await view(*args, **kwargs)

        return wrapper

    return decorator
