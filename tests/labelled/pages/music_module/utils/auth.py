"""API key guard and body parsing."""

import hashlib
import hmac
from functools import wraps

from pydantic import ValidationError
from quart import g, jsonify, request

from config import config
from utils.logging import event


def key_for(role):
    """Derive the API key of a role."""
    return hmac.new(
        config.api_key_secret.encode(), role.encode(), hashlib.sha256
    ).hexdigest()


def api_key(*roles):
    """Let only the given roles in and note the community."""

    def decorator(view):
        @wraps(view)
        async def wrapper(*args, **kwargs):
            given = request.headers.get("X-API-Key", "")
            match = [r for r in roles if hmac.compare_digest(given, key_for(r))]
            community = request.headers.get("X-Community-ID", "")
            if not config.api_key_secret or not match:
                event("AUTH", request.path, "denied", community=community)
                return jsonify(error="unauthorized", status=401), 401
            if not community.isdigit():
                return jsonify(error="missing_community", status=400), 400
            g.community = int(community)
            event("AUTH", request.path, community=community, role=match[0])
            return await view(*args, **kwargs)

        return wrapper

    return decorator


def body_of(model):
    """Parse the JSON body into a pydantic model and hand it to the view."""

    def decorator(view):
        @wraps(view)
        async def wrapper(*args, **kwargs):
            try:
                parsed = model.model_validate(await request.get_json(silent=True))
            except ValidationError as exc:
                detail = exc.errors(include_url=False, include_input=False)
                return jsonify(error="invalid_input", detail=detail, status=400), 400
            return await view(parsed, *args, **kwargs)

        return wrapper

    return decorator
