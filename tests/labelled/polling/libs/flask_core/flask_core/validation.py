"""Small input checks for routes that have no model."""

from typing import Any, Iterable, Mapping, Optional


class ValidationFailed(ValueError):
    """Input that does not fit; the text is shown to the caller."""


def int_arg(args: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """Read an integer and hold it within bounds."""
    raw = args.get(name)
    if raw is None or raw == "":
        return default
    try:
        value = int(raw)
    except (TypeError, ValueError):
        raise ValidationFailed(f"{name} must be an integer") from None
    if not low <= value <= high:
        raise ValidationFailed(f"{name} must be between {low} and {high}")
    return value


def choice(value: Any, allowed: Iterable[str], name: str, default: Optional[str] = None) -> str:
    """Return the value when it is one of those allowed."""
    if value in (None, "") and default is not None:
        return default
    options = tuple(allowed)
    if value not in options:
        raise ValidationFailed(f"{name} must be one of {', '.join(options)}")
    return value


def text_field(data: Mapping[str, Any], name: str, max_length: int, pattern=None) -> str:
    """Read a required string of limited length, matched against a compiled pattern if given."""
    value = data.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValidationFailed(f"{name} is required")
    if len(value) > max_length:
        raise ValidationFailed(f"{name} is longer than {max_length}")
    if pattern is not None and not pattern.fullmatch(value):
        raise ValidationFailed(f"{name} has an unknown form")
    return value
