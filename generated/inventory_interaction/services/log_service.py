"""What the feature log of inventory-interaction does; this file is yours."""

from flask_core.datamodels import Call, Result
from flask_core.resources import Resources
from sqlalchemy import ColumnElement

from models import InventoryLogEntry, ListInventoryLogParams, LogChangeParams


class LogService:
    """What was changed, and by whom."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def log_change(self, call: Call, params: LogChangeParams) -> Result:
        """Record a change of the stock."""
        row = await self.resources.db.create(
            InventoryLogEntry,
            item_id=params.item_id,
            action=params.action,
            quantity_change=params.quantity_change,
            user_id=call.user_id,
            **params.given("details"),
        )
        return row.to_dict()

    async def list_inventory_log(
        self,
        call: Call,
        params: ListInventoryLogParams,
    ) -> Result:
        """List inventory log, page by page."""
        where: list[ColumnElement[bool]] = []
        if params.item_id is not None:
            where.append(InventoryLogEntry.item_id == params.item_id)
        if params.action is not None:
            where.append(InventoryLogEntry.action == params.action)
        page = await self.resources.db.page(
            InventoryLogEntry,
            *where,
            order_by=InventoryLogEntry.id.desc(),
            limit=params.limit,
            after=params.after,
        )
        return page.to_dict()
