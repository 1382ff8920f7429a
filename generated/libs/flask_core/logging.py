"""The AAA log: one line an event, exactly as the standard writes it, and never forged.

`[timestamp] LEVEL module:version EVENT_TYPE community=X user=Y action=Z result=STATUS`.
A value that could be misread is quoted as JSON, so each line parses back to its fields.
Serves "Logging Standards".
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from flask_core.context import community_or_none, correlation_id

MAX_BYTES = 10_000_000
BACKUPS = 5
_PLAIN = re.compile(r"[^\s\"'=\\\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SECRET = re.compile(
    r"(secret|passw|authorization|credential|cookie|signature|private)|"
    r"(^|_)(token|api_key|apikey|key)$",
    re.IGNORECASE,
)
_LINE = re.compile(
    r"\[(?P<timestamp>[^\]]+)\] (?P<level>[A-Z]+) (?P<module>[^ :]+):(?P<version>\S+)"
    r" (?P<event>[A-Z]+)(?P<fields>.*)",
    re.DOTALL,
)
_FIELD = re.compile(r" ([A-Za-z_][A-Za-z0-9_]*)=(\"(?:[^\"\\]|\\.)*\"|\S*)")
_LOGGER = logging.getLogger("waddlebot")


class AAAFormatter(logging.Formatter):
    """Write any record, ours or a library's, as an AAA line."""

    def __init__(self, module: str, version: str) -> None:
        super().__init__()
        self.prefix = f"{module}:{version}"
        self._second, self._stamp = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback becomes a quoted field of it."""
        event: str = getattr(record, "aaa_event", "")
        fields: Mapping[str, Any] = getattr(record, "aaa_fields", {})
        if not event:
            event = "ERROR" if record.levelno >= logging.ERROR else "SYSTEM"
            fields = {
                "community": community_or_none(),
                "action": record.name,
                "message": record.getMessage(),
                "correlation_id": correlation_id(),
            }
        if record.exc_info:
            fields = {**fields, "traceback": self.formatException(record.exc_info)}
        words = "".join(f" {name}={_spell(name, fields[name])}" for name in fields)
        stamp = self._timestamp(record.created)
        return f"[{stamp}] {record.levelname} {self.prefix} {event}{words}"

    def _timestamp(self, created: float) -> str:
        """The second of a record, in UTC; computed once a second."""
        second = int(created)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
            self._second = second
        return self._stamp


def _spell(name: str, value: Any) -> str:
    """A field's value: redacted, plain, or quoted."""
    if value is None:
        return "-"
    if _SECRET.search(name):
        return "[redacted]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    if _PLAIN.fullmatch(text):
        return text
    return json.dumps(text)


def parse_line(line: str) -> dict[str, str] | None:
    """The fields of an AAA line, or None when it is none."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    fields = {
        name: json.loads(value) if value.startswith('"') else value
        for name, value in _FIELD.findall(found["fields"])
    }
    return {
        **{
            key: found[key]
            for key in ("timestamp", "level", "module", "version", "event")
        },
        **fields,
    }


def setup_logging(package: str, version: str, level: str, log_dir: str) -> None:
    """Send every record to stdout, and to a rotating file where the folder is writable."""
    formatter = AAAFormatter(package, version)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    problem = ""
    try:
        os.makedirs(log_dir, exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(
                os.path.join(log_dir, f"{package}.log"),
                maxBytes=MAX_BYTES,
                backupCount=BACKUPS,
                encoding="utf-8",
            )
        )
    except OSError as error:
        problem = error.strerror or "not writable"
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, AAAFormatter):
            root.removeHandler(old)
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(level)
    if problem:
        log_system("log_file", "unavailable", folder=log_dir, reason=problem)


def get_logger(name: str) -> logging.Logger:
    """A logger of the module; its records become AAA lines."""
    return _LOGGER.getChild(name)


def _log(level: int, event: str, fields: dict[str, Any], exc_info: Any = None) -> None:
    """Write one AAA line."""
    if _LOGGER.isEnabledFor(level):
        fields["correlation_id"] = correlation_id()
        extra = {"aaa_event": event, "aaa_fields": fields}
        _LOGGER.log(level, event, extra=extra, exc_info=exc_info)


def log_auth_event(
    community_id: object, user_id: object, action: str, result: str, **fields: Any
) -> None:
    """AUTH: somebody proved who they are, or failed to."""
    _log(logging.INFO, "AUTH", _four(community_id, user_id, action, result, fields))


def log_authz_event(
    community_id: object, user_id: object, action: str, result: str, **fields: Any
) -> None:
    """AUTHZ: somebody was allowed something, or refused."""
    _log(logging.INFO, "AUTHZ", _four(community_id, user_id, action, result, fields))


def log_audit_event(
    community_id: object, user_id: object, action: str, result: str, **fields: Any
) -> None:
    """AUDIT: somebody changed something."""
    _log(logging.INFO, "AUDIT", _four(community_id, user_id, action, result, fields))


def log_error(
    community_id: object, action: str, error: str, exc_info: Any = None, **fields: Any
) -> None:
    """ERROR: something failed."""
    named = {"community": community_id, "action": action, "result": "failure"}
    _log(logging.ERROR, "ERROR", {**named, "error": error, **fields}, exc_info)


def log_system(action: str, status: str, **fields: Any) -> None:
    """SYSTEM: the module itself started, stopped, lost or regained something."""
    _log(logging.INFO, "SYSTEM", {"action": action, "status": status, **fields})


def _four(
    community_id: object,
    user_id: object,
    action: str,
    result: str,
    more: dict[str, Any],
) -> dict[str, Any]:
    """The four fields every AAA line has, and the event's own."""
    first = {
        "community": community_id,
        "user": user_id,
        "action": action,
        "result": result,
    }
    return {**first, **more}
