"""Register a rule that asks a running module."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from waddlegen.findings import Problem, Severity
from waddlegen.live.trial import Trial
from waddlegen.rules.rule import rule

if TYPE_CHECKING:
    from waddlegen.source import ModuleSource

Probe = Callable[[Trial], Iterator[Problem]]


def probe(
    code: str, *, severity: Severity, topic: str, checklist: str
) -> Callable[[Probe], Probe]:
    """Register a rule whose function is given the trial of a module."""

    def register(check: Probe) -> Probe:
        @functools.wraps(check)
        def of_module(module: ModuleSource) -> Iterator[Problem]:
            """Look at the module's trial; without one there is nothing to see."""
            trial = module.memory.get("trial")
            if isinstance(trial, Trial):
                yield from check(trial)

        rule(code, severity=severity, topic=topic, checklist=checklist, live=True)(
            of_module
        )
        return check

    return register
