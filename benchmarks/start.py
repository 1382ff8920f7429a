"""How long `waddlegen --version` takes, against an interpreter that does nothing."""

import sys
from pathlib import Path

from benchmarks.measure import Result, pairs, process


def version(folder: Path) -> Result:
    """The whole process against `python -c pass`."""
    script = str(Path(sys.executable).with_name("waddlegen"))
    return pairs(
        "version",
        lambda: process([script, "--version"], folder),
        lambda: process([sys.executable, "-c", "pass"], folder),
        goal=2.0,
        rounds=15,
    )
