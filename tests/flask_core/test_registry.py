"""A module registers at a router that is late, refuses, forgets, or goes away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from flask_core import registry
from flask_core.testing.postgres_server import free_port

BODY = {"module_id": "toy", "module_version": "1.0.0", "port": 8000}


@dataclass
class Settings:
    """What registering needs to know."""

    router_url: str
    router_api_key: SecretStr = SecretStr("k" * 32)


@dataclass
class Router:
    """A router on a port of its own, which can be absent and can refuse."""

    port: int
    status: int = 200
    seen: list[tuple[str, Any]] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/api/v1/register", self._register)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Be gone, and forget everybody."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.seen.clear()

    async def _register(self, request: web.Request) -> web.Response:
        self.seen.append((request.headers["X-API-Key"], await request.json()))
        return web.json_response({}, status=self.status)

    async def wait_for(self, count: int) -> None:
        """Wait for so many registrations."""
        async with asyncio.timeout(10):
            while len(self.seen) < count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def router(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Router]:
    """Not there yet; the module beats quickly."""
    monkeypatch.setattr(registry, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(registry, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(registry, "LONGEST_PAUSE", 0.2)
    found = Router(free_port())
    yield found
    await found.stop()


@pytest.fixture
async def stopping(router: Router) -> AsyncIterator[asyncio.Event]:
    """The module registers until this is set."""
    event = asyncio.Event()
    settings: Any = Settings(f"http://127.0.0.1:{router.port}/")
    task = asyncio.create_task(registry.register_forever(settings, BODY, event))
    yield event
    event.set()
    await asyncio.wait_for(task, 5)


async def test_a_router_that_comes_later(
    router: Router, stopping: asyncio.Event
) -> None:
    """It is asked until it is there, and is told who calls."""
    await asyncio.sleep(0.3)
    await router.start()
    await router.wait_for(1)

    assert ("k" * 32, BODY) == router.seen[0]


async def test_a_router_that_was_restarted_hears_of_the_module_again(
    router: Router, stopping: asyncio.Event
) -> None:
    """With the next heartbeat, however often it happens."""
    for _ in range(3):
        await router.start()
        await router.wait_for(2)
        await router.stop()
        await asyncio.sleep(0.15)


async def test_a_router_that_refuses_is_not_hammered(
    router: Router, stopping: asyncio.Event
) -> None:
    """Pauses grow; once it accepts, the heartbeat goes on."""
    router.status = 503
    await router.start()
    await asyncio.sleep(0.5)
    refused = len(router.seen)
    router.status = 200
    await router.wait_for(refused + 2)

    assert 2 <= refused <= 9


async def test_a_stop_ends_it_at_once(router: Router, stopping: asyncio.Event) -> None:
    """Even in the middle of a pause."""
    await router.start()
    await router.wait_for(1)
    stopping.set()
    await asyncio.sleep(0.2)
    seen = len(router.seen)
    await asyncio.sleep(0.3)

    assert seen == len(router.seen)
