"""Ask git; only what needs a repository comes here."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from waddlegen.errors import UsageError


def asked(
    folder: Path, *words: str, what: str, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """What git says in a folder; raises UsageError where `what` needs it and it is missing."""
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except FileNotFoundError:
        raise UsageError(f"git is not installed; {what} needs it") from None


def done(
    folder: Path, *words: str, what: str, env: Mapping[str, str] | None = None
) -> str:
    """As `asked`; raises UsageError with git's own words where it fails."""
    answer = asked(folder, *words, what=what, env=env)
    if answer.returncode:
        said = answer.stderr.strip() or answer.stdout.strip()
        raise UsageError(f"git {words[0]}: {said}")
    return answer.stdout
