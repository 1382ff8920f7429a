"""A virtual environment for a module, made from its requirements and kept by their hash."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from waddlegen import cache
from waddlegen.errors import UsageError


def python_for(requirements: Path) -> Path:
    """The Python of an environment with these requirements; makes it the first time."""
    key = f"{sys.version_info[:2]}{sys.prefix}{requirements.read_text('utf-8')}"
    folder = (
        cache.folder("environments") / hashlib.sha256(key.encode()).hexdigest()[:16]
    )
    ready = folder / ".ready"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with _locked(folder):
        if not ready.is_file():
            _make(folder, python, requirements)
            ready.touch()
    return python


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make an environment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w", encoding="ascii") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, python: Path, requirements: Path) -> None:
    """Create the environment and install into it."""
    print(f"installing {requirements} (once)", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    venv.EnvBuilder(with_pip=True).create(folder)
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    done = subprocess.run(
        [*pip, "-r", str(requirements)], stdout=sys.stderr, check=False
    )
    if done.returncode:
        raise UsageError(
            f"{requirements}: pip could not install this (see above);"
            " check the network or the package index, then try again"
        )
