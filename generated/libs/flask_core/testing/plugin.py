"""pytest fixtures for a module's tests: real servers, the running module, clients.

A module's conftest.py says `pytest_plugins = ("flask_core.testing.plugin",)`. Every
test begins with empty tables and an empty Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import pytest
from pydantic import SecretStr

from flask_core import logging
from flask_core.apikeys import PlatformBase
from flask_core.config import PostgresSettings, RedisSettings
from flask_core.context import all_communities, community_scope
from flask_core.database import AsyncDAL, Base
from flask_core.migrate import migrate
from flask_core.registry import payload, register_forever
from flask_core.resources import EXTENSION, Resources
from flask_core.testing.clock import Clock, frozen
from flask_core.testing.faults import FaultProxy
from flask_core.testing.repeats import MOST, counted
from flask_core.testing.rows import COMMUNITY, OTHER_COMMUNITY, make_row
from flask_core.testing.servers import Postgres, Redis
from flask_core.testing.signing import Signer
from flask_core.testing.stubs import StubRouter, StubServer

__all__ = ["COMMUNITY", "OTHER_COMMUNITY"]

Proxies = dict[str, FaultProxy]
Headers = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture(scope="session")
async def proxies(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Proxies]:
    """The servers the module needs, each behind a proxy, in the environment."""
    settings = importlib.import_module("config").Settings
    made: Proxies = {}
    with contextlib.ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in _secrets(settings).items():
            patch.setenv(name, value)
        patch.setenv("LOG_DIR", str(tmp_path_factory.mktemp("log")))
        if issubclass(settings, PostgresSettings):
            url = running.enter_context(Postgres()).url
            made["postgres"] = await _proxy(url)
            for name, value in _database_variables(url, made["postgres"].port).items():
                patch.setenv(name, value)
            await migrate(pytestconfig.rootpath)
        if issubclass(settings, RedisSettings):
            url = running.enter_context(Redis()).url
            made["redis"] = await _proxy(url)
            patch.setenv("REDIS_HOST", "127.0.0.1")
            patch.setenv("REDIS_PORT", str(made["redis"].port))
            patch.setenv("REDIS_PASSWORD", unquote(urlsplit(url).password or ""))
        yield made
        for proxy in made.values():
            await proxy.stop()


async def _proxy(url: str) -> FaultProxy:
    """A proxy before the server of an address."""
    parts = urlsplit(url)
    return await FaultProxy(parts.hostname or "127.0.0.1", parts.port or 0).start()


def _secrets(settings: type[Any]) -> dict[str, str]:
    """Random secrets for all that has no default, and quick stops."""
    values = {
        name.upper(): secrets.token_urlsafe(32)
        for name, field in settings.model_fields.items()
        if field.is_required() and name.upper() not in os.environ
    }
    return {**values, "DRAIN_DELAY": "0", "ROUTER_URL": "http://127.0.0.1:9"}


def _database_variables(url: str, port: int) -> dict[str, str]:
    """The standard's variables for a database behind a proxy."""
    parts = urlsplit(url)
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(port),
        "DB_NAME": parts.path.lstrip("/"),
        "DB_USER": unquote(parts.username or ""),
        "DB_PASSWORD": unquote(parts.password or ""),
        "DB_RLS": "true",
    }


@pytest.fixture(scope="session")
async def module_app(proxies: Proxies) -> AsyncIterator[Any]:
    """The module's application, started as a server would."""
    app = importlib.import_module("main").app
    async with app.test_app():
        yield app


@pytest.fixture
async def app(module_app: Any, proxies: Proxies) -> AsyncIterator[Any]:
    """The running application, with nothing in its tables and its Redis."""
    yield module_app
    for proxy in proxies.values():
        proxy.restore()
    resources: Resources = module_app.extensions[EXTENSION]
    await _until_healthy(module_app)
    await _empty(resources)


async def _until_healthy(app: Any) -> None:
    """Wait until every dependency is back, after a test took it away."""
    health = app.extensions["waddlebot_module"].health
    async with asyncio.timeout(15):
        await health.probe()
        while health.readiness()[1]["status"] != "healthy":
            await asyncio.sleep(0.05)
            await health.probe()


async def _empty(resources: Resources) -> None:
    """Remove every row and every key, and forget what memory holds."""
    if resources.database is not None:
        tables = [t.name for t in reversed(Base.metadata.sorted_tables)]
        tables += [t.name for t in PlatformBase.metadata.sorted_tables]
        with all_communities("tests clean up"):
            for table in dict.fromkeys(tables):
                await resources.database.execute(f'DELETE FROM "{table}"')
    if resources.redis_or_none is not None:
        await resources.redis_or_none.do("FLUSHDB")
    resources.cache.__init__(  # type: ignore[misc]
        resources.redis_or_none, resources.metrics, resources.settings.enable_cache
    )
    resources.limiter.__init__(resources.redis_or_none)  # type: ignore[misc]
    resources.keys.forget()


