"""Poller."""

from unittest.mock import AsyncMock, patch

from services import live


async def test_poll_notices_change(client):
    with patch("services.spotify.now_playing", AsyncMock(return_value={"item": {}})):
        await live._poll_one(3)
    live.store.cache().setex.assert_not_called()
