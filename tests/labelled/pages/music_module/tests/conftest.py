"""Fixtures of the music tests."""

import os
import sys
from unittest.mock import AsyncMock

os.environ.setdefault("API_KEY_SECRET", "for-tests")
sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))

import pytest  # noqa: E402

from main import app  # noqa: E402
from services import store  # noqa: E402
from utils.auth import key_for  # noqa: E402


@pytest.fixture
def client(monkeypatch):
    """A client with database and cache replaced by mocks."""
    monkeypatch.setitem(store._state, "db", AsyncMock())
    monkeypatch.setitem(store._state, "cache", AsyncMock())
    return app.test_client()


@pytest.fixture
def headers():
    """Admin headers of community 3."""
    return {"X-API-Key": key_for("admin"), "X-Community-ID": "3"}
