"""A module registers at a router that is late, refuses, forgets, or goes away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from flask_core import registry
from flask_core.testing.postgres_server import free_port
from flask_core.testing.stubs import StubRouter

BODY = {"module_id": "toy", "module_version": "1.0.0", "port": 8000}


@dataclass
class Settings:
    """What registering needs to know."""

    router_url: str
    router_api_key: SecretStr = SecretStr("k" * 32)


@pytest.fixture
async def router(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StubRouter]:
    """Not there yet; the module beats quickly."""
    monkeypatch.setattr(registry, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(registry, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(registry, "LONGEST_PAUSE", 0.2)
    found = StubRouter(port=free_port())
    yield found
    await found.stop()


@pytest.fixture
async def stopping(router: StubRouter) -> AsyncIterator[asyncio.Event]:
    """The module registers until this is set."""
    event = asyncio.Event()
    settings: Any = Settings(f"http://127.0.0.1:{router.port}/")
    task = asyncio.create_task(registry.register_forever(settings, BODY, event))
    yield event
    event.set()
    await asyncio.wait_for(task, 5)


async def test_a_router_that_comes_later(
    router: StubRouter, stopping: asyncio.Event
) -> None:
    """It is asked until it is there, and is told who calls."""
    await asyncio.sleep(0.3)
    await router.start()
    await router.wait_for(1)

    assert BODY == router.registrations[0]
    assert "k" * 32 == router.requests[0].headers["X-API-Key"]


async def test_a_router_that_was_restarted_hears_of_the_module_again(
    router: StubRouter, stopping: asyncio.Event
) -> None:
    """With the next heartbeat, however often it happens."""
    for _ in range(3):
        await router.start()
        await router.wait_for(2)
        await router.stop()
        router.requests.clear()
        await asyncio.sleep(0.15)


async def test_a_router_that_refuses_is_not_hammered(
    router: StubRouter, stopping: asyncio.Event
) -> None:
    """Pauses grow; once it accepts, the heartbeat goes on."""
    router.answer_with(503)
    await router.start()
    await asyncio.sleep(0.5)
    refused = len(router.registrations)
    router.answer_with(200)
    await router.wait_for(refused + 2)

    assert 2 <= refused <= 9


async def test_a_stop_ends_it_at_once(
    router: StubRouter, stopping: asyncio.Event
) -> None:
    """Even in the middle of a pause."""
    await router.start()
    await router.wait_for(1)
    stopping.set()
    await asyncio.sleep(0.2)
    seen = len(router.registrations)
    await asyncio.sleep(0.3)

    assert seen == len(router.registrations)
