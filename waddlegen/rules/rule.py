"""A rule: its code, name and severity, and the function that finds problems."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from waddlegen.findings import Problem, Severity

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from waddlegen.source import ModuleSource

    Check = Callable[[ModuleSource], Iterator[Problem]]

RULES: dict[str, Rule] = {}
_GROUP = "waddlegen.rules"


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
    legacy: bool = True
    optional: bool = False
    live: bool = False


def rule(
    code: str,
    *,
    severity: Severity,
    topic: str,
    checklist: str | None = None,
    legacy: bool = True,
    optional: bool = False,
    live: bool = False,
) -> Callable[[Check], Check]:
    """Register a rule; its name is the function's, its text the docstring's.

    `legacy=False` keeps it out of the profile for hand-written modules; an `optional` one
    runs only when it is selected by its code or by ALL; a `live` one, when modules are run.
    """

    def register(check: Check) -> Check:
        if code in RULES:
            raise ValueError(f"two rules are called {code}")
        name = check.__name__.replace("_", "-")
        doc = inspect.getdoc(check) or ""
        RULES[code] = Rule(
            *(code, name, severity, topic, checklist, doc, check),
            *(legacy, optional, live),
        )
        return check

    return register


def load(live: bool = False) -> dict[str, Rule]:
    """Every rule, sorted by code: those of this package, and those other packages offer.

    The rules that look at a running module are imported only when they are asked for.
    """
    import waddlegen.rules as package

    _import_all(package)
    if live:
        _import_all(importlib.import_module("waddlegen.probes"))
    for entry in rules_of_others():
        entry.load()
    return {code: each for code, each in sorted(RULES.items()) if live or not each.live}


@functools.cache
def rules_of_others() -> Sequence[EntryPoint]:
    """Where other packages say that they have rules; these do not change with waddlegen."""
    # Most often none does, and the library that asks them takes its time to load.
    if not any(map(_speaks_of_rules, sys.path)):
        return ()
    from importlib.metadata import entry_points

    return tuple(entry_points(group=_GROUP))


def _speaks_of_rules(place: str) -> bool:
    """Whether a package that is installed in a folder says that it has rules."""
    with contextlib.suppress(OSError):
        for path in Path(place).glob("*-info/entry_points.txt"):
            if _GROUP.encode() in path.read_bytes():
                return True
    return False


def _import_all(package: ModuleType) -> None:
    """Import every file of a package, so that its rules register themselves."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
