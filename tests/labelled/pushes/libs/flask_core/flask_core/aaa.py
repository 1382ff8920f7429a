"""AAA logging: one line per event, `TYPE community=.. user=.. action=.. result=..`."""

import logging
import logging.handlers
import os
import sys
import time
from typing import Any, Optional

LINE_FORMAT = "[%(asctime)s] %(levelname)s %(name)s %(message)s"


def clean(value: Any) -> str:
    """Quote a value so that it cannot end the line or start a new field."""
    if value is None:
        return "-"
    text = str(value)
    if text and all(c.isalnum() or c in "_.:@/+-" for c in text):
        return text
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


class OneLineFormatter(logging.Formatter):
    """Formatter which keeps every record's message on one line."""

    converter = time.gmtime

    def __init__(self) -> None:
        super().__init__(LINE_FORMAT, "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        """Format, then escape line breaks (tracebacks become one line too)."""
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


def setup_logging(
    module: str,
    version: str,
    level: str = "INFO",
    log_dir: str = "/var/log/waddlebotlog",
) -> logging.Logger:
    """Configure the module's logger: stdout always, rotating file if writable."""
    logger = logging.getLogger(f"{module}:{version}")
    if logger.handlers:
        return logger
    logger.setLevel(level)
    logger.propagate = False
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if os.path.isdir(log_dir) and os.access(log_dir, os.W_OK):
        handlers.append(
            logging.handlers.RotatingFileHandler(
                os.path.join(log_dir, f"{module}.log"),
                maxBytes=10_000_000,
                backupCount=5,
            )
        )
    for handler in handlers:
        handler.setFormatter(OneLineFormatter())
        logger.addHandler(handler)
    return logger


class AAALogger:
    """Authentication, authorization and audit events of one module."""

    def __init__(self, module: str, version: str) -> None:
        self.log = logging.getLogger(f"{module}:{version}")

    def _line(self, kind: str, level: int, **fields: Any) -> None:
        """Write one event."""
        pairs = " ".join(f"{k}={clean(v)}" for k, v in fields.items())
        self.log.log(level, "%s %s", kind, pairs)

    def auth(
        self,
        action: str,
        result: str,
        *,
        community: Any = None,
        user: Any = None,
        reason: Optional[str] = None,
    ) -> None:
        """Someone proved, or failed to prove, who they are."""
        self._line(
            "AUTH",
            logging.INFO if result == "success" else logging.WARNING,
            community=community,
            user=user,
            action=action,
            result=result,
            reason=reason,
        )

    def authz(
        self,
        action: str,
        result: str,
        *,
        community: Any,
        user: Any,
        reason: Optional[str] = None,
    ) -> None:
        """A permission was granted or denied."""
        self._line(
            "AUTHZ",
            logging.INFO if result == "success" else logging.WARNING,
            community=community,
            user=user,
            action=action,
            result=result,
            reason=reason,
        )

    def audit(
        self,
        action: str,
        *,
        community: Any,
        user: Any,
        result: str = "success",
        target: Any = None,
    ) -> None:
        """Something was changed or carried out."""
        self._line(
            "AUDIT",
            logging.INFO,
            community=community,
            user=user,
            action=action,
            result=result,
            target=target,
        )

    def error(
        self,
        action: str,
        error: Any,
        *,
        community: Any = None,
        duration_ms: Optional[int] = None,
    ) -> None:
        """An operation failed."""
        self._line(
            "ERROR",
            logging.ERROR,
            community=community,
            user=None,
            action=action,
            result="failure",
            error=error,
            duration_ms=duration_ms,
        )

    def system(self, action: str, status: str = "success", **fields: Any) -> None:
        """Start, stop and the like."""
        self._line("SYSTEM", logging.INFO, action=action, status=status, **fields)
