"""The feature responses: kept for who asked, for a while, and for nobody else."""

from typing import Any

import orjson
import pytest
from flask_core.context import community_scope
from flask_core.events import channel
from flask_core.resources import Resources
from flask_core.testing.rows import OTHER_COMMUNITY

from config import settings
from services.responses_service import ResponsesService

SUBMIT = "/api/v1/action/submit_response"
ASKED = {"user_id": "discord:1", "platform": "discord", "channel": "#general"}


def submit(session_id: str) -> dict[str, object]:
    """The body of submit_response."""
    params = {"session_id": session_id, "response": {"text": "Hello!"}}
    return {"user_id": "system:ai-interaction", "params": params}


async def begin(resources: Resources, caller: Any, session_id: str) -> None:
    """Begin a session of the caller's community."""
    with community_scope(int(caller["X-Community-ID"])):
        await ResponsesService(resources).open(session_id, ASKED)


async def test_a_response_waits_to_be_fetched(
    client: Any, headers: Any, resources: Resources
) -> None:
    """Not ready until it was handed in."""
    caller = await headers(role="admin")
    await begin(resources, caller, "session1")
    path = "/api/v1/router/responses/session1"

    response = await client.get(path, headers=caller)
    assert {"session_id": "session1", "ready": False, "response": None} == (
        await response.get_json()
    )["result"]

    response = await client.post(SUBMIT, json=submit("session1"), headers=caller)
    assert {"session_id": "session1", "expires_in": 3600} == (
        await response.get_json()
    )["result"]

    response = await client.get(path, headers=caller)
    assert {
        "session_id": "session1",
        "ready": True,
        "response": {"text": "Hello!"},
    } == (await response.get_json())["result"]


async def test_a_response_is_announced_where_it_belongs(
    client: Any, headers: Any, resources: Resources
) -> None:
    """With the platform and the channel the question came from."""
    caller = await headers(role="action")
    await begin(resources, caller, "session2")
    async with resources.redis.client.pubsub() as listener:
        await listener.subscribe(channel("response.ready"))
        await listener.get_message(timeout=1)
        await client.post(SUBMIT, json=submit("session2"), headers=caller)
        message = await listener.get_message(timeout=5)

    assert message is not None
    event = orjson.loads(message["data"])
    assert int(caller["X-Community-ID"]) == event["community_id"]
    assert {
        "session_id": "session2",
        "response": {"text": "Hello!"},
        **ASKED,
    } == event["payload"]


async def test_a_session_of_another_community_is_not_found(
    client: Any, headers: Any, resources: Resources
) -> None:
    """404, as one that never was."""
    await begin(resources, await headers(role="action"), "session3")
    elsewhere = {"communities": [OTHER_COMMUNITY], "community": OTHER_COMMUNITY}
    caller = await headers(role="admin", **elsewhere)

    for session_id in ("session3", "never"):
        response = await client.post(SUBMIT, json=submit(session_id), headers=caller)
        assert 404 == response.status_code

        path = f"/api/v1/router/responses/{session_id}"
        assert 404 == (await client.get(path, headers=caller)).status_code


async def test_a_session_expires(
    client: Any, headers: Any, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After SESSION_TTL seconds it is as if it had never been."""
    changed = settings().model_copy(update={"session_ttl": 1})
    monkeypatch.setattr("services.responses_service.settings", lambda: changed)
    caller = await headers(role="action")
    await begin(resources, caller, "session4")
    community = caller["X-Community-ID"]

    left = await resources.redis.do(
        "PTTL", f"waddlebot:router:session:{community}:session4"
    )

    assert 0 < left <= 1000
