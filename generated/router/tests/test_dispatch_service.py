"""The feature dispatch: the right module is called for the right community, or none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from flask_core.context import community_scope
from flask_core.events import channel, stream
from flask_core.resources import Resources
from flask_core.testing.rows import OTHER_COMMUNITY
from flask_core.testing.stubs import StubServer

from config import settings
from models import Command, ModuleInstallation, RegisteredModule

EVENTS = "/api/v1/router/events"
RIGHT = {
    "success": True,
    "action_id": "chat",
    "result": {"response": "Hello!"},
    "execution_time_ms": 3,
}
REFUSED = {"error": "invalid_input", "message": "message: too long", "status": 400}
SECONDS = 0.5


@pytest.fixture
async def module(
    http_stub: StubServer, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> StubServer:
    """A registered module with the command `ask`, whose words fill two parameters."""
    changed = settings().model_copy(update={"router_request_timeout": SECONDS})
    monkeypatch.setattr("services.dispatch_service.settings", lambda: changed)
    answers(http_stub)
    await rows(
        RegisteredModule, name="ai-interaction", url=http_stub.url, is_active=True
    )
    await command(rows)
    return http_stub


def answers(module: StubServer, **answer: Any) -> None:
    """Have the module's action give this answer, or the right one."""
    module.on("POST", "/api/v1/action/chat", **(answer or {"json": RIGHT}))


async def command(rows: Any, **more: object) -> None:
    """Declare a command; `ask` of the module unless said otherwise."""
    values: dict[str, object] = {
        "command": "ask",
        "module_id": "ai-interaction",
        "action_id": "chat",
        "parameters": "model message",
        "permission_level": "everyone",
        "cooldown_seconds": 0,
        "is_enabled": True,
    }
    await rows(Command, **{**values, **more})


def inbound(message: str = "!ask tiny why is the sky blue?", **more: object) -> Any:
    """A chat message as a trigger hands it over."""
    return {
        "type": "chatMessage",
        "platform": "discord",
        "user_id": "discord:123",
        "channel": "#general",
        "message": message,
        **more,
    }


async def send(client: Any, headers: Any, event: Any) -> Any:
    """Hand an event over; the result."""
    response = await client.post(
        EVENTS, json=event, headers=await headers(role="trigger")
    )
    data = await response.get_json()
    assert 200 == response.status_code, data
    return data["result"]


async def test_a_command_is_carried_out_by_its_module(
    client: Any, headers: Any, module: StubServer
) -> None:
    """For the same user and community, with the words as parameters."""
    result = await send(client, headers, inbound(event_id="evt_1"))

    assert (True, True, "ai-interaction", "chat") == (
        result["dispatched"],
        result["success"],
        result["module_id"],
        result["action_id"],
    )
    assert {"response": "Hello!"} == result["response"]
    assert ["/api/v1/action/chat"] == [each.path for each in module.requests]
    assert {
        "user_id": "discord:123",
        "context": {
            "platform": "discord",
            "channel": "#general",
            "session_id": result["session_id"],
        },
        "params": {"model": "tiny", "message": "why is the sky blue?"},
    } == module.requests[0].json
    sent = module.requests[0].headers
    key = settings().router_module_api_key.get_secret_value()
    community = (await headers(role="trigger"))["X-Community-ID"]
    assert (key, community, "evt_1") == (
        sent["X-API-Key"],
        sent["X-Community-ID"],
        sent["Idempotency-Key"],
    )
    assert sent["X-Correlation-ID"].startswith("req_")


async def test_the_response_can_be_fetched(
    client: Any, headers: Any, module: StubServer
) -> None:
    """By the id of the session, until it expires."""
    session_id = (await send(client, headers, inbound()))["session_id"]

    response = await client.get(
        f"/api/v1/router/responses/{session_id}", headers=await headers(role="trigger")
    )

    assert {
        "session_id": session_id,
        "ready": True,
        "response": {"response": "Hello!"},
    } == (await response.get_json())["result"]


async def test_a_dispatch_is_published(
    client: Any, headers: Any, module: StubServer, resources: Resources
) -> None:
    """The response to whoever shows it, the dispatch to whoever counts."""
    async with resources.redis.client.pubsub() as listener:
        await listener.subscribe(channel("response.ready"))
        await listener.get_message(timeout=1)
        session_id = (await send(client, headers, inbound()))["session_id"]
        ready = await listener.get_message(timeout=5)
    kept = await resources.redis.do(
        "XREVRANGE", stream("command.dispatched"), "+", "-", "COUNT", 1
    )

    assert ready is not None
    payload = orjson.loads(ready["data"])["payload"]
    assert (session_id, "discord:123", "#general") == (
        payload["session_id"],
        payload["user_id"],
        payload["channel"],
    )
    dispatched = orjson.loads(kept[0][1][b"event"])["payload"]
    assert {
        "session_id": session_id,
        "command": "ask",
        "module_id": "ai-interaction",
        "action_id": "chat",
        "user_id": "discord:123",
        "platform": "discord",
        "success": True,
    } == dispatched


