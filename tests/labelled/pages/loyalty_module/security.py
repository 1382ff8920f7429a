"""API keys, community context and webhook signatures."""

import hashlib
import hmac
import os
from functools import wraps

from flask import current_app, g, jsonify, request

from utils.log import auth_event

ROLES = ("trigger", "action", "core", "admin")


def _expected(role):
    secret = current_app.config["API_KEY_SECRET"].encode()
    return hmac.new(secret, role.encode(), hashlib.sha256).hexdigest()


def role_of(key):
    """Return the role a key was issued for, or None when it is unknown."""
    if not key or not current_app.config["API_KEY_SECRET"]:
        return None
    for role in ROLES:
        if hmac.compare_digest(key, _expected(role)):
            return role
    return None


def authorise(minimum):
    """Check the caller's key and community; return an error response or None."""
    role = role_of(request.headers.get(current_app.config["API_KEY_HEADER"]))
    community = request.headers.get("X-Community-ID", "")
    if role is None:
        auth_event("AUTH", community, "-", request.endpoint, "denied")
        return jsonify(error="unauthorized", status=401), 401
    if ROLES.index(role) < ROLES.index(minimum):
        auth_event("AUTHZ", community, role, request.endpoint, "denied")
        return jsonify(error="forbidden", status=403), 403
    if not community.isdigit():
        return jsonify(error="missing_community", status=400), 400
    g.community_id = int(community)
    g.role = role
    auth_event("AUTH", community, role, request.endpoint, "success")
    return None


def require_key(role="action"):
    """Guard a view with an API key of at least the given role."""

    def decorator(view):
        @wraps(view)
        def wrapper(*args, **kwargs):
            denied = authorise(role)
            if denied is not None:
                return denied
            return view(*args, **kwargs)

        return wrapper

    return decorator


def body_is_signed(raw, signature, secret_env):
    """Compare the HMAC-SHA256 of a raw body with the signature that came with it."""
    secret = os.getenv(secret_env, "")
    if not secret:
        return True
    digest = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(digest, signature or "")
