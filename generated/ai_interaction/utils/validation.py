# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/utils/validation.py.jinja; edits are merged on update.
"""Checks that the spec's parameters cannot express; services import them from here."""

from flask_core.errors import ApiError


def require(condition: bool, field: str, message: str) -> None:
    """Refuse a request with 400 and the field's name unless the condition holds."""
    if not condition:
        fields = [{"field": field, "message": message}]
        raise ApiError(400, "invalid_input", f"{field}: {message}", fields=fields)
