"""Environment and fakes."""

import os
import sys
import time
from pathlib import Path

import jwt
import pytest

os.environ.setdefault("JWT_SECRET", "unit-test-secret-0123456789abcdef0123")
os.environ.setdefault("CALLBACK_SECRET", "unit-test")
os.environ.setdefault("CALLBACK_HOSTS", "hooks.example.org")
os.environ.setdefault("LOG_DIR", "/nonexistent")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import main  # noqa: E402


class FakeAws:
    """Echoes the payload."""

    async def invoke(self, name, payload, kind):
        """One reply."""
        return {"status_code": 200, "payload": payload, "function_error": None}


class FakeRepo:
    """Remembers calls."""

    def __init__(self):
        self.started = []
        self.finished = []

    async def start(self, community_id, name, kind):
        """Number of the call."""
        self.started.append((community_id, name, kind))
        return len(self.started)

    async def finish(self, community_id, row_id, reply):
        """Outcome of the call."""
        self.finished.append((community_id, row_id, reply))

    async def usage(self, community_id):
        """Counts."""
        return {"success": len(self.finished)}


@pytest.fixture
def fakes(monkeypatch):
    """Application's invoker on fakes."""
    repo = FakeRepo()
    monkeypatch.setattr(main.invoker, "aws", FakeAws())
    monkeypatch.setattr(main.invoker, "repo", repo)
    return repo


@pytest.fixture
def headers():
    """Headers of a caller of community 7."""
    token = jwt.encode(
        {
            "sub": "router",
            "aud": "waddlebot-actions",
            "exp": int(time.time()) + 60,
            "roles": ["action"],
            "communities": [7],
        },
        os.environ["JWT_SECRET"],
        algorithm="HS256",
    )
    return {"Authorization": f"Bearer {token}", "X-Community-ID": "7"}
