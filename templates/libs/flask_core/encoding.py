"""JSON as bytes, whatever a database or a service has kept."""

import json
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """The value as JSON; what JSON does not know becomes text.

    PostgreSQL keeps numbers of any length in a JSON column, which orjson refuses.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)
    except TypeError:
        return json.dumps(value, default=str, separators=(",", ":")).encode()
