"""What a rule says, and what the engine makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is; the score weighs them 10, 7.5, 5 and 2.5."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a rule needs to say; path is relative to the repository that is checked."""

    path: str
    line: int
    message: str
    column: int = 1
    hint: str = ""
