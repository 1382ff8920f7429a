"""The feature chat: what users get from either kind of server, or from a broken one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from flask_core.context import community_scope
from flask_core.database import AsyncDAL
from flask_core.datamodels import Event, ExternalApi
from flask_core.events import channel
from flask_core.outbound import HttpClient
from flask_core.resources import Resources
from flask_core.testing.rows import OTHER_COMMUNITY
from flask_core.testing.stubs import StubServer

from models import ConfigurationValue, ConversationMessage
from services.chat_service import ChatService

OLLAMA = {
    "model": "llama3.2",
    "message": {"role": "assistant", "content": " Hello! "},
    "done_reason": "stop",
    "done": True,
    "prompt_eval_count": 26,
    "eval_count": 3,
}
OPENAI = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-test",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 26, "completion_tokens": 3, "total_tokens": 29},
}
SECONDS = 0.5


@pytest.fixture
async def models(
    http_stub: StubServer, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StubServer]:
    """A server with both APIs, in the place of both providers."""
    answers(http_stub, None)
    key = {"Authorization": "Bearer sk-hidden"}
    clients = {
        "ollama": HttpClient(ExternalApi("ollama", http_stub.url, SECONDS)),
        "openai": HttpClient(
            ExternalApi("openai", f"{http_stub.url}/v1", SECONDS, headers=key)
        ),
    }
    for name, client in clients.items():
        monkeypatch.setitem(resources.clients, name, client)
    yield http_stub
    for client in clients.values():
        await client.close()


def answers(server: StubServer, answer: dict[str, Any] | None) -> None:
    """Have the server give this answer to both kinds of question, or the right ones."""
    server.on("POST", "/api/chat", **(answer or {"json": OLLAMA}))
    server.on("POST", "/v1/chat/completions", **(answer or {"json": OPENAI}))


def asked(server: StubServer) -> list[str]:
    """What was said in the last request, message by message."""
    return [message["content"] for message in server.requests[-1].json["messages"]]


async def use_openai(db: AsyncDAL) -> None:
    """Have the community choose the other kind of server."""
    await db.create(ConfigurationValue, key="provider", value="openai")
    await db.create(ConfigurationValue, key="model", value="gpt-test")


def said(message: str, user_id: str = "discord:123", **more: object) -> Any:
    """The body of a chat by the alias, as in the standard's example."""
    context = {"platform": "discord", "channel": "#general"}
    return {"user_id": user_id, "message": message, "context": context, **more}


@contextlib.asynccontextmanager
async def listening(resources: Resources) -> AsyncIterator[Any]:
    """Listen for published answers; yields a function that waits for the next one."""
    async with resources.redis.client.pubsub() as listener:
        await listener.subscribe(channel("ai.response_generated"))

        async def heard() -> Any:
            """The next answer that is published."""
            async with asyncio.timeout(5):
                while True:
                    message = await listener.get_message(
                        ignore_subscribe_messages=True, timeout=0.2
                    )
                    if message is not None:
                        return orjson.loads(message["data"])

        yield heard


async def test_a_chat_is_answered_and_stored(
    client: Any, headers: Any, db: AsyncDAL, models: StubServer
) -> None:
    """The answer comes with the id of the stored message, as the standard tests it."""
    response = await client.post(
        "/api/v1/ai/chat", json=said("Hello AI"), headers=await headers(role="action")
    )
    data = await response.get_json()

    assert 200 == response.status_code, data
    assert ("Hello!", "llama3.2", "ollama") == (
        data["response"],
        data["model"],
        data["provider"],
    )
    assert "execution_time_ms" in data
    message = await db.require(ConversationMessage, id=data["message_id"])
    assert ("Hello AI", "user", "discord") == (
        message.content,
        message.role,
        message.platform,
    )


async def test_ollama_is_asked_in_its_own_words(
    client: Any, headers: Any, models: StubServer
) -> None:
    """One answer instead of a stream, with the community's manner as options."""
    await client.post(
        "/api/v1/action/chat",
        json={"user_id": "discord:123", "params": {"message": "Why?", "model": "tiny"}},
        headers=await headers(role="action"),
    )
    body = models.requests[0].json

    assert ("tiny", False, "5m") == (body["model"], body["stream"], body["keep_alive"])
    assert {"temperature": 0.7, "num_predict": 500} == body["options"]
    assert ["system", "user"] == [each["role"] for each in body["messages"]]
    assert "Authorization" not in models.requests[0].headers


async def test_a_server_with_openai_s_api_is_asked_in_its_words(
    client: Any, headers: Any, db: AsyncDAL, models: StubServer
) -> None:
    """The key goes along as a bearer token, and nowhere else."""
    await use_openai(db)

    response = await client.post(
        "/api/v1/ai/chat", json=said("Hello AI"), headers=await headers(role="action")
    )
    data, body = await response.get_json(), models.requests[0].json

    assert ("Hello!", "gpt-test", "openai") == (
        data["response"],
        data["model"],
        data["provider"],
    )
    assert ("gpt-test", 0.7, 500, False) == (
        body["model"],
        body["temperature"],
        body["max_completion_tokens"],
        body["stream"],
    )
    assert "Bearer sk-hidden" == models.requests[0].headers["Authorization"]


