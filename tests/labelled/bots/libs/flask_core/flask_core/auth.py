"""API key authentication shared by every module."""

import hmac
import os
from functools import wraps
from typing import Mapping

from quart import g, request

from .api import error_response

ROLES = ("trigger", "action", "core", "admin", "user")


def check_api_key(headers: Mapping[str, str], role: str = "action") -> bool:
    """Return True if the request carries the key configured for ``role``."""
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}")
    expected = os.getenv(f"API_KEY_{role.upper()}", "")
    supplied = headers.get("X-API-Key", "")
    if not expected or not supplied:
        return False
    return hmac.compare_digest(supplied.encode(), expected.encode())


def require_api_key(role: str = "action"):
    """Reject requests that do not carry the API key for ``role``."""

    def decorator(func):
        """Wrap the view function."""

        @wraps(func)
        async def wrapper(*args, **kwargs):
            """Check the key, then call the view."""
            if not check_api_key(request.headers, role):
                return error_response("unauthorized", 401, "unauthorized")
            g.api_role = role
            return await func(*args, **kwargs)

        return wrapper

    return decorator
