"""Schema checks for JSON bodies."""

import re
from typing import Any, Dict, Mapping, Optional

USER_ID_PATTERN = r"^[a-z]+:[A-Za-z0-9_.-]+$"

_TYPES: Dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


class ValidationError(ValueError):
    """The body does not fit the schema."""


def _check_one(name: str, value: Any, rule: Mapping[str, Any]) -> None:
    """Check one value against its rule."""
    kind = rule.get("type", "string")
    if isinstance(value, bool) and kind in ("integer", "number"):
        raise ValidationError(f"{name}: expected {kind}")
    if not isinstance(value, _TYPES[kind]):
        raise ValidationError(f"{name}: expected {kind}")
    if "max_length" in rule and len(value) > rule["max_length"]:
        raise ValidationError(f"{name}: longer than {rule['max_length']}")
    if "min" in rule and value < rule["min"]:
        raise ValidationError(f"{name}: less than {rule['min']}")
    if "max" in rule and value > rule["max"]:
        raise ValidationError(f"{name}: more than {rule['max']}")
    if "enum" in rule and value not in rule["enum"]:
        raise ValidationError(f"{name}: not one of {sorted(rule['enum'])}")
    if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
        raise ValidationError(f"{name}: malformed")
    if kind == "array" and "items" in rule:
        for index, item in enumerate(value):
            _check_one(f"{name}[{index}]", item, rule["items"])


def validate_input(
    data: Optional[Any], schema: Mapping[str, Mapping[str, Any]]
) -> Dict[str, Any]:
    """Return the fields of the schema; others are dropped.

    An empty schema returns the object unchanged.
    """
    if not isinstance(data, dict):
        raise ValidationError("body must be a JSON object")
    if not schema:
        return dict(data)
    clean: Dict[str, Any] = {}
    for name, rule in schema.items():
        if data.get(name) is None:
            if rule.get("required"):
                raise ValidationError(f"{name}: required")
            if "default" in rule:
                clean[name] = rule["default"]
            continue
        _check_one(name, data[name], rule)
        clean[name] = data[name]
    return clean
