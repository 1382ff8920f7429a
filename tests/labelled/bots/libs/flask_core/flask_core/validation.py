"""Tiny schema validation for JSON bodies."""

import re
from typing import Any, Mapping

_TYPES = {
    "string": str,
    "integer": int,
    "array": list,
    "object": dict,
    "boolean": bool,
}


class ValidationError(ValueError):
    """Raised when a body does not match its schema."""


def _check_field(name: str, value: Any, rule: Mapping[str, Any]) -> None:
    """Check one value against its rule."""
    expected = _TYPES[rule["type"]]
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise ValidationError(f"{name} must be of type {rule['type']}")
    if "max_length" in rule and len(value) > rule["max_length"]:
        raise ValidationError(f"{name} is longer than {rule['max_length']}")
    if "min" in rule and value < rule["min"]:
        raise ValidationError(f"{name} is below {rule['min']}")
    if "max" in rule and value > rule["max"]:
        raise ValidationError(f"{name} is above {rule['max']}")
    if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
        raise ValidationError(f"{name} has the wrong format")
    if "choices" in rule and value not in rule["choices"]:
        raise ValidationError(f"{name} must be one of {', '.join(rule['choices'])}")
    if expected is list and "items" in rule:
        for i, item in enumerate(value):
            _check_field(f"{name}[{i}]", item, rule["items"])


def validate_input(data: Any, schema: Mapping[str, Mapping[str, Any]]) -> dict:
    """Return the known fields of ``data`` or raise ValidationError."""
    if not isinstance(data, dict):
        raise ValidationError("body must be a JSON object")
    clean = {}
    for name, rule in schema.items():
        if data.get(name) is None:
            if rule.get("required"):
                raise ValidationError(f"{name} is required")
            continue
        _check_field(name, data[name], rule)
        clean[name] = data[name]
    return clean
