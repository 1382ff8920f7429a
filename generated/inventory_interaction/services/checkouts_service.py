"""What the feature checkouts of inventory-interaction does; this file is yours."""

from datetime import UTC, datetime

from flask_core.announce import announce
from flask_core.datamodels import Call, Result
from flask_core.resources import Resources
from sqlalchemy import ColumnElement

from models import (
    CheckinParams,
    CheckoutParams,
    GetInventoryCheckoutParams,
    InventoryCheckout,
    InventoryItem,
    ListInventoryCheckoutsParams,
)


class CheckoutsService:
    """Who has what."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def checkout(self, call: Call, params: CheckoutParams) -> Result:
        """Lend some of an item; refused when fewer are at hand."""
        async with self.resources.db.transaction():
            row = await self.resources.db.create(
                InventoryCheckout,
                item_id=params.item_id,
                user_id=params.user_id,
                quantity=params.quantity,
                status="checked_out",
                **params.given("due_at", "notes"),
            )
            await self.resources.db.increment(
                InventoryItem,
                "available_quantity",
                -params.quantity,
                where={"id": params.item_id},
                minimum=0,
            )
        result = row.to_dict()
        await announce(
            self.resources.events,
            "inventory.checked_out",
            ["id", "item_id", "user_id", "quantity", "due_at"],
            result,
            params.chosen(),
        )
        return result

    async def checkin(self, call: Call, params: CheckinParams) -> Result:
        """Take back what was lent; refused when it is back already."""
        async with self.resources.db.transaction():
            row = await self.resources.db.update_one(
                InventoryCheckout,
                {"id": params.checkout_id},
                expect={"status": "checked_out"},
                status="returned",
                returned_at=datetime.now(UTC),
            )
            await self.resources.db.increment(
                InventoryItem,
                "available_quantity",
                row.quantity,
                where={"id": row.item_id},
                minimum=None,
            )
        result = row.to_dict()
        await announce(
            self.resources.events,
            "inventory.checked_in",
            ["id", "item_id", "user_id", "quantity"],
            result,
            params.chosen(),
        )
        return result

    async def list_inventory_checkouts(
        self,
        call: Call,
        params: ListInventoryCheckoutsParams,
    ) -> Result:
        """List inventory checkouts, page by page."""
        where: list[ColumnElement[bool]] = []
        if params.item_id is not None:
            where.append(InventoryCheckout.item_id == params.item_id)
        if params.user_id is not None:
            where.append(InventoryCheckout.user_id == params.user_id)
        if params.status is not None:
            where.append(InventoryCheckout.status == params.status)
        page = await self.resources.db.page(
            InventoryCheckout,
            *where,
            order_by=InventoryCheckout.id.desc(),
            limit=params.limit,
            after=params.after,
        )
        return page.to_dict()

    async def get_inventory_checkout(
        self,
        call: Call,
        params: GetInventoryCheckoutParams,
    ) -> Result:
        """Read one inventory checkout."""
        row = await self.resources.db.require(InventoryCheckout, id=params.id)
        return row.to_dict()
