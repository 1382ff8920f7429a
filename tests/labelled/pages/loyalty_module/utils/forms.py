"""Small helpers that turn request data into checked values."""

import re

from flask import request

USER_ID = re.compile(r"^[a-z]+:\d+$")


class BadInput(ValueError):
    """Raised when a request carries something we do not accept."""


def json_body(*required):
    """Return the JSON object of the request, insisting on the given fields."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise BadInput("a JSON object is expected")
    missing = [name for name in required if body.get(name) in (None, "")]
    if missing:
        raise BadInput("missing: " + ", ".join(missing))
    return body


def user_id(value):
    """Check that a user id looks like platform:number."""
    if not isinstance(value, str) or not USER_ID.match(value):
        raise BadInput("user id must be 'platform:user_id'")
    return value


def positive(value, ceiling=1_000_000):
    """Check a whole number between one and the ceiling."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput("a whole number is expected")
    if not 1 <= value <= ceiling:
        raise BadInput(f"must be between 1 and {ceiling}")
    return value


def page_size(default=25):
    """Read ?limit= and fall back to the default when it makes no sense."""
    try:
        return max(1, min(100, int(request.args.get("limit", default))))
    except ValueError:
        pass
    return default
