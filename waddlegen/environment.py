"""A virtual environment for a module, made from its requirements and kept by their hash."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

from waddlegen import cache
from waddlegen.errors import UsageError


def python_for(requirements: Path) -> Path:
    """The Python of an environment with these requirements; makes it the first time."""
    return python_with(
        requirements.read_text("utf-8"), lambda python: _install(python, requirements)
    )


def python_with(contents: str, install: Callable[[Path], None]) -> Path:
    """The Python of the environment for these contents; filled by `install` at first."""
    key = f"{sys.version_info[:2]}{sys.prefix}{contents}"
    folder = (
        cache.folder("environments") / hashlib.sha256(key.encode()).hexdigest()[:16]
    )
    ready = folder / ".ready"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with _locked(folder):
        if not ready.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            venv.EnvBuilder(with_pip=True).create(folder)
            install(python)
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


def _install(python: Path, requirements: Path) -> None:
    """Install requirements into an environment."""
    print(f"installing {requirements} (once)", file=sys.stderr)
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
