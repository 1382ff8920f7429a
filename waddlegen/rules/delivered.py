"""Rules on how a module is built, deployed and watched: where they get their facts.

`delivery_of` is the one place that knows how a module's source leads to them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from waddlegen.facts.delivery import Delivery
from waddlegen.facts.survey import survey
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
            """Look at one module."""
            return check(delivery_of(module))

        DELIVERY_RULES[code] = check
        rule(code, severity=severity, topic=topic, checklist=checklist)(of_module)
        return check

    return register


def delivery_of(module: ModuleSource) -> Delivery:
    """The module's own `delivery` where its source keeps one, or one made now."""
    known = getattr(module, "delivery", None)
    if isinstance(known, Delivery):
        return known
    folder = module.folder
    if folder.is_absolute():
        folder = folder.relative_to(module.repository)
    name = folder.as_posix()
    return Delivery(survey(module.repository), "" if name == "." else name)
