"""Fixtures shared by the loyalty tests."""

import hashlib
import hmac
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))

from app import create_app  # noqa: E402

SECRET = "unit-test-secret"


def _key(role):
    return hmac.new(SECRET.encode(), role.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def client():
    """A test client with no database behind it."""
    app = create_app({"TESTING": True, "API_KEY_SECRET": SECRET})
    return app.test_client()


@pytest.fixture
def headers():
    """Headers of an admin of community 7."""
    return {"X-API-Key": _key("admin"), "X-Community-ID": "7"}
