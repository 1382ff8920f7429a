"""Shared building blocks for WaddleBot modules."""

from .api import create_health_blueprint, error_response, success_response
from .auth import check_api_key, require_api_key
from .database import AsyncDAL
from .logging import AAALogger, get_aaa_logger
from .validation import ValidationError, validate_input

__all__ = [
    "AAALogger",
    "AsyncDAL",
    "ValidationError",
    "check_api_key",
    "create_health_blueprint",
    "error_response",
    "get_aaa_logger",
    "require_api_key",
    "success_response",
    "validate_input",
]
