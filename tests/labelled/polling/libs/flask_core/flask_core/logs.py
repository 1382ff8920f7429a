"""Logging set-up: one line a record on stdout, and a rotated file where the disk allows it."""

import logging
import logging.handlers
import os
import sys
import time

_LINE = "[%(asctime)s] %(levelname)s %(module_tag)s %(event)s %(message)s"
_MAX_BYTES = 10_000_000
_BACKUPS = 5


class _Defaults(logging.Filter):
    """Give every record the fields the line format names."""

    def __init__(self, tag: str) -> None:
        """Remember the module:version tag."""
        super().__init__()
        self._tag = tag

    def filter(self, record: logging.LogRecord) -> bool:
        """Fill in the tag and the event category."""
        record.module_tag = self._tag
        if not hasattr(record, "event"):
            record.event = "SYSTEM" if record.levelno < logging.ERROR else "ERROR"
        return True


def _formatter() -> logging.Formatter:
    """Build the shared formatter, in UTC."""
    formatter = logging.Formatter(_LINE, datefmt="%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    return formatter


def setup_logging(module: str, version: str, level: str = "INFO", log_dir: str = "") -> None:
    """Configure the root logger once, at start-up."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    defaults = _Defaults(f"{module}:{version}")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if log_dir and os.access(log_dir, os.W_OK):
        handlers.append(
            logging.handlers.RotatingFileHandler(
                os.path.join(log_dir, f"{module}.log"), maxBytes=_MAX_BYTES, backupCount=_BACKUPS
            )
        )
    root.handlers.clear()
    for handler in handlers:
        handler.addFilter(defaults)
        handler.setFormatter(_formatter())
        root.addHandler(handler)


def get_logger(name: str) -> logging.Logger:
    """Return a named logger; the handlers live on the root."""
    return logging.getLogger(name)