@pytest.mark.parametrize(
    ("event", "params"),
    [
        (inbound("!ASK tiny"), {"model": "tiny"}),
        (inbound("  !ask   tiny   a  b "), {"model": "tiny", "message": "a  b"}),
        (inbound("!ask"), {}),
        (
            inbound("/ask tiny x", type="slashCommand"),
            {"model": "tiny", "message": "x"},
        ),
        (inbound("ask tiny x", type="slashCommand"), {"model": "tiny", "message": "x"}),
    ],
)
async def test_commands_are_read_as_people_type_them(
    client: Any, headers: Any, module: StubServer, event: Any, params: object
) -> None:
    """Large or small, with space to spare, with a slash where the platform has it."""
    assert (await send(client, headers, event))["dispatched"]

    assert params == module.requests[0].json["params"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (inbound("hello there"), "no_command"),
        (inbound("!"), "no_command"),
        (inbound("!ask", type="follow"), "no_command"),
        (inbound("!unheard of"), "unknown_command"),
    ],
)
async def test_what_is_no_command_is_left_alone(
    client: Any, headers: Any, module: StubServer, event: Any, reason: str
) -> None:
    """200 with the reason; nobody is called."""
    result = await send(client, headers, event)

    assert {"dispatched": False, "reason": reason} == result
    assert [] == module.requests


async def test_a_module_switched_off_is_not_called(
    client: Any, headers: Any, module: StubServer, rows: Any
) -> None:
    """In the community that switched it off."""
    await rows(ModuleInstallation, module_id="ai-interaction", is_enabled=False)

    assert "module_disabled" == (await send(client, headers, inbound()))["reason"]
    assert [] == module.requests


async def test_a_command_of_no_registered_module_is_not_dispatched(
    client: Any, headers: Any, module: StubServer, rows: Any
) -> None:
    """Whether it never came or was taken out of service."""
    await command(rows, command="nobody", module_id="nobody")

    result = await send(client, headers, inbound("!nobody"))

    assert "module_not_registered" == result["reason"]


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("everyone", False), ("member", False), ("moderator", True), ("owner", True)],
)
async def test_a_command_asks_for_a_role(
    client: Any, headers: Any, module: StubServer, rows: Any, role: str, allowed: bool
) -> None:
    """Higher roles may do what lower ones may."""
    await command(rows, command="mods", permission_level="moderator")

    result = await send(client, headers, inbound("!mods", user_role=role))

    assert allowed is result["dispatched"]
    assert allowed or "insufficient_role" == result["reason"]


async def test_a_command_has_a_cooldown(
    client: Any, headers: Any, module: StubServer, rows: Any
) -> None:
    """For the user who gave it; others may, and so may the same event tried again."""
    await command(rows, command="slow", cooldown_seconds=60)
    first = inbound("!slow", event_id="evt_a")

    for event, dispatched in (
        (first, True),
        (inbound("!slow", event_id="evt_b"), False),
        (inbound("!slow", user_id="discord:456"), True),
        (first, True),
    ):
        assert dispatched is (await send(client, headers, event))["dispatched"]


