"""The AAA log: one line an event, exactly as the standard writes it, and never forged.

`[timestamp] LEVEL module:version EVENT_TYPE community=X user=Y action=Z result=STATUS`.
A value that could be misread is quoted as JSON, so each line parses back to its fields.
Serves "Logging Standards".
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import json
import logging
import logging.handlers
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any

from flask_core.context import community_or_none, correlation_id

MAX_BYTES = 10_000_000
BACKUPS = 5
GATHER_SECONDS = 0.01
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
_handler: AAAHandler | None = None


class AAAFormatter(logging.Formatter):
    """Write any record, ours or a library's, as an AAA line."""

    def __init__(self, module: str, version: str) -> None:
        super().__init__()
        self.prefix = f"{module}:{version}"
        self._second, self._stamp = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback becomes a quoted field of it."""
        event = "ERROR" if record.levelno >= logging.ERROR else "SYSTEM"
        fields: dict[str, Any] = {
            "community": community_or_none(),
            "action": record.name,
            "message": record.getMessage(),
            "correlation_id": correlation_id(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return self.line(record.created, record.levelname, event, fields)

    def line(
        self, created: float, level: str, event: str, fields: Mapping[str, Any]
    ) -> str:
        """One AAA line."""
        words = "".join(
            [f" {name}={_spell(name, value)}" for name, value in fields.items()]
        )
        stamp = self._timestamp(created)
        return f"[{stamp}] {level} {self.prefix} {event}{words}"

    def _timestamp(self, created: float) -> str:
        """The second of a record, in UTC; computed once a second."""
        second = int(created)
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
            self._second = second
        return self._stamp


class RotatingFile(logging.handlers.RotatingFileHandler):
    """A log file of 10 MB and five older ones; unbuffered, so that a full disk is noticed."""

    def __init__(self, path: str) -> None:
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=BACKUPS)
        self._torn = False

    def _open(self) -> Any:
        """The file, to append to."""
        return open(self.baseFilename, "ab", buffering=0)

    def append(self, data: bytes) -> None:
        """Write lines, in a new file when this one is full; raises OSError."""
        stream: Any = self.stream or self._open()
        self.stream = stream
        if stream.tell() + len(data) > MAX_BYTES and stream.tell():
            self.doRollover()
            stream = self.stream
        written = stream.write(b"\n" + data if self._torn else data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class AAAHandler(logging.Handler):
    """Writes lines to stdout and to a file, those of a hundredth of a second at once.

    A full disk costs the lines of the file, never the request; it is said on stdout once.
    """

    def __init__(self, formatter: AAAFormatter, path: str | None) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.aaa = formatter
        self._waiting: list[str] = []
        self._guard = threading.RLock()
        self._file = None if path is None else RotatingFile(path)
        self._file_works = True

    def emit(self, record: logging.LogRecord) -> None:
        """Write a library's record, or one of `get_logger`."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self.write(line)

    def write(self, line: str) -> None:
        """Write one line, together with those that come right after it."""
        with self._guard:
            self._waiting.append(line)
            if len(self._waiting) > 1:
                return
        try:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._guard:
            lines, self._waiting = self._waiting, []
            if lines:
                text = "\n".join(lines) + "\n"
                # Where nobody reads stdout any more, the file still tells the story.
                with contextlib.suppress(OSError, ValueError):
                    sys.stdout.write(text)
                    sys.stdout.flush()
                self._append(text.encode("utf-8", "backslashreplace"))

    def _append(self, data: bytes) -> None:
        """Write to the file; say so when that begins to fail, or works again."""
        if self._file is None:
            return
        reason = None
        try:
            self._file.append(data)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
        if self._file_works is not (reason is None):
            self._file_works = reason is None
            status = "unavailable" if reason else "connected"
            log_system("log_file", status, reason=reason)

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        if self._file is not None:
            self._file.close()
        super().close()


@functools.lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    """Whether a field's value must not be read by anybody."""
    return _SECRET.search(name) is not None


def _spell(name: str, value: Any) -> str:
    """A field's value: redacted, plain, or quoted."""
    if value is None:
        return "-"
    if _is_secret(name):
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
    global _handler
    formatter, problem = AAAFormatter(package, version), ""
    try:
        os.makedirs(log_dir, exist_ok=True)
        handler = AAAHandler(formatter, os.path.join(log_dir, f"{package}.log"))
    except OSError as error:
        problem = error.strerror or "not writable"
        handler = AAAHandler(formatter, None)
    root = logging.getLogger()
    if _handler is not None:
        root.removeHandler(_handler)
        _handler.close()
    _handler = handler
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(level)
    if problem:
        log_system("log_file", "unavailable", folder=log_dir, reason=problem)


def flush() -> None:
    """Write what waits; for the end, when no loop will do it."""
    if _handler is not None:
        _handler.flush()


def get_logger(name: str) -> logging.Logger:
    """A logger of the module; its records become AAA lines."""
    return _LOGGER.getChild(name)


def _log(level: int, event: str, fields: dict[str, Any], exc_info: Any = None) -> None:
    """Write one AAA line, without the detour over a record."""
    if _handler is None or not _LOGGER.isEnabledFor(level):
        return
    fields["correlation_id"] = correlation_id()
    if exc_info:
        error = exc_info if isinstance(exc_info, BaseException) else sys.exception()
        if error is not None:
            fields["traceback"] = "".join(traceback.format_exception(error)).rstrip()
    name = logging.getLevelName(level)
    _handler.write(_handler.aaa.line(time.time(), name, event, fields))


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
    return {
        "community": community_id,
        "user": user_id,
        "action": action,
        "result": result,
        **more,
    }
