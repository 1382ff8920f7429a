"""Routes of the music module."""

from unittest.mock import AsyncMock, patch

import pytest

pytestmark = pytest.mark.asyncio


async def test_health(client):
    answer = await client.get("/health")
    assert answer.status_code == 200


async def test_queue_needs_key(client):
    answer = await client.post("/api/v1/music/queue", json={})
    assert answer.status_code == 401


async def test_queue_refuses_bad_uri(client, headers):
    body = {"user_id": "twitch:1", "track_uri": "http://evil"}
    answer = await client.post("/api/v1/music/queue", json=body, headers=headers)
    assert answer.status_code == 400


async def test_queue(client, headers):
    body = {"user_id": "twitch:1", "track_uri": "spotify:track:" + "a" * 22}
    with patch("services.spotify.enqueue", AsyncMock()) as enqueue:
        answer = await client.post("/api/v1/music/queue", json=body, headers=headers)
    assert answer.status_code == 200
    enqueue.assert_awaited_once_with(3, body["track_uri"])


async def test_callback_refuses_unknown_state(client):
    from services import store

    store.cache().getdel.return_value = None
    answer = await client.get("/oauth/spotify/callback?state=x&code=y")
    assert answer.status_code == 401
