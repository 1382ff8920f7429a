"""Against a real PostgreSQL; CI sets TEST_DATABASE_URL."""

import os
from pathlib import Path

import pytest

from flask_core.database import AsyncDB

from services.store import ActionStore, GuildDirectory

DSN = os.environ.get("TEST_DATABASE_URL")
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not DSN, reason="TEST_DATABASE_URL is not set"),
]

SCHEMA = Path(__file__).resolve().parents[1] / "schema.sql"


async def _db():
    """Connected database with empty tables."""
    db = AsyncDB(DSN)
    await db.connect()
    await db.execute(SCHEMA.read_text())
    for table in ("discord_actions", "discord_channels", "discord_guilds"):
        await db.execute(f"TRUNCATE {table}")
    return db


async def test_history_is_per_community():
    """Rows of one community are not seen by another."""
    db = await _db()
    try:
        store = ActionStore(db)
        await store.record(1, "send_message", {"channel_id": "20001"}, True)
        await store.record(2, "send_message", {"channel_id": "20002"}, True)
        rows = await store.history(1, 10, None)
        assert [r["channel_id"] for r in rows] == ["20001"]
    finally:
        await db.close()


async def test_owns_guild():
    """Only the linked community owns a guild."""
    db = await _db()
    try:
        await db.execute(
            "INSERT INTO discord_guilds (guild_id, community_id) VALUES ('10001', 1)"
        )
        guilds = GuildDirectory(db)
        assert await guilds.owns_guild(1, "10001") is True
        assert await guilds.owns_guild(2, "10001") is False
    finally:
        await db.close()
