"""The feature chat: what users get from either kind of server, or from a broken one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from flask_core.context import community_scope
from flask_core.database import AsyncDAL
from flask_core.datamodels import Event, ExternalApi
from flask_core.events import channel
from flask_core.outbound import HttpClient
from flask_core.resources import EXTENSION, Resources

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
ANSWERS: dict[str, object] = {"/api/chat": OLLAMA, "/v1/chat/completions": OPENAI}
SECONDS = 0.5
OTHER_COMMUNITY = 4002


@dataclass
class Models:
    """A server with both APIs that answers as it is told, and remembers what it got."""

    status: int = 200
    text: str | None = None
    delay: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, in two pieces as a network may."""
        self.bodies.append(await request.json())
        self.keys.append(request.headers.get("Authorization"))
        await asyncio.sleep(self.delay)
        text = self.text
        if text is None:
            text = orjson.dumps(ANSWERS[request.path]).decode()
        response = web.StreamResponse(status=self.status)
        await response.prepare(request)
        await response.write(text[:9].encode())
        await asyncio.sleep(0.01)
        await response.write(text[9:].encode())
        return response

    @property
    def asked(self) -> list[str]:
        """What was said in the last request, message by message."""
        return [message["content"] for message in self.bodies[-1]["messages"]]


@pytest.fixture
def resources(app: Any) -> Resources:
    """What the running module works with."""
    found: Resources = app.extensions[EXTENSION]
    return found


@pytest.fixture
async def models(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Models]:
    """The server, in the place of both providers."""
    server, application = Models(), web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    clients = {
        "ollama": HttpClient(ExternalApi("ollama", url, SECONDS)),
        "openai": HttpClient(
            ExternalApi(
                "openai",
                f"{url}/v1",
                SECONDS,
                headers={"Authorization": "Bearer sk-hidden"},
            )
        ),
    }
    for name, client in clients.items():
        monkeypatch.setitem(resources.clients, name, client)
    yield server
    for client in clients.values():
        await client.close()
    await runner.cleanup()


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
            async with asyncio.timeout(5):
                while True:
                    message = await listener.get_message(
                        ignore_subscribe_messages=True, timeout=0.2
                    )
                    if message is not None:
                        return orjson.loads(message["data"])

        yield heard


async def test_a_chat_is_answered_and_stored(
    client: Any, headers: Any, db: AsyncDAL, models: Models
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
    client: Any, headers: Any, models: Models
) -> None:
    """One answer instead of a stream, with the community's manner as options."""
    await client.post(
        "/api/v1/action/chat",
        json={"user_id": "discord:123", "params": {"message": "Why?", "model": "tiny"}},
        headers=await headers(role="action"),
    )
    body = models.bodies[0]

    assert ("tiny", False, "5m") == (body["model"], body["stream"], body["keep_alive"])
    assert {"temperature": 0.7, "num_predict": 500} == body["options"]
    assert ["system", "user"] == [each["role"] for each in body["messages"]]
    assert models.keys == [None]


async def test_a_server_with_openai_s_api_is_asked_in_its_words(
    client: Any, headers: Any, db: AsyncDAL, models: Models
) -> None:
    """The key goes along as a bearer token, and nowhere else."""
    await use_openai(db)

    response = await client.post(
        "/api/v1/ai/chat", json=said("Hello AI"), headers=await headers(role="action")
    )
    data, body = await response.get_json(), models.bodies[0]

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
    assert ["Bearer sk-hidden"] == models.keys


async def test_earlier_messages_of_the_user_go_along(
    client: Any, headers: Any, models: Models
) -> None:
    """In their order, and those of nobody else in any community."""
    mine = await headers(role="action")
    elsewhere = await headers(
        role="action", communities=(OTHER_COMMUNITY,), community=OTHER_COMMUNITY
    )
    await client.post("/api/v1/ai/chat", json=said("First"), headers=mine)
    await client.post("/api/v1/ai/chat", json=said("Second"), headers=mine)
    assert ["First", "Hello!", "Second"] == models.asked[1:]

    for body, caller in (
        (said("Third", "discord:456"), mine),
        (said("Third"), elsewhere),
    ):
        await client.post("/api/v1/ai/chat", json=body, headers=caller)

        assert ["Third"] == models.asked[1:]


