"""The feature checkouts of inventory-interaction; this file is yours."""

from typing import Any

import pytest
from flask_core.testing.rows import OTHER_COMMUNITY

from models import InventoryCheckout, InventoryItem
from services.checkouts_service import CheckoutsService


def test_the_service_works_with_the_running_module(resources: Any) -> None:
    """It is made with what the module works with."""
    service = CheckoutsService(resources)

    assert service.resources is resources


async def test_checkout_is_refused(
    client: Any,
    db: Any,
    headers: Any,
    rows: Any,
) -> None:
    """409 when available_quantity would fall too low; then nothing is kept."""
    short = await rows(InventoryItem, available_quantity=0)
    body: dict[str, Any] = {
        "user_id": "discord:123456",
        "params": {"item_id": 1, "user_id": "discord:123456"},
    }
    body["params"]["item_id"] = short.id
    response = await client.open(
        "/api/v1/action/checkout",
        method="POST",
        headers=await headers(),
        json=body,
    )

    assert response.status_code == 409, await response.get_json()
    assert await db.query(InventoryCheckout) == []


async def test_list_inventory_checkouts_pages_through_its_community(
    client: Any,
    headers: Any,
    rows: Any,
) -> None:
    """Three rows come in two pages; a row of another community never comes."""
    mine = {(await rows(InventoryCheckout)).id for _ in range(3)}
    await rows(InventoryCheckout, community=OTHER_COMMUNITY)
    given = await headers()

    url = "/api/v1/inventory/checkouts" + "?limit=2"
    first = (await (await client.get(url, headers=given)).get_json())["result"]
    following = f"{url}&after={first['next']}"
    second = (await (await client.get(following, headers=given)).get_json())["result"]

    assert len(first["items"]) == 2
    assert second["next"] is None
    assert {row["id"] for row in (*first["items"], *second["items"])} == mine


@pytest.mark.parametrize("community", [None, OTHER_COMMUNITY])
async def test_get_inventory_checkout_finds_only_rows_of_its_community(
    client: Any,
    headers: Any,
    rows: Any,
    community: int | None,
) -> None:
    """A row of this community is found; that of another is 404, as if it were not there."""
    there = {"community": community} if community else {}
    row = await rows(InventoryCheckout, **there)

    response = await client.open(
        "/api/v1/inventory/checkouts/{id}".format(id=row.id),
        method="GET",
        headers=await headers(),
    )

    assert response.status_code == (404 if community else 200)
