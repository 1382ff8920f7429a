"""A rendered module in a process of its own, its servers each behind a proxy of faults."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg  # type: ignore[import-untyped]

from flask_core.testing.faults import FaultProxy
from flask_core.testing.servers import Postgres, Redis
from tests.helpers import ROOT
from waddlegen import fleet, runner
from waddlegen.project import Project

PROJECT = Project(ROOT)
COMMUNITY = 1001
READY_SECONDS = 30


@dataclass
class Answer:
    """What came back: the status, the body and how long it took."""

    status: int
    body: Any
    headers: Mapping[str, str]
    seconds: float


@dataclass
class Live:
    """A running module."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    session: aiohttp.ClientSession
    postgres: FaultProxy
    redis: FaultProxy
    servers: Mapping[str, Postgres | Redis]
    log: Path
    database_url: str
    environment: Mapping[str, str]

    async def add_key(self, role: str, communities: list[int], **more: Any) -> str:
        """A key of the platform's table."""
        key = secrets.token_urlsafe(32)
        secret = self.environment["API_KEY_SECRET"].encode()
        digest = hmac.digest(secret, key.encode(), "sha256").hex()
        values = {
            "key_hash": digest,
            "name": "test",
            "role": role,
            "scopes": json.dumps({"communities": communities}),
            **more,
        }
        names = ", ".join(values)
        places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        await self.sql(
            f"INSERT INTO api_keys ({names}) VALUES ({places})", *values.values()
        )
        return key

    async def sql(self, statement: str, *values: Any) -> list[Any]:
        """Ask the database itself."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer:
        """Send one request with the bootstrap key."""
        given = {"X-API-Key": self.key, "X-Community-ID": str(COMMUNITY), **headers}
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self.session.request(
            method, self.url + path, json=body, headers=given
        ) as answer:
            kind = answer.content_type
            content = await (answer.json() if "json" in kind else answer.text())
            return Answer(answer.status, content, answer.headers, loop.time() - began)

    async def health(self) -> str:
        """What the module says of itself."""
        return str((await self.call("GET", "/health")).body["status"])

    async def wait_for(self, status: str, seconds: float) -> float:
        """Wait until /health says so; how long that took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(seconds):
            while await self.health() != status:
                await asyncio.sleep(0.05)
        return loop.time() - began

    @property
    def descriptors(self) -> int:
        """How many files and sockets the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    async def tasks(self) -> int:
        """How many tasks its event loop has."""
        text = str((await self.call("GET", "/metrics")).body)
        found = re.search(r"^waddlebot_tasks (\S+)$", text, re.MULTILINE)
        assert found, "there is no waddlebot_tasks"
        return round(float(found[1]))

    @property
    def lines(self) -> list[str]:
        """What it has logged."""
        return self.log.read_text("utf-8").splitlines()


@contextlib.asynccontextmanager
async def live(
    module_id: str, folder: Path, wait: bool = True, **variables: str
) -> AsyncIterator[Live]:
    """Start a module of `generated/` under the image's own server."""
    spec, _ = fleet.load(PROJECT, module_id)
    module = PROJECT.fleet / spec.package
    with Postgres() as postgres, Redis() as redis:
        async with (
            FaultProxy(*postgres.address) as before_postgres,
            FaultProxy(*redis.address) as before_redis,
        ):
            key, port = secrets.token_urlsafe(32), runner.free_port(0)
            urls = {"database_url": postgres.url, "redis_url": redis.url}
            environment = runner.module_environment(PROJECT, spec, urls, port, key)
            environment |= {"LOG_DIR": str(folder), "ROUTER_URL": "http://127.0.0.1:9"}
            await migrate(module, environment)
            environment |= {
                "DB_HOST": "127.0.0.1",
                "DB_PORT": str(before_postgres.port),
                "REDIS_PORT": str(before_redis.port),
                **variables,
            }
            process = start(module, environment, port, folder)
            url = f"http://127.0.0.1:{port}"
            timeout = aiohttp.ClientTimeout(total=20)
            async with aiohttp.ClientSession(timeout=timeout) as session:
                found = Live(
                    url,
                    key,
                    process,
                    session,
                    before_postgres,
                    before_redis,
                    {"postgres": postgres, "redis": redis},
                    folder / f"{spec.package}.log",
                    postgres.url,
                    environment,
                )
                try:
                    if wait:
                        await until_ready(found)
                    yield found
                finally:
                    # A test may have put another one in its place.
                    if found.process.poll() is None:
                        found.process.send_signal(signal.SIGTERM)
                        await asyncio.to_thread(found.process.wait, 40)


async def migrate(module: Path, environment: Mapping[str, str]) -> None:
    """Make the module's tables."""
    migration = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "flask_core.migrate"),
        cwd=module,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
    )
    assert 0 == await migration.wait()


def start(
    module: Path, environment: Mapping[str, str], port: int, folder: Path
) -> subprocess.Popen[bytes]:
    """The module's process, by the image's own command."""
    return subprocess.Popen(
        runner.served_by(sys.executable, "main:app", port),
        cwd=module,
        env=dict(environment),
        stdout=(folder / "stdout").open("ab"),
        stderr=(folder / "stderr").open("ab"),
    )


async def until_ready(found: Live) -> None:
    """Wait until the module serves and everything is connected."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            assert found.process.poll() is None, "the module ended"
            with contextlib.suppress(aiohttp.ClientError):
                if await found.health() == "healthy":
                    return
            await asyncio.sleep(0.05)
