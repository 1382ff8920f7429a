"""REST actions."""

from unittest.mock import AsyncMock

import httpx
import pytest

from config import MODULE

pytestmark = pytest.mark.asyncio

MESSAGE = {"params": {"channel_id": "20001", "content": "hi"}}


async def _expect_error(resp, status, code):
    """Status and body of a documented error."""
    body = await resp.get_json()
    assert resp.status_code == status
    assert (body["error"], body["status"]) == (code, status)
    assert body["correlation_id"].startswith("req_")


async def test_send_message(app, discord, make_headers):
    """The message reaches Discord without mentions."""
    resp = await app.test_client().post(
        "/api/v1/action/send_message", json=MESSAGE, headers=make_headers()
    )
    body = await resp.get_json()
    assert resp.status_code == 200
    assert body["result"] == {"id": "30001"}
    assert discord.seen[0].url.path == "/api/v10/channels/20001/messages"
    assert b'"allowed_mentions":{"parse":[]}' in discord.seen[0].content.replace(
        b" ", b""
    )


async def test_history_row_written(app, fake_db, make_headers):
    """A success is recorded for the community."""
    await app.test_client().post(
        "/api/v1/action/send_message", json=MESSAGE, headers=make_headers()
    )
    await app.extensions[MODULE].runner.drain()
    assert fake_db.writes[0][:2] == (7, "send_message")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"params": []},
        {"params": {"channel_id": "20001"}},
        {"params": {"channel_id": "x/../y", "content": "hi"}},
        {"params": {"channel_id": "20001", "content": "x" * 2001}},
    ],
)
async def test_bad_bodies(app, make_headers, body):
    """Malformed bodies are 400."""
    resp = await app.test_client().post(
        "/api/v1/action/send_message", json=body, headers=make_headers()
    )
    await _expect_error(resp, 400, "invalid_input")


async def test_no_token(app):
    """No token is 401."""
    resp = await app.test_client().post("/api/v1/action/send_message", json=MESSAGE)
    await _expect_error(resp, 401, "unauthorized")


async def test_expired_token(app, make_headers):
    """An old token is 401."""
    resp = await app.test_client().post(
        "/api/v1/action/send_message", json=MESSAGE, headers=make_headers(ttl=-5)
    )
    await _expect_error(resp, 401, "unauthorized")


async def test_wrong_role(app, make_headers):
    """A user token is 403."""
    resp = await app.test_client().post(
        "/api/v1/action/send_message",
        json=MESSAGE,
        headers=make_headers(roles=["user"]),
    )
    await _expect_error(resp, 403, "forbidden")


async def test_other_community(app, make_headers):
    """A channel of another community is 403."""
    resp = await app.test_client().post(
        "/api/v1/action/send_message",
        json=MESSAGE,
        headers=make_headers(community=8, communities=[8]),
    )
    await _expect_error(resp, 403, "forbidden")


async def test_unknown_action(app, make_headers):
    """No such action is 404."""
    resp = await app.test_client().post(
        "/api/v1/action/fly", json=MESSAGE, headers=make_headers()
    )
    await _expect_error(resp, 404, "unknown_action")


async def test_retry_then_success(app, discord, make_headers):
    """A 503 is tried again."""
    discord.replies = [httpx.Response(503, headers={"Retry-After": "0"})]
    resp = await app.test_client().post(
        "/api/v1/action/send_message", json=MESSAGE, headers=make_headers()
    )
    assert resp.status_code == 200
    assert len(discord.seen) == 2


async def test_discord_down(app, discord, make_headers):
    """Giving up is 503."""
    discord.replies = [
        httpx.Response(500, headers={"Retry-After": "0"}) for _ in range(3)
    ]
    resp = await app.test_client().post(
        "/api/v1/action/send_message", json=MESSAGE, headers=make_headers()
    )
    await _expect_error(resp, 503, "discord_error")


async def test_ban_user(app, make_headers):
    """A ban is carried out."""
    runner = app.extensions[MODULE].runner
    runner.run = AsyncMock(return_value={"banned": True})
    params = {"guild_id": "10001", "user_id": "40001", "reason": "spam"}
    result = await runner.run("ban_user", 7, "router", params)
    assert result["banned"] is True


async def test_health(app):
    """The health body is the documented one."""
    resp = await app.test_client().get("/health")
    body = await resp.get_json()
    assert resp.status_code == 200
    assert body["dependencies"] == {"database": "connected"}
