"""What modules promise each other, and comments that ignore findings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from waddlegen.discover import places
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_PORT = re.compile(
    r"(?:getenv|environ\.get)\(\s*[\"'](?:MODULE_PORT|GRPC_PORT)[\"']\s*,\s*[\"']?(\d{4,5})"
)


@rule("WB952", severity=Severity.ERROR, topic="fleet")
def port_taken_twice(module: ModuleSource) -> Iterator[Problem]:
    """Two modules of the fleet claim the same port.

    On one host only one of them starts, and calls reach the wrong one. Give each its own.

    Bad:
        MODULE_PORT 8070 in two modules
    Good:
        one port a module
    """
    others = _ports(module.repository)
    for read in module.env:
        if (
            read.name not in {"MODULE_PORT", "GRPC_PORT"}
            or not (read.default or "").isdigit()
        ):
            continue
        taken = [
            folder.name
            for folder, ports in others.items()
            if folder != module.folder and str(read.default) in ports
        ]
        if taken:
            yield module.problem(
                read.file,
                read.line,
                f"port {read.default} is also that of {', '.join(sorted(taken)[:3])}",
            )


@lru_cache(maxsize=8)
def _ports(repository: Path) -> dict[Path, frozenset[str]]:
    """The ports of every module of a repository, as their configuration says."""
    found: dict[Path, frozenset[str]] = {}
    for place in places(repository):
        if place.language != "python":
            continue
        for name in ("config.py", "app.py", "main.py", "settings.py"):
            path = place.folder / name
            try:
                text = path.read_text("utf-8", "replace")[:200_000]
            except OSError:
                continue
            ports = frozenset(_PORT.findall(text))
            if ports:
                found[place.folder] = found.get(place.folder, frozenset()) | ports
    return found


@rule("WB991", severity=Severity.WARNING, topic="suppression")
def comment_that_ignores_wrongly(module: ModuleSource) -> Iterator[Problem]:
    """A comment that ignores a finding has no reason, has expired, or ignores nothing.

    An exception needs a reason that a reader can judge, and one for a critical rule or an error
    an end. Correct the comment, or remove it.

    Bad:
        # waddlegen: ignore[WB411]
    Good:
        # waddlegen: ignore[WB411] reason="only the router reaches it" until=2027-01-31
    """
    # The engine says this itself: only it knows which comments were used.
    yield from ()
