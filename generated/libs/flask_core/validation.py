"""Check input against a plain schema, as the standard's samples write it."""

import re
from collections.abc import Mapping
from typing import Any

from flask_core.webhooks import verify_discord

Schema = Mapping[str, Mapping[str, Any]]
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class ValidationError(ValueError):
    """The input does not fit; the text names the first field that does not."""


async def validate_input(data: Any, schema: Schema) -> dict[str, Any]:
    """Return the data when it fits the schema; raises ValidationError otherwise.

    A rule knows `type`, `required`, `pattern` (of the whole text), `max_length`,
    `min_length`, `minimum`, `maximum`, `choices` and `items`. Unknown fields are refused.
    """
    if not isinstance(data, dict):
        raise ValidationError("the body must be a JSON object")
    for name in data:
        if name not in schema:
            raise ValidationError(f"{name}: unknown field")
    for name, rule in schema.items():
        if name in data:
            _check(name, data[name], rule)
        elif rule.get("required"):
            raise ValidationError(f"{name}: required")
    return dict(data)


def _check(name: str, value: Any, rule: Mapping[str, Any]) -> None:
    """Hold one value against its rule."""
    kind = rule.get("type", "string")
    wrong = not isinstance(value, _TYPES[kind])
    if wrong or (isinstance(value, bool) and kind != "boolean"):
        raise ValidationError(f"{name}: must be of type {kind}")
    if isinstance(value, str):
        _check_text(name, value, rule)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < rule.get("minimum", value) or value > rule.get("maximum", value):
            raise ValidationError(f"{name}: out of range")
    if isinstance(value, list):
        for position, item in enumerate(value):
            _check(f"{name}[{position}]", item, rule.get("items", {}))


def _check_text(name: str, value: str, rule: Mapping[str, Any]) -> None:
    """Hold a text against its rule."""
    if len(value) > rule.get("max_length", len(value)):
        raise ValidationError(f"{name}: longer than {rule['max_length']} characters")
    if len(value) < rule.get("min_length", 0):
        raise ValidationError(f"{name}: shorter than {rule['min_length']} characters")
    if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
        raise ValidationError(f"{name}: does not have the right form")
    if "choices" in rule and value not in rule["choices"]:
        raise ValidationError(f"{name}: not one of {', '.join(rule['choices'])}")


def validate_discord_payload(
    headers: Mapping[str, str], body: bytes, public_key: str
) -> bool:
    """Whether Discord signed this body; False for anything missing or malformed."""
    return verify_discord(headers, body, public_key) is not None
