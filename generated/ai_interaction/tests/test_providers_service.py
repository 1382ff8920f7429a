"""The feature providers: which models there are, and whether they can be reached."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from flask_core.database import AsyncDAL
from flask_core.datamodels import ExternalApi
from flask_core.outbound import HttpClient
from flask_core.resources import Resources
from flask_core.testing.stubs import StubServer

from models import ConfigurationValue

TEST = "/api/v1/action/test_provider"
BODY = {"user_id": "discord:1", "params": {}}
TAGS = {"models": [{"name": "tiny:1b"}, {"name": "llama3.2:latest"}, 7]}
MODELS = {"object": "list", "data": [{"id": "gpt-test"}, {"id": None}]}


@pytest.fixture
async def models(
    http_stub: StubServer, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StubServer]:
    """A server with both APIs, in the place of both providers."""
    http_stub.on("GET", "/api/tags", json=TAGS)
    http_stub.on("GET", "/v1/models", json=MODELS)
    clients = {
        "ollama": HttpClient(ExternalApi("ollama", http_stub.url, 0.5)),
        "openai": HttpClient(ExternalApi("openai", f"{http_stub.url}/v1", 0.5)),
    }
    for name, client in clients.items():
        monkeypatch.setitem(resources.clients, name, client)
    yield http_stub
    for client in clients.values():
        await client.close()


async def use_openai(db: AsyncDAL) -> None:
    """Have the community choose the other kind of server."""
    await db.create(ConfigurationValue, key="provider", value="openai")
    await db.create(ConfigurationValue, key="model", value="gpt-test")


async def test_the_models_of_ollama_are_listed(
    client: Any, headers: Any, models: StubServer
) -> None:
    """Sorted, with the one the community uses."""
    response = await client.get("/api/v1/ai/models", headers=await headers(role="user"))

    assert {
        "provider": "ollama",
        "model": "llama3.2",
        "models": ["llama3.2:latest", "tiny:1b"],
    } == (await response.get_json())["result"]


async def test_the_models_of_openai_are_listed(
    client: Any, headers: Any, db: AsyncDAL, models: StubServer
) -> None:
    """When the community has chosen that provider."""
    await use_openai(db)

    response = await client.get("/api/v1/ai/models", headers=await headers(role="user"))

    result = (await response.get_json())["result"]
    assert ("openai", ["gpt-test"]) == (result["provider"], result["models"])


@pytest.mark.parametrize(
    ("status", "body"), [(500, {}), (401, {}), (200, {"models": "many"}), (200, 7)]
)
async def test_a_list_that_cannot_be_had_is_a_503(
    client: Any, headers: Any, models: StubServer, status: int, body: object
) -> None:
    """Whether the provider fails, refuses or answers nonsense."""
    models.on("GET", "/api/tags", status=status, json=body)

    response = await client.get("/api/v1/ai/models", headers=await headers(role="user"))

    assert 503 == response.status_code


async def test_a_test_finds_the_model(
    client: Any, headers: Any, models: StubServer
) -> None:
    """A model of Ollama's without a tag means its latest."""
    response = await client.post(TEST, json=BODY, headers=await headers(role="admin"))
    result = (await response.get_json())["result"]

    assert (True, True) == (result["available"], result["model_available"])
    assert result["latency_ms"] >= 0


@pytest.mark.parametrize(
    ("status", "body", "available"),
    [(500, {}, False), (401, {}, False), (200, {"models": []}, True)],
)
async def test_a_test_says_what_is_missing(
    client: Any,
    headers: Any,
    models: StubServer,
    status: int,
    body: object,
    available: bool,
) -> None:
    """The test itself works, so it is a 200 that says no."""
    models.on("GET", "/api/tags", status=status, json=body)

    response = await client.post(TEST, json=BODY, headers=await headers(role="admin"))
    result = (await response.get_json())["result"]

    assert 200 == response.status_code
    assert (available, False) == (result["available"], result["model_available"])
