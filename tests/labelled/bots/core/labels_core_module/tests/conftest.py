"""Fixtures: the app with a fake DAL and known keys."""

import pytest

import db
from app import create_app

API_KEY = "test-core-key"


class FakeDal:
    """Answers queries from a list of canned rows."""

    def __init__(self):
        """Start with nothing queued."""
        self.queue = []
        self.calls = []

    async def fetch_all(self, sql, params=()):
        """Next canned answer."""
        self.calls.append((sql, params))
        return self.queue.pop(0) if self.queue else []

    async def fetch_one(self, sql, params=()):
        """First row of the next canned answer."""
        found = await self.fetch_all(sql, params)
        return found[0] if found else None

    async def execute(self, sql, params=()):
        """Pretend one row was touched."""
        self.calls.append((sql, params))
        return "UPDATE 1"

    async def ping(self):
        """Always up."""
        return True


@pytest.fixture
def dal(monkeypatch):
    """Replace the DAL."""
    fake = FakeDal()
    monkeypatch.setattr(db, "dal", fake)
    return fake


@pytest.fixture
def client(dal, monkeypatch):
    """Test client with keys in the environment."""
    monkeypatch.setenv("API_KEY_CORE", API_KEY)
    monkeypatch.setenv("API_KEY_ADMIN", "test-admin-key")
    return create_app().test_client()


@pytest.fixture
def headers():
    """Headers of an authorised caller."""
    return {"X-API-Key": API_KEY, "X-Community-ID": "7", "X-User-ID": "twitch:1"}
