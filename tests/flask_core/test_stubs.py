"""The stub server is a real one that does as it is told."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from flask_core.testing.stubs import Answer, StubRouter, StubServer


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    """A running stub."""
    server = await StubServer().start()
    yield server
    await server.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody who asks it."""
    async with aiohttp.ClientSession() as session:
        yield session


async def test_it_answers_and_remembers(
    stub: StubServer, session: aiohttp.ClientSession
) -> None:
    """Status and body out, method, path, query, headers and body in."""
    stub.on("POST", "/chat", status=201, json={"reply": "hi"})
    sent = session.post(
        f"{stub.url}/chat?a=1", json={"text": "hello"}, headers={"X-Test": "t"}
    )
    async with sent as answer:
        assert (201, {"reply": "hi"}) == (answer.status, await answer.json())

    (request,) = stub.requests
    assert ("POST", "/chat", {"a": "1"}) == (
        request.method,
        request.path,
        request.query,
    )
    assert ({"text": "hello"}, "t") == (request.json, request.headers["X-Test"])


async def test_what_it_was_not_told_is_404(
    stub: StubServer, session: aiohttp.ClientSession
) -> None:
    """Also the same path with another method."""
    stub.on("POST", "/chat")
    async with session.get(f"{stub.url}/chat") as answer:
        assert 404 == answer.status


async def test_a_script_is_played_in_order(
    stub: StubServer, session: aiohttp.ClientSession
) -> None:
    """A failure, a slow answer, then health for good."""
    slow = Answer(text="slow", delay_seconds=0.2)
    stub.script("GET", "/", Answer(status=500), slow, Answer(text="well"))
    found = []
    for _ in range(4):
        async with session.get(f"{stub.url}/") as answer:
            found.append((answer.status, await answer.text()))

    assert [(500, "{}"), (200, "slow"), (200, "well"), (200, "well")] == found


async def test_a_slow_answer_runs_into_a_timeout(
    stub: StubServer, session: aiohttp.ClientSession
) -> None:
    """As the servers out there do."""
    stub.on("GET", "/", delay_seconds=5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), session.get(f"{stub.url}/"):
            pass


async def test_the_router_takes_registrations(session: aiohttp.ClientSession) -> None:
    """And tells the test about them."""
    router = StubRouter()
    await router.start()
    async with session.post(f"{router.url}/api/v1/register", json={"a": 1}) as answer:
        assert 200 == answer.status
    await router.stop()

    assert [{"a": 1}] == router.registrations
