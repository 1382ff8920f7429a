"""Receiver tests."""

import json

import pytest

import config
from app import app
from services import events, signature, store
from workers import pool

SECRET = "test-secret"


@pytest.fixture
def client(monkeypatch):
    """Client with a known secret and an in-memory store."""
    seen = set()

    async def first_time(delivery_id):
        """Set-based stand-in."""
        fresh = delivery_id not in seen
        seen.add(delivery_id)
        return fresh

    async def keep(*args):
        """Nothing to keep."""

    monkeypatch.setattr(config, "WEBHOOK_SECRET", SECRET)
    monkeypatch.setattr(store, "first_time", first_time)
    monkeypatch.setattr(store, "keep", keep)
    return app.test_client()


def signed(body, event="push", delivery="d-1"):
    """Keyword arguments of a signed post."""
    raw = json.dumps(body).encode()
    return {
        "data": raw,
        "headers": {
            "X-Hub-Signature-256": signature.sign(SECRET, raw),
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
        },
    }


@pytest.mark.asyncio
async def test_unsigned_is_refused(client):
    """No signature, no entry."""
    resp = await client.post("/webhook/github", data=b"{}")
    assert resp.status_code == 401


@pytest.mark.asyncio
async def test_wrong_signature_is_refused(client):
    """A signature over other bytes does not count."""
    kwargs = signed({"a": 1})
    kwargs["data"] = b'{"a": 2}'
    resp = await client.post("/webhook/github", **kwargs)
    assert resp.status_code == 401


@pytest.mark.asyncio
async def test_ping(client):
    """Pings are answered, not queued."""
    resp = await client.post("/webhook/github", **signed({}, event="ping"))
    assert resp.status_code == 200
    assert (await resp.get_json())["data"] == {"pong": True}


@pytest.mark.asyncio
async def test_duplicate(client, monkeypatch):
    """The second copy is dropped."""
    queued = []
    monkeypatch.setattr(pool, "submit", lambda *args: queued.append(args) or True)
    for _ in range(2):
        await client.post("/webhook/github", **signed({"ref": "x"}, delivery="d-9"))
    assert len(queued) == 1


@pytest.mark.asyncio
async def test_pull_request_merged():
    """A merged pull request reads as merged."""
    text = await events.pull_request(
        {
            "action": "closed",
            "pull_request": {
                "merged": True,
                "number": 4,
                "title": "Fix",
                "user": {"login": "ann"},
                "html_url": "https://example.org/4",
            },
        }
    )
    assert text.startswith("ann merged #4")


def test_shorten():
    """Only the first line survives."""
    assert events.shorten("one\ntwo") == "one"
    assert events.shorten(None) == ""
    assert len(events.shorten("x" * 500)) == 140
