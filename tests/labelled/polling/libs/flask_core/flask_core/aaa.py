"""Authentication, authorization and audit records.

Every method writes one line of ``key=value`` pairs; values are quoted when they hold anything
but plain word characters, so that a value cannot start a new line or a new pair.
"""

import json
import logging
import re
from typing import Any, Optional

_PLAIN = re.compile(r"^[A-Za-z0-9_.:@/+-]+$")


def _quote(value: Any) -> str:
    """Render one value so that the line parses back."""
    if value is None:
        return "-"
    text = str(value)
    return text if _PLAIN.match(text) and "\n" not in text else json.dumps(text)


class AAALogger:
    """Writer of AUTH, AUTHZ, AUDIT, ERROR and SYSTEM records."""

    def __init__(self, name: str) -> None:
        """Bind to the logger called ``name``."""
        self._log = logging.getLogger(name)

    def _write(self, level: int, event: str, pairs: dict[str, Any]) -> None:
        """Write the pairs in order."""
        line = " ".join(f"{key}={_quote(value)}" for key, value in pairs.items())
        self._log.log(level, "%s", line, extra={"event": event})

    def auth(
        self,
        action: str,
        user: Optional[str] = None,
        community: Optional[int] = None,
        result: str = "success",
        reason: Optional[str] = None,
    ) -> None:
        """Record that somebody proved, or failed to prove, who they are."""
        pairs = {"community": community, "user": user, "action": action, "result": result}
        if reason:
            pairs["reason"] = reason
        self._write(logging.INFO if result == "success" else logging.WARNING, "AUTH", pairs)

    def authz(
        self,
        action: str,
        user: Optional[str],
        community: Optional[int],
        result: str,
        reason: Optional[str] = None,
    ) -> None:
        """Record a decision on what a known caller may do."""
        pairs = {"community": community, "user": user, "action": action, "result": result}
        if reason:
            pairs["reason"] = reason
        self._write(logging.INFO, "AUTHZ", pairs)

    def audit(
        self,
        action: str,
        user: Optional[str],
        community: Optional[int],
        result: str = "success",
        **details: Any,
    ) -> None:
        """Record a change somebody made."""
        pairs = {"community": community, "user": user, "action": action, "result": result}
        pairs.update(details)
        self._write(logging.INFO, "AUDIT", pairs)

    def error(
        self,
        action: str,
        err: BaseException,
        community: Optional[int] = None,
        duration_ms: Optional[int] = None,
    ) -> None:
        """Record a failure; the exception's class is written, not its text."""
        pairs = {"community": community, "action": action, "result": "failure"}
        pairs["error"] = type(err).__name__
        if duration_ms is not None:
            pairs["duration_ms"] = duration_ms
        self._write(logging.ERROR, "ERROR", pairs)

    def system(self, action: str, status: str = "success", **details: Any) -> None:
        """Record an operational event."""
        self._write(logging.INFO, "SYSTEM", {"action": action, "status": status, **details})