async def test_earlier_messages_of_the_user_go_along(
    client: Any, headers: Any, models: StubServer
) -> None:
    """In their order, and those of nobody else in any community."""
    mine = await headers(role="action")
    elsewhere = await headers(
        role="action", communities=[OTHER_COMMUNITY], community=OTHER_COMMUNITY
    )
    await client.post("/api/v1/ai/chat", json=said("First"), headers=mine)
    await client.post("/api/v1/ai/chat", json=said("Second"), headers=mine)
    assert ["First", "Hello!", "Second"] == asked(models)[1:]

    for body, caller in (
        (said("Third", "discord:456"), mine),
        (said("Third"), elsewhere),
    ):
        await client.post("/api/v1/ai/chat", json=body, headers=caller)

        assert ["Third"] == asked(models)[1:]


FAILURES: dict[str, dict[str, Any]] = {
    "error": {"status": 500},
    "refused key": {"status": 401, "text": '{"error": "sk-hidden is wrong"}'},
    "no such model": {"status": 404, "text": '{"error": "model not found"}'},
    "no JSON": {"text": "<html>gateway</html>"},
    "no object": {"text": "[1, 2]"},
    "another shape": {"text": '{"choices": [], "message": "Hello!", "done": true}'},
    "empty": {"text": '{"message": {"content": " "}, "done": true, "choices": 7}'},
    "no end": {"text": '{"message": {"content": "Hel"}, "done": false}'},
    "cut off": {"text": '{"message": {"content": "Hel'},
    "slow": {"json": OLLAMA, "delay_seconds": SECONDS * 3},
}


async def test_a_long_answer_arrives_whole(
    client: Any, headers: Any, db: AsyncDAL, models: StubServer
) -> None:
    """However many pieces the network makes of it; and what no database holds is gone."""
    text = "penguin\x00 " * 100_000
    answers(models, {"json": {**OLLAMA, "message": {"content": text}}})

    response = await client.post(
        "/api/v1/ai/chat", json=said("All of it"), headers=await headers(role="action")
    )
    data = await response.get_json()

    assert 200 == response.status_code, data
    assert ("penguin " * 100_000).strip() == data["response"]


