"""The feature log of inventory-interaction; this file is yours."""

from typing import Any

from flask_core.context import community_scope
from flask_core.testing.rows import OTHER_COMMUNITY

from models import InventoryLogEntry
from services.log_service import LogService


def test_the_service_works_with_the_running_module(resources: Any) -> None:
    """It is made with what the module works with."""
    service = LogService(resources)

    assert service.resources is resources


async def test_log_change_keeps_a_row_in_its_community(
    client: Any,
    headers: Any,
    db: Any,
) -> None:
    """What is created is there, for this community and for no other."""
    response = await client.open(
        "/api/v1/action/log_change",
        method="POST",
        headers=await headers(),
        json={
            "user_id": "discord:123456",
            "params": {"item_id": 1, "action": "action text"},
        },
    )
    body = await response.get_json()

    assert response.status_code == 200, body
    assert await db.get(InventoryLogEntry, id=body["result"]["id"]) is not None
    with community_scope(OTHER_COMMUNITY):
        assert await db.get(InventoryLogEntry, id=body["result"]["id"]) is None


async def test_list_inventory_log_pages_through_its_community(
    client: Any,
    headers: Any,
    rows: Any,
) -> None:
    """Three rows come in two pages; a row of another community never comes."""
    mine = {(await rows(InventoryLogEntry)).id for _ in range(3)}
    await rows(InventoryLogEntry, community=OTHER_COMMUNITY)
    given = await headers()

    url = "/api/v1/inventory/log" + "?limit=2"
    first = (await (await client.get(url, headers=given)).get_json())["result"]
    following = f"{url}&after={first['next']}"
    second = (await (await client.get(following, headers=given)).get_json())["result"]

    assert len(first["items"]) == 2
    assert second["next"] is None
    assert {row["id"] for row in (*first["items"], *second["items"])} == mine
