"""Rules on how a module is built, deployed and watched: where they get their facts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from waddlegen.facts.delivery import Delivery
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule

if TYPE_CHECKING:
    from waddlegen.source import ModuleSource

DeliveryCheck = Callable[[Delivery], Iterator[Problem]]

# The same functions as in RULES, by code, before they are given a whole module.
DELIVERY_RULES: dict[str, DeliveryCheck] = {}


def delivery_rule(
    code: str, *, severity: Severity, topic: str, checklist: str | None = None
) -> Callable[[DeliveryCheck], DeliveryCheck]:
    """Register a rule whose function asks for nothing but the delivery of a module."""

    def register(check: DeliveryCheck) -> DeliveryCheck:
        @functools.wraps(check)
        def of_module(module: ModuleSource) -> Iterator[Problem]:
            """Look at one module; one that is in no repository is shown by its name."""
            alone = module.folder == module.repository and bool(module.relative)
            for problem in check(module.delivery):
                yield (
                    replace(problem, path=module.path(problem.path))
                    if alone
                    else (problem)
                )

        DELIVERY_RULES[code] = check
        rule(code, severity=severity, topic=topic, checklist=checklist)(of_module)
        return check

    return register
