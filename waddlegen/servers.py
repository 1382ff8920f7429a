"""Start PostgreSQL and Redis beside what is run, and end them with it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from waddlegen.errors import UsageError


@contextlib.contextmanager
def started(libs: Path, wanted: Sequence[str]) -> Iterator[dict[str, str]]:
    """The addresses of the wanted servers, `postgres` and `redis`, while they run."""
    command = [sys.executable, "-m", "flask_core.testing.servers"]
    with subprocess.Popen(
        [*command, *(f"--{name}" for name in wanted)],
        cwd=libs,
        env={**os.environ, "PYTHONPATH": str(libs)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        answer = process.stdout.readline()
        if not answer:
            raise UsageError(
                "PostgreSQL and Redis could not be started (see above); install them"
                " with pip install 'waddlegen[local]', or give --database-url and --redis-url"
            )
        try:
            addresses: dict[str, str] = json.loads(answer)
            yield addresses
        finally:
            process.stdin.close()
