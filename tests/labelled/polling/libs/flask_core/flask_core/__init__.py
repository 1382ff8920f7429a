"""Shared helpers of the platform's Quart modules (0.9 line)."""

from .aaa import AAALogger
from .api import fail, install_error_handlers, ok
from .auth import Caller, lookup_caller, require_api_key
from .database import AsyncDAL
from .health import health_blueprint
from .logs import get_logger, setup_logging
from .ratelimit import rate_limit
from .validation import ValidationFailed, choice, int_arg, text_field

__version__ = "0.9.4"

__all__ = [
    "AAALogger",
    "AsyncDAL",
    "Caller",
    "ValidationFailed",
    "choice",
    "fail",
    "get_logger",
    "health_blueprint",
    "install_error_handlers",
    "int_arg",
    "lookup_caller",
    "ok",
    "rate_limit",
    "require_api_key",
    "setup_logging",
    "text_field",
]
