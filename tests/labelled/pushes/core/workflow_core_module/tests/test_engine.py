"""Expressions and graphs."""

import pytest

from engine.expressions import ExpressionError, truth
from engine.runner import problems


def test_condition():
    """Comparison and boolean operators."""
    assert truth("level > 3 and name == 'x'", {"level": 4, "name": "x"})
    assert not truth("level > 3", {"level": 3})


@pytest.mark.parametrize(
    "text", ["__import__('os')", "a.b", "[1][5]", "1 +", "x" * 501]
)
def test_refused(text):
    """Calls, attributes and broken texts are refused."""
    with pytest.raises(ExpressionError):
        truth(text, {})


def test_problems():
    """A graph without start is refused."""
    assert problems([{"id": "a", "type": "stop"}], []) == ["no node `start`"]
