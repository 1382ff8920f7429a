"""The feature registry: modules register, are listed, and are looked at."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask_core.database import AsyncDAL
from flask_core.datamodels import Event
from flask_core.resources import Resources
from flask_core.testing.stubs import StubServer

from config import settings
from models import ModuleInstallation, RegisteredModule
from services.registry_service import RegistryService

AWAY = "http://127.0.0.1:9"
REGISTER = "/api/v1/register"
PAYLOAD = {
    "module_id": "ai-interaction",
    "module_version": "0.2.0",
    "endpoints": ["/api/v1/ai/chat"],
    "health_check": "/health",
    "port": 8005,
}


@pytest.fixture
def service(resources: Resources) -> RegistryService:
    """The feature, on the running module's resources."""
    return RegistryService(resources)


async def test_a_module_registers_as_the_standard_says(
    client: Any, headers: Any, db: AsyncDAL
) -> None:
    """With the payload of the standard, and no community."""
    caller = await headers(role="core", community=None)

    response = await client.post(REGISTER, json=PAYLOAD, headers=caller)
    data = await response.get_json()

    assert 200 == response.status_code, data
    assert {
        "module_id": "ai-interaction",
        "registered": True,
        "url": "http://ai-interaction:8005",
    } == data["result"]
    row = await db.require(RegisteredModule, name="ai-interaction")
    assert ("0.2.0", "registered", ["/api/v1/ai/chat"]) == (
        row.version,
        row.status,
        row.endpoints,
    )


async def test_registering_again_brings_the_entry_up_to_date(
    client: Any, headers: Any, db: AsyncDAL
) -> None:
    """There is one entry a module, however often it starts."""
    caller = await headers(role="core")
    for version in ("0.2.0", "0.3.0", "0.3.0"):
        body = {**PAYLOAD, "module_version": version, "host": "action-ai"}
        assert (
            200 == (await client.post(REGISTER, json=body, headers=caller)).status_code
        )

    rows = await db.query(RegisteredModule)

    assert [("0.3.0", "http://action-ai:8005")] == [
        (row.version, row.url) for row in rows
    ]


async def test_the_environment_has_the_last_word_on_hosts(
    client: Any, headers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no module can have itself called somewhere else."""
    hosts = "router=core-router, ai-interaction = action-ai"
    changed = settings().model_copy(update={"router_module_hosts": hosts})
    monkeypatch.setattr("services.registry_service.settings", lambda: changed)

    response = await client.post(
        REGISTER,
        json={**PAYLOAD, "host": "elsewhere"},
        headers=await headers(role="core"),
    )

    result = (await response.get_json())["result"]
    assert "http://action-ai:8005" == result["url"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("module_id", "AI"),
        ("module_id", "../etc"),
        ("port", 0),
        ("port", 70_000),
        ("health_check", "health"),
        ("host", "evil/path"),
        ("host", "user@evil"),
        ("endpoints", "all"),
        ("url", "http://evil"),
    ],
)
async def test_a_wrong_registration_is_refused(
    client: Any, headers: Any, name: str, value: object
) -> None:
    """400 that names the field."""
    response = await client.post(
        REGISTER, json={**PAYLOAD, name: value}, headers=await headers(role="core")
    )
    data = await response.get_json()

    assert 400 == response.status_code
    assert [name] == [each["field"] for each in data["fields"]]


@pytest.mark.parametrize("role", ["user", "action", "trigger"])
async def test_only_modules_may_register(client: Any, headers: Any, role: str) -> None:
    """403 for the keys of everybody else."""
    response = await client.post(
        REGISTER, json=PAYLOAD, headers=await headers(role=role)
    )

    assert 403 == response.status_code


async def test_modules_are_listed_as_the_community_uses_them(
    client: Any, headers: Any, db: AsyncDAL
) -> None:
    """Page by page, and without their addresses."""
    for name in ("alpha", "beta", "gamma"):
        await client.post(
            REGISTER,
            json={**PAYLOAD, "module_id": name},
            headers=await headers(role="core"),
        )
    await db.create(ModuleInstallation, module_id="beta", is_enabled=False)
    caller = await headers(role="user")

    response = await client.get("/api/v1/modules?limit=2", headers=caller)
    first = (await response.get_json())["result"]
    response = await client.get(
        f"/api/v1/modules?limit=2&after={first['next']}", headers=caller
    )
    second = (await response.get_json())["result"]

    items = [*first["items"], *second["items"]]
    assert [("alpha", True), ("beta", False), ("gamma", True)] == [
        (item["name"], item["is_enabled"]) for item in items
    ]
    assert second["next"] is None
    assert not {"url", "port"} & set(items[0])


async def test_modules_are_listed_by_their_state(
    client: Any, headers: Any, rows: Any
) -> None:
    """Only those that were asked for."""
    await rows(RegisteredModule, name="up", status="healthy")
    await rows(RegisteredModule, name="down", status="unreachable")

    response = await client.get(
        "/api/v1/modules?status=unreachable", headers=await headers(role="user")
    )

    items = (await response.get_json())["result"]["items"]
    assert ["down"] == [item["name"] for item in items]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "healthy"}, "healthy"),
        (200, {"status": "degraded"}, "healthy"),
        (200, {"status": "confused"}, "unhealthy"),
        (200, [], "unhealthy"),
        (404, {}, "unhealthy"),
        (503, {"status": "unhealthy"}, "unreachable"),
    ],
)
async def test_the_health_of_modules_is_looked_at(
    service: RegistryService,
    db: AsyncDAL,
    rows: Any,
    http_stub: StubServer,
    status: int,
    body: object,
    expected: str,
) -> None:
    """What was found is noted, with how long it took."""
    http_stub.on("GET", "/health", status=status, json=body)
    await rows(
        RegisteredModule,
        name="watched",
        url=http_stub.url,
        health_endpoint="/health",
    )

    await service.check_modules()

    row = await db.require(RegisteredModule, name="watched")
    assert expected == row.status
    assert row.last_checked is not None and row.response_time is not None


async def test_one_module_that_is_away_does_not_hide_the_others(
    service: RegistryService, db: AsyncDAL, rows: Any, http_stub: StubServer
) -> None:
    """Each is looked at on its own."""
    http_stub.on("GET", "/health", json={"status": "healthy"})
    for name, url in (("away", AWAY), ("there", http_stub.url)):
        await rows(
            RegisteredModule,
            name=name,
            url=url,
            health_endpoint="/health",
        )

    await service.check_modules()

    found = {row.name: row.status for row in await db.query(RegisteredModule)}
    assert {"away": "unreachable", "there": "healthy"} == found


async def test_a_heartbeat_is_noted(
    service: RegistryService, db: AsyncDAL, rows: Any
) -> None:
    """For the module it names; one of a stranger changes nothing."""
    long_ago = datetime.now(UTC) - timedelta(days=1)
    for name in ("one", "two"):
        await rows(RegisteredModule, name=name, last_seen=long_ago)

    for payload in ({"module_id": "one"}, {"module_id": "stranger"}, {"module_id": 7}):
        await service.on_module_heartbeat(
            Event("evt_1", "module.heartbeat", payload, None, "req_1")
        )

    one = await db.require(RegisteredModule, name="one")
    two = await db.require(RegisteredModule, name="two")
    assert one.last_seen is not None and one.last_seen > long_ago
    assert long_ago == two.last_seen
