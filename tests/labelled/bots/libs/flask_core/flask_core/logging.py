"""AAA (authentication, authorization, auditing) logging."""

import logging
import logging.handlers
import os
import sys
from typing import Any, Optional

LOG_DIR = os.getenv("LOG_DIR", "/var/log/waddlebotlog")


class AAALogger:
    """Structured logger; one line per event in key=value form."""

    def __init__(self, module: str, version: str, level: str = "INFO"):
        """Attach console and rotating file handlers."""
        self._log = logging.getLogger(f"{module}:{version}")
        self._log.setLevel(level)
        fmt = logging.Formatter("[%(asctime)s] %(levelname)s %(name)s %(message)s")
        if not self._log.handlers:
            console = logging.StreamHandler(sys.stdout)
            console.setFormatter(fmt)
            self._log.addHandler(console)
            if os.path.isdir(LOG_DIR):
                rotating = logging.handlers.RotatingFileHandler(
                    os.path.join(LOG_DIR, f"{module}.log"),
                    maxBytes=10_000_000,
                    backupCount=5,
                )
                rotating.setFormatter(fmt)
                self._log.addHandler(rotating)

    def _emit(self, level: int, event: str, **fields: Any) -> None:
        """Render the fields and write the line."""
        parts = [f"{k}={v}" for k, v in fields.items() if v is not None]
        self._log.log(level, "%s %s", event, " ".join(parts))

    def auth(
        self,
        action: str,
        user: str,
        result: str,
        community: Optional[int] = None,
        **extra: Any,
    ) -> None:
        """Authentication event."""
        self._emit(
            logging.INFO,
            "AUTH",
            community=community,
            user=user,
            action=action,
            result=result,
            **extra,
        )

    def authz(
        self,
        action: str,
        user: str,
        result: str,
        community: Optional[int] = None,
        **extra: Any,
    ) -> None:
        """Authorization decision."""
        self._emit(
            logging.INFO,
            "AUTHZ",
            community=community,
            user=user,
            action=action,
            result=result,
            **extra,
        )

    def audit(
        self, action: str, user: str, community: Any, result: str, **extra: Any
    ) -> None:
        """State-changing action."""
        self._emit(
            logging.INFO,
            "AUDIT",
            community=community,
            user=user,
            action=action,
            result=result,
            **extra,
        )

    def error(
        self,
        message: str,
        action: Optional[str] = None,
        community: Any = None,
        **extra: Any,
    ) -> None:
        """Failure."""
        self._emit(
            logging.ERROR,
            "ERROR",
            community=community,
            action=action,
            result="failure",
            error=message,
            **extra,
        )

    def system(
        self, message: str, action: Optional[str] = None, result: str = "success"
    ) -> None:
        """Operational event."""
        self._emit(
            logging.INFO, "SYSTEM", action=action, result=result, message=message
        )

    def debug(self, message: str) -> None:
        """Developer detail, off in production."""
        self._emit(logging.DEBUG, "DEBUG", message=message)


def get_aaa_logger(module: str, version: str, level: str = "INFO") -> AAALogger:
    """Return the AAA logger for a module."""
    return AAALogger(module, version, level)