@pytest.mark.parametrize("provider", ["ollama", "openai"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_provider_that_fails_is_a_503_and_leaves_nothing(
    client: Any,
    headers: Any,
    db: AsyncDAL,
    models: StubServer,
    log_lines: list[str],
    failure: dict[str, Any],
    provider: str,
) -> None:
    """Whatever it does; and neither the message nor the key is in the log."""
    if provider == "openai":
        await use_openai(db)
    answers(models, failure)

    response = await client.post(
        "/api/v1/ai/chat",
        json=said("My secret diary"),
        headers=await headers(role="action"),
    )
    data = await response.get_json()

    assert (503, "service_unavailable") == (response.status_code, data["error"]), data
    assert [] == await db.query(ConversationMessage)
    logged = "\n".join(log_lines)
    assert "action=chat result=failure" in logged
    assert "diary" not in logged and "sk-hidden" not in logged


async def test_a_provider_that_is_down_is_left_alone_for_a_while(
    client: Any, headers: Any, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 each time, and once the breaker is open without a call."""
    nobody = HttpClient(ExternalApi("ollama", "http://127.0.0.1:9", SECONDS))
    monkeypatch.setitem(resources.clients, "ollama", nobody)
    caller = await headers(role="action")

    for _ in range(6):
        response = await client.post(
            "/api/v1/ai/chat", json=said("Hello"), headers=caller
        )

        assert 503 == response.status_code
    assert "open" == nobody.breaker.state
    await nobody.close()


async def test_a_model_the_provider_lacks_is_the_callers_fault(
    client: Any, headers: Any, models: StubServer
) -> None:
    """400 that names the field, when the caller named the model."""
    answers(models, {"status": 404, "json": {"error": "model 'x' not found"}})

    response = await client.post(
        "/api/v1/ai/chat",
        json=said("Hello", model="x"),
        headers=await headers(role="action"),
    )
    data = await response.get_json()

    assert (400, "invalid_input") == (response.status_code, data["error"])
    assert ["model"] == [each["field"] for each in data["fields"]]


async def test_a_completion_has_the_form_of_openai_s_api(
    client: Any, headers: Any, db: AsyncDAL, models: StubServer
) -> None:
    """The caller keeps the conversation, so nothing is stored."""
    response = await client.post(
        "/api/v1/ai/chat/completions",
        json={
            "messages": [
                {"role": "user", "content": "Why is the sky blue?"},
                {"role": "assistant", "content": "Scattering."},
                {"role": "user", "content": "Whose?"},
            ],
            "temperature": 0,
            "max_tokens": 20,
        },
        headers=await headers(role="action"),
    )
    result = (await response.get_json())["result"]

    assert 200 == response.status_code
    assert ("chat.completion", "llama3.2") == (result["object"], result["model"])
    assert "Hello!" == result["choices"][0]["message"]["content"]
    assert 29 == result["usage"]["total_tokens"]
    assert {"temperature": 0, "num_predict": 20} == models.requests[0].json["options"]
    assert ["Why is the sky blue?", "Scattering.", "Whose?"] == asked(models)[1:]
    assert [] == await db.query(ConversationMessage)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "penguin", "content": "Hello"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": "x" * 10_001}],
        [{"role": "user"}],
        [{"role": "user", "content": ["Hello"]}],
    ],
)
async def test_a_completion_needs_proper_messages(
    client: Any, headers: Any, models: StubServer, messages: list[object]
) -> None:
    """400 that names the message; nobody is asked."""
    response = await client.post(
        "/api/v1/ai/chat/completions",
        json={"messages": messages},
        headers=await headers(role="action"),
    )
    data = await response.get_json()

    assert 400 == response.status_code
    assert data["fields"][0]["field"].startswith("messages")
    assert [] == models.requests


async def test_every_answer_is_published(
    client: Any, headers: Any, models: StubServer, resources: Resources
) -> None:
    """With who asked and where, for overlays and logs to use."""
    async with listening(resources) as heard:
        response = await client.post(
            "/api/v1/ai/chat", json=said("Hi"), headers=await headers(role="action")
        )
        data, event = await response.get_json(), await heard()

    assert {
        "trigger": "chat",
        "user_id": "discord:123",
        "platform": "discord",
        "channel": "#general",
        "response": "Hello!",
        "model": "llama3.2",
        "provider": "ollama",
        "message_id": data["message_id"],
    } == event["payload"]


@pytest.mark.parametrize(
    ("kind", "deed"),
    [
        ("follow", "Penny has just followed"),
        ("subscription", "Penny has just subscribed"),
        ("donation", "Penny has just made a donation"),
    ],
)
async def test_supporters_are_thanked(
    resources: Resources, models: StubServer, db: AsyncDAL, kind: str, deed: str
) -> None:
    """An event on the stream becomes a published thank-you of the same community."""
    payload = {
        "type": kind,
        "platform": "twitch",
        "user_id": "twitch:1",
        "username": "Penny",
        "channel": "#penguins",
    }
    async with listening(resources) as heard:
        with community_scope(OTHER_COMMUNITY):
            await resources.events.enqueue("event.inbound", payload)
        event = await heard()

    assert (OTHER_COMMUNITY, kind) == (
        event["community_id"],
        event["payload"]["trigger"],
    )
    assert ("Hello!", "#penguins") == (
        event["payload"]["response"],
        event["payload"]["channel"],
    )
    assert asked(models)[-1].startswith(deed)
    assert [] == await db.query(ConversationMessage)


@pytest.mark.parametrize(
    ("message", "answered"),
    [
        ("Who are you?", True),
        ("Who are you? ", True),
        ("I am who I am.", False),
        ("? he said", False),
        ("!ask who are you?", False),
        ("/ask who are you?", False),
        ("", False),
        (None, False),
        (["Who?"], False),
    ],
)
async def test_only_questions_in_chat_are_answered(
    app: Any,
    db: AsyncDAL,
    resources: Resources,
    models: StubServer,
    message: object,
    answered: bool,
) -> None:
    """Commands are the router's matter, and everything else is people talking."""
    payload = {"type": "chatMessage", "user_id": "twitch:1", "message": message}
    event = Event("evt_1", "event.inbound", payload, 1, "req_1")

    async with app.app_context():
        await ChatService(resources).on_event_inbound(event)

    assert answered == bool(models.requests)
    assert answered == bool(await db.query(ConversationMessage))


async def test_without_redis_a_chat_is_still_answered(
    client: Any, headers: Any, models: StubServer, redis_down: object
) -> None:
    """Only the event about it is lost."""
    response = await client.post(
        "/api/v1/ai/chat", json=said("Hello AI"), headers=await headers(role="action")
    )

    assert 200 == response.status_code
    assert "Hello!" == (await response.get_json())["response"]


async def test_without_postgresql_a_chat_is_a_503(
    client: Any, models: StubServer, postgres_down: object
) -> None:
    """Nobody could say who calls, or what the community chose."""
    caller = {"X-API-Key": "x" * 40, "X-Community-ID": "1"}

    response = await client.post("/api/v1/ai/chat", json=said("Hi"), headers=caller)

    assert 503 == response.status_code
    assert [] == models.requests


async def test_an_event_of_no_community_is_ignored(
    app: Any, resources: Resources, models: StubServer
) -> None:
    """Nobody could say whose configuration holds."""
    payload = {"type": "follow", "username": "Penny"}
    event = Event("evt_1", "event.inbound", payload, None, "req_1")

    async with app.app_context():
        await ChatService(resources).on_event_inbound(event)

    assert [] == models.requests