async def test_a_user_has_only_so_many_commands_a_minute(
    client: Any, headers: Any, module: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROUTER_DEFAULT_RATE_LIMIT of them, within a community."""
    changed = settings().model_copy(update={"router_default_rate_limit": 2})
    monkeypatch.setattr("services.dispatch_service.settings", lambda: changed)
    event = inbound(user_id="discord:789")

    results = [await send(client, headers, event) for _ in range(3)]

    assert [True, True, False] == [result["dispatched"] for result in results]
    assert "rate_limited" == results[2]["reason"]


async def test_what_a_module_refuses_is_told_to_the_user(
    client: Any, headers: Any, module: StubServer
) -> None:
    """A refusal is an answer: the module's own words, and no success."""
    answers(module, status=400, json=REFUSED)

    result = await send(client, headers, inbound())

    assert (True, False) == (result["dispatched"], result["success"])
    assert {"error": "invalid_input", "message": "message: too long"} == (
        result["response"]
    )


@pytest.mark.parametrize(
    ("status", "body", "delay"),
    [
        (500, {}, 0),
        (503, REFUSED, 0),
        (401, REFUSED, 0),
        (403, REFUSED, 0),
        (404, REFUSED, 0),
        (200, {"success": False}, 0),
        (200, ["Hello!"], 0),
        (200, RIGHT, SECONDS * 3),
    ],
)
async def test_a_module_that_fails_is_a_503(
    client: Any,
    headers: Any,
    module: StubServer,
    status: int,
    body: object,
    delay: float,
) -> None:
    """Whether it fails, is too slow, answers nonsense or does not know the router."""
    answers(module, status=status, json=body, delay_seconds=delay)

    response = await client.post(
        EVENTS, json=inbound(), headers=await headers(role="trigger")
    )

    assert 503 == response.status_code
    assert "service_unavailable" == (await response.get_json())["error"]


async def test_each_module_has_a_breaker_of_its_own(
    client: Any, headers: Any, module: StubServer, rows: Any, resources: Resources
) -> None:
    """One that is down is left alone; the others are called as before."""
    await rows(
        RegisteredModule, name="nobody", url="http://127.0.0.1:9", is_active=True
    )
    await command(rows, command="nobody", module_id="nobody")
    caller = await headers(role="trigger")
    for _ in range(6):
        response = await client.post(EVENTS, json=inbound("!nobody"), headers=caller)
        assert 503 == response.status_code

    states = {
        client.api.id: client.breaker.state
        for key, client in resources.clients.items()
        if "127.0.0.1:9 " in key
    }

    assert {"nobody": "open"} == states
    assert (await send(client, headers, inbound()))["dispatched"]


async def test_a_batch_is_dealt_with_event_by_event(
    client: Any, headers: Any, module: StubServer, rows: Any
) -> None:
    """In their order; one that fails does not stop the others."""
    await rows(
        RegisteredModule, name="nobody", url="http://127.0.0.1:9", is_active=True
    )
    await command(rows, command="nobody", module_id="nobody")
    events = [inbound(), inbound("!nobody"), inbound("hello"), inbound()]

    response = await client.post(
        f"{EVENTS}/batch",
        json={"events": events},
        headers=await headers(role="trigger"),
    )
    results = (await response.get_json())["result"]["results"]

    assert [None, "service_unavailable", "no_command", None] == [
        result.get("reason") for result in results
    ]
    assert 2 == len(module.requests)


@pytest.mark.parametrize(
    ("events", "field_name"),
    [
        ([inbound(), inbound(user_id="nobody")], "events.1.user_id"),
        ([inbound(), {}], "events.1.type"),
        ([inbound(shoe_size=43)], "events.0.shoe_size"),
        ([inbound()] * 101, "events"),
    ],
)
async def test_a_wrong_batch_is_refused_as_a_whole(
    client: Any, headers: Any, module: StubServer, events: Any, field_name: str
) -> None:
    """400 that names the event and the field; nobody is called."""
    response = await client.post(
        f"{EVENTS}/batch",
        json={"events": events},
        headers=await headers(role="trigger"),
    )
    data = await response.get_json()

    assert 400 == response.status_code
    assert field_name == data["fields"][0]["field"]
    assert [] == module.requests


async def test_a_module_may_hand_an_event_over_as_an_action(
    client: Any, headers: Any, module: StubServer
) -> None:
    """The same happens as with an event of a platform."""
    caller = await headers(role="core")
    for event, status in ((inbound(), 200), ({"type": "chatMessage"}, 400)):
        response = await client.post(
            "/api/v1/action/dispatch_event",
            json={"user_id": "discord:123", "params": {"event": event}},
            headers=caller,
        )

        assert status == response.status_code
    assert ["/api/v1/action/chat"] == [each.path for each in module.requests]


@contextlib.asynccontextmanager
async def calls(module: StubServer, number: int) -> AsyncIterator[None]:
    """Wait until the module was called so often."""
    yield
    async with asyncio.timeout(5):
        while len(module.requests) < number:
            await asyncio.sleep(0.02)


async def test_an_event_on_the_stream_is_dispatched(
    module: StubServer, resources: Resources
) -> None:
    """For the community it happened in; what a trigger says beyond is left out."""
    payload = {**inbound(), "shoe_size": 43}
    async with calls(module, 1):
        with community_scope(OTHER_COMMUNITY):
            await resources.events.enqueue("event.inbound", payload)

    assert str(OTHER_COMMUNITY) == module.requests[0].headers["X-Community-ID"]
    assert module.requests[0].headers["Idempotency-Key"].startswith("evt_")


async def test_an_event_is_tried_again_when_its_module_was_down(
    module: StubServer, resources: Resources
) -> None:
    """The module can tell by the key that it is the same."""
    answers(module, status=500)
    async with calls(module, 1):
        with community_scope(OTHER_COMMUNITY):
            await resources.events.enqueue("event.inbound", inbound())
    answers(module)
    async with calls(module, 2):
        pass

    keys = {each.headers["Idempotency-Key"] for each in module.requests}
    assert 1 == len(keys)


async def test_a_malformed_event_on_the_stream_holds_nothing_up(
    module: StubServer, resources: Resources
) -> None:
    """It is passed over, and the next one is dealt with."""
    async with calls(module, 1):
        with community_scope(OTHER_COMMUNITY):
            await resources.events.enqueue(
                "event.inbound", {"type": "chatMessage", "user_id": 7}
            )
            await resources.events.enqueue("event.inbound", inbound())
        await resources.events.enqueue("event.inbound", inbound())

    assert 1 == len(module.requests)
