"""The command line as a user types it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Modules that tests run; their own tests are theirs.
collect_ignore = ["live", "labelled"]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Run `waddlegen …` as a process, in an empty project unless told otherwise."""
    folder = tmp_path / "project"
    (folder / "module_specs").mkdir(parents=True)

    def run(*words: str, cwd: Path = folder) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "waddlegen", *words],
            cwd=cwd,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    return run


@pytest.fixture
def project(tmp_path: Path, cli: Cli) -> Path:
    """The folder `cli` works in."""
    return tmp_path / "project"
