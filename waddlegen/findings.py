"""What a rule says, and what the engine makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is; the score weighs them 10, 7.5, 5 and 2.5."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def weight(self) -> float:
        """What one finding costs a module's score."""
        return _WEIGHTS[self.value]

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(_WEIGHTS).index(self.value)


_WEIGHTS = {"critical": 10.0, "error": 7.5, "warning": 5.0, "info": 2.5}


class Verdict(StrEnum):
    """How a module stands to one bullet of the checklist."""

    PASS = "pass"
    PARTIAL = "partial"
    FAIL = "fail"
    NOT_APPLICABLE = "na"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class Problem:
    """All that a rule needs to say; path is relative to the repository that is checked."""

    path: str
    line: int
    message: str
    column: int = 1
    hint: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with the rule that found it and the module it is in."""

    code: str
    name: str
    severity: Severity
    topic: str
    checklist: str | None
    module: str
    problem: Problem
    snippet: str = ""

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Findings stand in the order of the files."""
        at = self.problem
        return at.path, at.line, at.column, self.code, at.message


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a verdict was given, and where to see it."""

    text: str
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        """The place first."""
        place = f"{self.path}:{self.line}" if self.path else ""
        return f"{place} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of the module showed of one bullet, or why it showed nothing.

    What decides stands in the place of the static verdict, else the worse of the two counts.
    """

    bullet: str
    verdict: Verdict
    evidence: tuple[Proof, ...] = ()
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one bullet, with its evidence."""

    bullet: str
    verdict: Verdict
    evidence: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """What was found in one module."""

    name: str
    path: str
    language: str
    findings: tuple[Finding, ...]
    verdicts: Mapping[str, Judgement] = field(default_factory=dict)
    score: float = 100.0
    skipped: tuple[tuple[str, str], ...] = ()
    suppressed: int = 0
    baselined: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run found; decides its own exit code."""

    modules: tuple[ModuleReport, ...]
    rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of every module, in order."""
        every = [finding for module in self.modules for finding in module.findings]
        return tuple(sorted(every, key=lambda finding: finding.sort_key))

    def exit_code(self, fail_level: Severity) -> int:
        """1 when a finding is at least this bad."""
        return int(any(f.severity.rank <= fail_level.rank for f in self.findings))
