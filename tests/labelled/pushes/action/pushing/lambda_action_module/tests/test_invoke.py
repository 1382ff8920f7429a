"""Invocation through REST."""

import pytest

import main
from services.callbacks import allowed

pytestmark = pytest.mark.asyncio


async def _post(path, **kwargs):
    """POST and decode."""
    resp = await main.app.test_client().post(path, **kwargs)
    return resp.status_code, await resp.get_json()


async def test_invoke(fakes, headers):
    """The prefix is added and the outcome stored."""
    status, body = await _post(
        "/api/v1/action/invoke",
        json={"function_name": "greet", "payload": {"a": 1}},
        headers=headers,
    )
    assert status == 200
    assert body["result"]["payload"] == {"a": 1}
    assert fakes.started == [(7, "waddlebot-greet", "RequestResponse")]
    assert fakes.finished[0][:2] == (7, 1)


async def test_invoke_bad_body(fakes, headers):
    """A name with a slash is 400."""
    status, body = await _post(
        "/api/v1/action/invoke", json={"function_name": "a/b"}, headers=headers
    )
    assert (status, body["error"]) == (400, "invalid_input")


async def test_invoke_bad_body(fakes, headers):
    """A payload which is no object is 400."""
    status, body = await _post(
        "/api/v1/action/invoke",
        json={"function_name": "greet", "payload": [1]},
        headers=headers,
    )
    assert (status, body["error"]) == (400, "invalid_input")


async def test_usage_counts(fakes, headers):
    """Usage grows with each call."""
    await _post(
        "/api/v1/action/invoke", json={"function_name": "greet"}, headers=headers
    )
    assert fakes.usage(7)


async def test_no_token(fakes):
    """No token is 401."""
    status, body = await _post("/api/v1/action/invoke", json={"function_name": "x"})
    assert (status, body["status"]) == (401, 401)


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://hooks.example.org/done", True),
        ("http://hooks.example.org/done", False),
        ("https://169.254.169.254/latest", False),
        ("https://hooks.example.org@evil.example/", False),
    ],
)
async def test_callback_hosts(url, expected):
    """Only listed hosts are called back."""
    assert allowed(url) is expected