FAILURES = {
    "error": Models(status=500, text="{}"),
    "refused key": Models(status=401, text='{"error": "sk-hidden is wrong"}'),
    "no such model": Models(status=404, text='{"error": "model not found"}'),
    "no JSON": Models(text="<html>gateway</html>"),
    "no object": Models(text="[1, 2]"),
    "another shape": Models(text='{"choices": [], "message": "Hello!", "done": true}'),
    "empty": Models(text='{"message": {"content": " "}, "done": true, "choices": 7}'),
    "no end": Models(text='{"message": {"content": "Hel"}, "done": false}'),
    "cut off": Models(text='{"message": {"content": "Hel'),
    "slow": Models(delay=SECONDS * 3),
}


@pytest.mark.parametrize("provider", ["ollama", "openai"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_provider_that_fails_is_a_503_and_leaves_nothing(
    client: Any,
    headers: Any,
    db: AsyncDAL,
    models: Models,
    caplog: pytest.LogCaptureFixture,
    failure: Models,
    provider: str,
) -> None:
    """Whatever it does; and neither the message nor the key is in the log."""
    if provider == "openai":
        await use_openai(db)
    models.status, models.text, models.delay = (
        failure.status,
        failure.text,
        failure.delay,
    )

    response = await client.post(
        "/api/v1/ai/chat",
        json=said("My secret diary"),
        headers=await headers(role="action"),
    )
    data = await response.get_json()

    assert (503, "service_unavailable") == (response.status_code, data["error"]), data
    assert [] == await db.query(ConversationMessage)
    logged = repr([vars(record) for record in caplog.records])
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
    client: Any, headers: Any, models: Models
) -> None:
    """400 that names the field, when the caller named the model."""
    models.status, models.text = 404, '{"error": "model \\"x\\" not found"}'

    response = await client.post(
        "/api/v1/ai/chat",
        json=said("Hello", model="x"),
        headers=await headers(role="action"),
    )
    data = await response.get_json()

    assert (400, "invalid_input") == (response.status_code, data["error"])
    assert ["model"] == [each["field"] for each in data["fields"]]


async def test_a_completion_has_the_form_of_openai_s_api(
    client: Any, headers: Any, db: AsyncDAL, models: Models
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
    assert {"temperature": 0, "num_predict": 20} == models.bodies[0]["options"]
    assert ["Why is the sky blue?", "Scattering.", "Whose?"] == models.asked[1:]
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
    client: Any, headers: Any, models: Models, messages: list[object]
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
    assert [] == models.bodies


async def test_every_answer_is_published(
    client: Any, headers: Any, models: Models, resources: Resources
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
    ("kind", "asked"),
    [
        ("follow", "Penny has just followed"),
        ("subscription", "Penny has just subscribed"),
        ("donation", "Penny has just made a donation"),
    ],
)
async def test_supporters_are_thanked(
    resources: Resources, models: Models, db: AsyncDAL, kind: str, asked: str
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
    assert models.asked[-1].startswith(asked)
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
    models: Models,
    message: object,
    answered: bool,
) -> None:
    """Commands are the router's matter, and everything else is people talking."""
    payload = {"type": "chatMessage", "user_id": "twitch:1", "message": message}
    event = Event("evt_1", "event.inbound", payload, 1, "req_1")

    async with app.app_context():
        await ChatService(resources).on_event_inbound(event)

    assert answered == bool(models.bodies)
    assert answered == bool(await db.query(ConversationMessage))


async def test_an_event_of_no_community_is_ignored(
    app: Any, resources: Resources, models: Models
) -> None:
    """Nobody could say whose configuration holds."""
    payload = {"type": "follow", "username": "Penny"}
    event = Event("evt_1", "event.inbound", payload, None, "req_1")

    async with app.app_context():
        await ChatService(resources).on_event_inbound(event)

    assert [] == models.bodies
