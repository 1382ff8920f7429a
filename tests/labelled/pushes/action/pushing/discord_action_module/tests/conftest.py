"""Fixtures: a fake database, a fake Discord and tokens."""

import sys
import time
from pathlib import Path

import httpx
import jwt
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app import create_app  # noqa: E402
from config import Settings  # noqa: E402

TEST_SECRET = "only-for-the-test-run-0123456789abcdef"


class FakeDB:
    """Knows guild 10001 and channel 20001 of community 7."""

    def __init__(self):
        self.writes = []

    async def fetchrow(self, sql, *args):
        """Ownership look-ups."""
        return {"?column?": 1} if args in ((7, "10001"), (7, "20001")) else None

    async def fetch(self, sql, *args):
        """History is empty."""
        return []

    async def execute(self, sql, *args):
        """Remember the write."""
        self.writes.append(args)
        return "INSERT 0 1"

    async def ping(self):
        """Always there."""
        return True


class FakeDiscord:
    """Answers with what `replies` holds, then with 200."""

    def __init__(self):
        self.replies = []
        self.seen = []

    def __call__(self, request):
        """httpx.MockTransport handler."""
        self.seen.append(request)
        if self.replies:
            return self.replies.pop(0)
        return httpx.Response(200, json={"id": "30001"})


@pytest.fixture
def fake_db():
    """Fresh fake database."""
    return FakeDB()


@pytest.fixture
def discord():
    """Fresh fake Discord."""
    return FakeDiscord()


@pytest.fixture
def settings():
    """Settings without the environment."""
    return Settings.from_env(
        {
            "DATABASE_URL": "postgresql://unused",
            "DISCORD_BOT_TOKEN": "x",
            "JWT_SECRET": TEST_SECRET,
            "ROUTER_API_KEY": "x",
            "LOG_DIR": "/nonexistent",
        }
    )


@pytest.fixture
def app(settings, fake_db, discord):
    """Application on the fakes."""
    return create_app(settings, fake_db, httpx.MockTransport(discord))


@pytest.fixture
def make_headers():
    """Headers for a caller."""

    def make(community=7, communities=(7,), roles=("action",), ttl=60):
        token = jwt.encode(
            {
                "sub": "router",
                "aud": "waddlebot-actions",
                "exp": int(time.time()) + ttl,
                "roles": list(roles),
                "communities": list(communities),
            },
            TEST_SECRET,
            algorithm="HS256",
        )
        return {"Authorization": f"Bearer {token}", "X-Community-ID": str(community)}

    return make
