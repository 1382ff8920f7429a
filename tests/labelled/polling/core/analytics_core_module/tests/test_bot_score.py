"""The arithmetic of the scores; no database needed."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from services.bot_score import components, grade_of, overall  # noqa: E402

QUIET = {"peak": None, "mean": None, "spread": None, "newcomers": None, "audience": None}


def _grades(pairs):
    """Compare every score with its letter."""
    for score, letter in pairs:
        assert grade_of(score) == letter, score


def test_grades_at_the_steps():
    """Each step belongs to the worse letter."""
    _grades([(0, "A"), (19.99, "A"), (20, "B"), (59.9, "C"), (60, "D"), (80, "F"), (100, "F")])


def test_nothing_measured():
    """A community without a week of data has no division by zero."""
    parts = components(QUIET, 0)
    assert parts["burst"] == 0 and parts["newcomers"] == 0
    assert overall(parts) == 0


def test_components_are_bounded():
    """No component leaves 0 to 100."""
    wild = {"peak": 9e6, "mean": 1, "spread": 0, "newcomers": 9e6, "audience": 1}
    parts = components(wild, 10_000)
    assert all(0 <= value <= 100 for value in parts.values())
    assert overall(parts) == 100
