"""Errors that a user can act on; each knows the exit code it ends the program with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waddlegen.specfile import SpecProblem

# A file of nonsense can hold thousands of problems; the first ones tell the story.
SHOWN_PROBLEMS = 50


class WaddlegenError(Exception):
    """Something went wrong that the user can put right; the text says how."""

    exit_code = 1


class UsageError(WaddlegenError):
    """The command was called in a way it does not understand."""

    exit_code = 2


class SpecError(WaddlegenError):
    """A spec is wrong; carries every problem found in it, sorted."""

    exit_code = 2

    def __init__(self, problems: Iterable[SpecProblem]) -> None:
        """Keep the problems in the order of the file, each once."""
        self.problems: tuple[SpecProblem, ...] = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Render the problems with their source lines, and count them."""
        count = len(self.problems)
        total = "1 problem" if count == 1 else f"{count} problems"
        if count > SHOWN_PROBLEMS:
            total += f", the first {SHOWN_PROBLEMS} shown"
        shown = (str(problem) for problem in self.problems[:SHOWN_PROBLEMS])
        return "\n".join([*shown, total])


class ConflictError(WaddlegenError):
    """A change and a hand edit touch the same lines; somebody has to choose."""

    exit_code = 3
