"""Measure two ways of doing the same thing in one run, turn by turn."""

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison: what was measured of ours and of the peer, and their ratio.

    The goal is the most that the ratio may be, or the least with `at_least`. Without a
    peer to compare with, `peer` is 1 and the goal is a bound in the unit itself.
    """

    name: str
    ours: float
    peer: float
    ratio: float
    goal: float
    unit: str = "s"
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    def record(self) -> dict[str, object]:
        """The result as one JSON object."""
        return {**asdict(self), "holds": self.holds}


def pairs(
    name: str,
    ours: Callable[[], float],
    peer: Callable[[], float],
    goal: float,
    rounds: int = 5,
) -> Result:
    """Run both in turn and compare them pair by pair; each returns its seconds.

    One pair is run first and thrown away. The ratio is the median over the pairs.
    """
    ours()
    peer()
    taken = [(ours(), peer()) for _ in range(rounds)]
    return Result(
        name,
        statistics.median(mine for mine, _ in taken),
        statistics.median(theirs for _, theirs in taken),
        statistics.median(mine / theirs for mine, theirs in taken),
        goal,
    )


def process(command: Sequence[str], folder: Path) -> float:
    """Run a whole process and return its seconds; raises when it fails."""
    start = time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    return time.perf_counter() - start
