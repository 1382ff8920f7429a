"""Application on a scripted database."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app import create_app  # noqa: E402

KEY = "key-of-the-tests"


class FakeDB:
    """Returns rows by a word of the statement."""

    def __init__(self):
        self.rows = {}
        self.seen = []

    def query(self, sql, params=()):
        """Rows of the first word that is in the statement."""
        self.seen.append((sql, tuple(params)))
        return next((v for k, v in self.rows.items() if k in sql), [])

    def query_one(self, sql, params=()):
        """First of them."""
        rows = self.query(sql, params)
        return rows[0] if rows else None

    def execute(self, sql, params=()):
        """One row is always hit."""
        self.seen.append((sql, tuple(params)))
        return 1

    def ping(self):
        """Always there."""
        return True


@pytest.fixture
def db():
    """Fresh fake."""
    return FakeDB()


@pytest.fixture
def client(db, tmp_path, monkeypatch):
    """Client with one API key known."""
    path = tmp_path / "keys.json"
    entry = {
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        "name": "router",
        "roles": ["core"],
        "communities": [7],
    }
    path.write_text(json.dumps([entry]))
    monkeypatch.setenv("API_KEYS_FILE", str(path))
    return create_app(db, scheduler=False).test_client()


@pytest.fixture
def headers():
    """Headers of the known caller."""
    return {"X-API-Key": KEY, "X-Community-ID": "7"}
