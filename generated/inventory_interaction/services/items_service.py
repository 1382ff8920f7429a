"""What the feature items of inventory-interaction does; this file is yours."""

from flask_core.datamodels import Call, Result
from flask_core.matching import containing
from flask_core.resources import Resources
from sqlalchemy import ColumnElement

from models import (
    AddItemParams,
    DeleteItemParams,
    GetInventoryItemParams,
    InventoryItem,
    ListInventoryParams,
    SearchInventoryParams,
    UpdateInventoryItemParams,
)


class ItemsService:
    """What there is to lend."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def add_item(self, call: Call, params: AddItemParams) -> Result:
        """Add an item to the inventory."""
        row = await self.resources.db.create(
            InventoryItem,
            name=params.name,
            quantity=params.quantity,
            available_quantity=params.available_quantity,
            **params.given("description", "category", "labels"),
        )
        return row.to_dict()

    async def delete_item(self, call: Call, params: DeleteItemParams) -> Result:
        """Remove an item from the inventory."""
        await self.resources.db.delete_one(InventoryItem, id=params.item_id)
        return {"deleted": True}

    async def list_inventory(self, call: Call, params: ListInventoryParams) -> Result:
        """List the inventory, page by page."""
        where: list[ColumnElement[bool]] = []
        if params.category is not None:
            where.append(InventoryItem.category == params.category)
        if params.item_type is not None:
            where.append(InventoryItem.item_type == params.item_type)
        page = await self.resources.db.page(
            InventoryItem,
            *where,
            order_by=InventoryItem.id,
            limit=params.limit,
            after=params.after,
        )
        return page.to_dict()

    async def search_inventory(
        self,
        call: Call,
        params: SearchInventoryParams,
    ) -> Result:
        """Find items by a part of their name."""
        where: list[ColumnElement[bool]] = []
        if params.query is not None:
            where.append(InventoryItem.name.ilike(containing(params.query)))
        page = await self.resources.db.page(
            InventoryItem,
            *where,
            order_by=InventoryItem.name,
            limit=params.limit,
            after=params.after,
        )
        return page.to_dict()

    async def get_inventory_item(
        self,
        call: Call,
        params: GetInventoryItemParams,
    ) -> Result:
        """Read one inventory item."""
        row = await self.resources.db.require(InventoryItem, id=params.id)
        return row.to_dict()

    async def update_inventory_item(
        self,
        call: Call,
        params: UpdateInventoryItemParams,
    ) -> Result:
        """Change the given fields of one inventory item."""
        row = await self.resources.db.update_one(
            InventoryItem,
            {"id": params.id},
            **params.given(
                "name",
                "description",
                "item_type",
                "category",
                "quantity",
                "available_quantity",
                "checkout_price",
                "max_checkout_duration_hours",
                "image_url",
                "labels",
                metadata_="metadata",
            ),
        )
        return row.to_dict()