@pytest.fixture
def resources(app: Any) -> Resources:
    """What the running module works with."""
    found: Resources = app.extensions[EXTENSION]
    return found


@pytest.fixture
def log_lines(app: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The AAA lines that are written while the test runs, in their order."""
    lines: list[str] = []
    written = logging.AAAHandler.write

    def write(handler: logging.AAAHandler, line: str) -> None:
        lines.append(line)
        written(handler, line)

    monkeypatch.setattr(logging.AAAHandler, "write", write)
    return lines


@pytest.fixture
def client(app: Any) -> Any:
    """Sends requests to the module without a socket."""
    return app.test_client()


@pytest.fixture
def headers(app: Any) -> Headers:
    """Make a key: `await headers(role="admin", communities=[1])` gives its headers.

    `community` is the one named in the header; None leaves the header out.
    """
    resources: Resources = app.extensions[EXTENSION]

    async def make(
        role: str = "admin",
        communities: list[int] | None = None,
        community: int | None = COMMUNITY,
    ) -> dict[str, str]:
        key = secrets.token_urlsafe(32)
        allowed = [COMMUNITY] if communities is None else communities
        await resources.keys.add(key, "test", role, allowed)
        made = {"X-API-Key": key}
        return made if community is None else {**made, "X-Community-ID": str(community)}

    return make


@pytest.fixture
def db(resources: Resources) -> Iterator[AsyncDAL]:
    """The database, acting for COMMUNITY."""
    with community_scope(COMMUNITY):
        yield resources.db


@pytest.fixture
def rows(resources: Resources) -> Callable[..., Awaitable[Any]]:
    """Make a row: `await rows(Model, column=value)` fills in the rest."""

    async def make(model: type[Base], community: int = COMMUNITY, **values: Any) -> Any:
        return await make_row(resources.db, model, community, **values)

    return make


@pytest.fixture(autouse=True)
def repeats(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail a test in which one request executes the same statement again and again.

    `@pytest.mark.repeats(20)` allows that many; where there is a better statement, use it.
    """
    marker = request.node.get_closest_marker("repeats")
    with counted(monkeypatch) as found:
        yield
    if over := found.over(marker.args[0] if marker else MOST):
        pytest.fail("an N+1 query: " + "; ".join(over), pytrace=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The time of flask_core, frozen: `clock.shift(60)` lets a minute pass."""
    with frozen(monkeypatch) as found:
        yield found


@pytest.fixture
def signer(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Signer]:
    """A platform that the module believes, by its scheme and the setting of its secret.

    `client.post(path, **signer("slack_v0", "SLACK_SECRET").delivery({...}))`
    """

    def make(scheme: str, setting: str) -> Signer:
        made = Signer(scheme)
        secret = SecretStr(made.secret)
        monkeypatch.setattr(resources.settings, setting.lower(), secret)
        return made

    return make


@pytest.fixture
async def router(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StubRouter]:
    """A router at which the module registers while the test runs."""
    async with contextlib.AsyncExitStack() as stack:
        server = await StubRouter().start()
        stack.push_async_callback(server.stop)
        monkeypatch.setattr(resources.settings, "router_url", server.url)
        body, stopping = payload(resources.config, resources.settings), asyncio.Event()
        work = register_forever(resources.settings, body, stopping)
        task = asyncio.create_task(work)
        yield server
        stopping.set()
        await task


@pytest.fixture
async def http_stub() -> AsyncIterator[StubServer]:
    """A server that answers as the test says and remembers what it was asked."""
    server = await StubServer().start()
    yield server
    await server.stop()


@pytest.fixture
def postgres_down(app: Any, proxies: Proxies) -> Iterator[FaultProxy]:
    """PostgreSQL refuses every connection while the test runs."""
    proxies["postgres"].refuse()
    yield proxies["postgres"]
    proxies["postgres"].restore()


@pytest.fixture
def redis_down(app: Any, proxies: Proxies) -> Iterator[FaultProxy]:
    """Redis refuses every connection while the test runs."""
    proxies["redis"].refuse()
    yield proxies["redis"]
    proxies["redis"].restore()


@pytest.fixture
async def live_url(proxies: Proxies, app: Any) -> AsyncIterator[str]:
    """The module served by uvicorn in a process of its own, on a socket."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)),
        *("--log-level", "warning"),
        cwd=Path.cwd(),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_answering(url, process)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), 15)


async def _until_answering(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until /health says 200."""
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{url}/health") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise RuntimeError(f"the module ended with code {process.returncode}")
