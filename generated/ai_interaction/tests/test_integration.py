# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/tests/test_integration.py.jinja; edits are merged on update.
"""The module as a whole: on a socket, and when a server it needs goes away."""

import asyncio
from typing import Any

import aiohttp
import pytest
from flask_core.testing.faults import FaultProxy
from flask_core.testing.stubs import StubRouter

from config import settings

pytestmark = pytest.mark.integration


async def until(client: Any, status: int, health: str) -> None:
    """Wait until /health says so; a module tells the truth within 5 seconds."""
    async with asyncio.timeout(5):
        while True:
            response = await client.get("/health")
            body = await response.get_json()
            if (response.status_code, body["status"]) == (status, health):
                return
            await asyncio.sleep(0.05)


async def test_health_has_the_shape_of_the_standard(client: Any) -> None:
    """Status, module, version, uptime and every dependency."""
    body = await (await client.get("/health")).get_json()

    assert body["status"] == "healthy"
    assert body["module"] == "ai-interaction"
    assert body["version"] == "0.2.0"
    assert body["uptime_seconds"] >= 0
    assert body["dependencies"] == {"database": "connected", "redis": "connected"}


async def test_metrics_count_requests(client: Any) -> None:
    """The counter of a route rises with each request."""
    await client.get("/healthz")
    before = (await (await client.get("/metrics")).get_data()).decode()
    await client.get("/healthz")
    after = (await (await client.get("/metrics")).get_data()).decode()

    def count(text: str) -> float:
        start = 'waddlebot_http_requests_total{method="GET",route="/healthz"'
        return sum(
            float(line.split()[-1])
            for line in text.split("\n")
            if line.startswith(start)
        )

    assert count(after) == count(before) + 1


async def test_the_correlation_id_is_echoed(client: Any) -> None:
    """A plain one comes back; one that could forge a log line is replaced."""
    kept = await client.get("/healthz", headers={"X-Correlation-ID": "req_abc.1"})
    replaced = await client.get("/healthz", headers={"X-Correlation-ID": "a b=c"})

    assert kept.headers["X-Correlation-ID"] == "req_abc.1"
    assert replaced.headers["X-Correlation-ID"].startswith("req_")


async def test_it_registers_at_the_router(router: StubRouter) -> None:
    """With its id, version and port, and where its health is told."""
    body = (await router.wait_for(1))[0]

    assert (body["module_id"], body["port"]) == (
        "ai-interaction",
        settings().module_port,
    )
    assert body["module_version"] == "0.2.0"
    assert body["health_check"] == "/health"


async def test_it_serves_on_a_socket(live_url: str, headers: Any) -> None:
    """uvicorn serves the built-in routes and refuses a call without a key."""
    async with aiohttp.ClientSession(live_url) as session:
        for path in ("/health", "/healthz", "/metrics", "/openapi.json", "/docs"):
            async with session.get(path) as answer:
                assert answer.status == 200, path
        async with session.get("/api/v1/status") as answer:
            assert answer.status == 401
        async with session.get("/api/v1/status", headers=await headers()) as answer:
            assert answer.status == 200


async def test_without_postgresql_it_says_so_and_recovers(
    client: Any,
    postgres_down: FaultProxy,
) -> None:
    """Readiness tells the truth, liveness stays, and nothing needs a restart."""
    await until(client, 503, "unhealthy")
    alive = await client.get("/health", headers={"X-Health-Probe": "liveness"})
    assert alive.status_code == 200

    refused = await client.get(
        "/api/v1/status",
        headers={"X-API-Key": "a key nobody has seen yet"},
    )
    assert refused.status_code == 503
    assert (await refused.get_json())["error"] == "service_unavailable"

    postgres_down.restore()
    await until(client, 200, "healthy")


async def test_without_redis_it_is_degraded_and_recovers(
    client: Any,
    redis_down: FaultProxy,
) -> None:
    """What Redis does falls back, so the module stays ready."""
    await until(client, 200, "degraded")

    redis_down.restore()
    await until(client, 200, "healthy")
