"""Structured AAA logging."""

import json
import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from config import SECRET_FIELDS, config

logger = logging.getLogger("music")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record):
        """Render the record, carrying over our own fields."""
        entry = {
            "ts": self.formatTime(record),
            "level": record.levelname,
            "module": f"{config.name}:{config.version}",
            "message": record.getMessage(),
        }
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def setup():
    """Send records to stdout and to a rotating file."""
    logger.setLevel(config.log_level)
    path = Path(config.log_dir) / "music.log"
    for handler in (
        logging.StreamHandler(sys.stdout),
        RotatingFileHandler(path, maxBytes=10_000_000, backupCount=5),
    ):
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)


def redact(payload):
    """Return a copy of a dict with credentials blanked."""
    return {k: "***" if k in SECRET_FIELDS else v for k, v in payload.items()}


def event(kind, action, result="success", **fields):
    """Write an AUTH, AUTHZ, AUDIT or SYSTEM event."""
    fields.update(event=kind, action=action, result=result)
    logger.info("%s %s", kind, action, extra={"fields": fields})
