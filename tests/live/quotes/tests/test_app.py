"""Tests of quotes."""

import os

os.environ.setdefault("API_KEY", "k" * 32)
from app import API_KEY, app  # noqa: E402

KEY = {"X-API-Key": API_KEY}


async def test_quotes_are_kept():
    """A quote that was added is listed."""
    client = app.test_client()
    added = await client.post("/api/v1/quotes", json={"text": "hi"}, headers=KEY)
    found = await client.get("/api/v1/quotes", headers=KEY)

    assert added.status_code == 201
    assert "hi" in (await found.get_json())["quotes"]


async def test_refusals():
    """What is refused, and how."""
    client = app.test_client()

    assert (await client.get("/api/v1/quotes")).status_code == 401
    assert (await client.get("/nothing")).status_code == 404
    assert (await client.delete("/health")).status_code == 405
    refused = await client.post("/api/v1/quotes", data="[", headers=KEY)
    assert refused.status_code == 400
    assert (await client.post("/webhook/twitch", json={})).status_code == 401


async def test_probes_integration():
    """Health and metrics answer."""
    client = app.test_client()

    assert (await client.get("/health")).status_code == 200
    assert (await client.get("/metrics")).status_code == 200
