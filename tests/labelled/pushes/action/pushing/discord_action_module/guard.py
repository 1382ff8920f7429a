"""JWT checks, shared by the REST views and the gRPC servicer."""

from functools import wraps
from typing import Any, Callable, Optional

import jwt
from quart import current_app, g, request

from flask_core.aaa import AAALogger
from flask_core.api import error_response
from flask_core.auth import AuthError, Identity, resolve_community

from config import MODULE


class TokenChecker:
    """Verifies bearer tokens that identity-core has issued."""

    def __init__(self, secret: str, audience: str) -> None:
        self._secret = secret
        self._audience = audience

    def identify(self, header: Optional[str]) -> Identity:
        """Identity for an Authorization value, or AuthError 401."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AuthError(401, "unauthorized", "bearer token is missing")
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=self._audience,
                options={"require": ["exp", "sub"]},
            )
            return Identity(
                name=str(claims["sub"]),
                roles=frozenset(claims.get("roles", [])),
                communities=frozenset(int(c) for c in claims.get("communities", [])),
            )
        except (jwt.InvalidTokenError, TypeError, ValueError) as exc:
            raise AuthError(401, "unauthorized", "token rejected") from exc


def jwt_required(*roles: str) -> Callable:
    """Decorator: needs a valid token, one of the roles and a community."""

    def decorator(view: Callable) -> Callable:
        @wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            aaa: AAALogger = current_app.extensions[MODULE].aaa
            checker: TokenChecker = current_app.extensions[MODULE].checker
            community = request.headers.get("X-Community-ID")
            try:
                identity = checker.identify(request.headers.get("Authorization"))
            except AuthError as exc:
                aaa.auth("rest", "failure", community=community, reason=str(exc))
                return error_response(exc.status, exc.code, str(exc))
            try:
                if not identity.has_role(*roles):
                    raise AuthError(403, "forbidden", "role not sufficient")
                g.community_id = resolve_community(identity, community)
            except AuthError as exc:
                aaa.authz(
                    request.path,
                    "denied",
                    community=community,
                    user=identity.name,
                    reason=str(exc),
                )
                return error_response(exc.status, exc.code, str(exc))
            g.identity = identity
            return await view(*args, **kwargs)

        return wrapper

    return decorator
