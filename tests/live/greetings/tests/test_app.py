"""Tests of greetings, too few of them."""

from app import app


def test_health():
    """The module is there."""
    assert app.test_client().get("/health").status_code == 200
