"""JWT sessions kept in a cookie."""

from datetime import datetime, timedelta, timezone
from functools import wraps

import jwt
from quart import abort, g, redirect, request, url_for

import config
from utils.log import event

RANKS = {"viewer": 0, "moderator": 1, "admin": 2}


def issue(user):
    """Return a signed token for a user row."""
    now = datetime.now(timezone.utc)
    claims = {
        "sub": str(user["id"]),
        "name": user["name"],
        "role": user["role"],
        "community": user["community_id"],
        "iat": now,
        "exp": now + timedelta(hours=config.SESSION_HOURS),
    }
    return jwt.encode(claims, config.JWT_SECRET, algorithm="HS256")


def attach(response, token):
    """Put the token into the session cookie."""
    response.set_cookie(
        config.JWT_COOKIE,
        token,
        max_age=config.SESSION_HOURS * 3600,
        httponly=True,
        secure=True,
        samesite="Strict",
    )
    return response


async def load():
    """Fill g.user from the cookie, for every request."""
    g.user = None
    token = request.cookies.get(config.JWT_COOKIE)
    if not token:
        return
    try:
        g.user = jwt.decode(token, config.JWT_SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError as exc:
        event("AUTH", "session", "denied", reason=type(exc).__name__)


def expiry_of(token):
    """Return when a token we issued ourselves runs out, for display only."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return datetime.fromtimestamp(claims["exp"], timezone.utc)


def signed_in(view):
    """Send strangers to the login page."""

    @wraps(view)
    async def wrapper(*args, **kwargs):
        if g.user is None:
            return redirect(url_for("account.login"))
        return await view(*args, **kwargs)

    return wrapper


def role_required(role):
    """Admit users of at least the given role."""

    def decorator(view):
        @wraps(view)
        async def wrapper(*args, **kwargs):
            if g.user is None:
                return redirect(url_for("account.login"))
            if RANKS[g.user["role"]] < RANKS[role]:
                event(
                    "AUTHZ",
                    request.path,
                    "denied",
                    g.user["community"],
                    g.user["sub"],
                )
                abort(403)
            return await view(*args, **kwargs)

        return wrapper

    return decorator
