"""The feature items of inventory-interaction; this file is yours."""

from typing import Any

import pytest
from flask_core.context import community_scope
from flask_core.testing.rows import OTHER_COMMUNITY

from models import InventoryItem
from services.items_service import ItemsService


def test_the_service_works_with_the_running_module(resources: Any) -> None:
    """It is made with what the module works with."""
    service = ItemsService(resources)

    assert service.resources is resources


async def test_add_item_keeps_a_row_in_its_community(
    client: Any,
    headers: Any,
    db: Any,
) -> None:
    """What is created is there, for this community and for no other."""
    response = await client.open(
        "/api/v1/action/add_item",
        method="POST",
        headers=await headers(),
        json={"user_id": "discord:123456", "params": {"name": "name text"}},
    )
    body = await response.get_json()

    assert response.status_code == 200, body
    assert await db.get(InventoryItem, id=body["result"]["id"]) is not None
    with community_scope(OTHER_COMMUNITY):
        assert await db.get(InventoryItem, id=body["result"]["id"]) is None


async def test_list_inventory_pages_through_its_community(
    client: Any,
    headers: Any,
    rows: Any,
) -> None:
    """Three rows come in two pages; a row of another community never comes."""
    mine = {(await rows(InventoryItem)).id for _ in range(3)}
    await rows(InventoryItem, community=OTHER_COMMUNITY)
    given = await headers()

    url = "/api/v1/inventory" + "?limit=2"
    first = (await (await client.get(url, headers=given)).get_json())["result"]
    following = f"{url}&after={first['next']}"
    second = (await (await client.get(following, headers=given)).get_json())["result"]

    assert len(first["items"]) == 2
    assert second["next"] is None
    assert {row["id"] for row in (*first["items"], *second["items"])} == mine


@pytest.mark.parametrize("community", [None, OTHER_COMMUNITY])
async def test_get_inventory_item_finds_only_rows_of_its_community(
    client: Any,
    headers: Any,
    rows: Any,
    community: int | None,
) -> None:
    """A row of this community is found; that of another is 404, as if it were not there."""
    there = {"community": community} if community else {}
    row = await rows(InventoryItem, **there)

    response = await client.open(
        "/api/v1/inventory/items/{id}".format(id=row.id),
        method="GET",
        headers=await headers(),
    )

    assert response.status_code == (404 if community else 200)


@pytest.mark.parametrize("community", [None, OTHER_COMMUNITY])
async def test_update_inventory_item_finds_only_rows_of_its_community(
    client: Any,
    headers: Any,
    rows: Any,
    community: int | None,
) -> None:
    """A row of this community is found; that of another is 404, as if it were not there."""
    there = {"community": community} if community else {}
    row = await rows(InventoryItem, **there)

    response = await client.open(
        "/api/v1/inventory/items/{id}".format(id=row.id),
        method="PATCH",
        headers=await headers(),
        json={},
    )

    assert response.status_code == (404 if community else 200)
