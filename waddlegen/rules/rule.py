"""A rule: its code, name and severity, and the function that finds problems."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waddlegen.findings import Problem, Severity

if TYPE_CHECKING:
    from waddlegen.source import ModuleSource

Check = Callable[["ModuleSource"], Iterator[Problem]]

RULES: dict[str, Rule] = {}


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence of the standard that can be decided by looking at a module."""

    code: str
    name: str
    severity: Severity
    topic: str
    checklist: str | None
    doc: str
    check: Check


def rule(
    code: str, *, severity: Severity, topic: str, checklist: str | None = None
) -> Callable[[Check], Check]:
    """Register a rule; its name is the function's, its text the docstring's."""

    def register(check: Check) -> Check:
        if code in RULES:
            raise ValueError(f"two rules are called {code}")
        name = check.__name__.replace("_", "-")
        doc = inspect.getdoc(check) or ""
        RULES[code] = Rule(code, name, severity, topic, checklist, doc, check)
        return check

    return register
