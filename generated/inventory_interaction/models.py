# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/models.py.jinja; edits are merged on update.
"""Parameters and tables of inventory-interaction."""

from datetime import datetime
from typing import Any, Literal

from flask_core.database import Base, CommunityScoped, Timestamped
from flask_core.datamodels import Params
from pydantic import AwareDatetime, Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column


class AddItemParams(Params):
    """Parameters of add_item."""

    name: str = Field(min_length=1, max_length=255, description="Name of the item.")
    description: str | None = Field(
        default=None,
        max_length=10000,
        description="What it is.",
    )
    category: str | None = Field(
        default=None,
        max_length=100,
        description="Shelf it stands on.",
    )
    quantity: int = Field(
        default=1,
        ge=0,
        le=1000000,
        description="How many there are.",
    )
    available_quantity: int = Field(
        default=1,
        ge=0,
        le=1000000,
        description="How many are at hand.",
    )
    labels: list[str] | None = Field(
        default=None,
        max_length=5,
        description="Labels, five at most.",
    )


class DeleteItemParams(Params):
    """Parameters of delete_item."""

    item_id: int = Field(ge=1, description="The item.")


class ListInventoryParams(Params):
    """Parameters of list_inventory."""

    category: str | None = Field(
        default=None,
        max_length=100,
        description="Only items of this shelf.",
    )
    item_type: str | None = Field(
        default=None,
        max_length=100,
        description="Only items of this kind.",
    )
    limit: int = Field(
        default=50,
        ge=1,
        le=100,
        description="How many rows a page has at most.",
    )
    after: str | None = Field(
        default=None,
        max_length=500,
        description="The `next` of the page before.",
    )


class SearchInventoryParams(Params):
    """Parameters of search_inventory."""

    query: str = Field(min_length=1, max_length=255, description="Part of the name.")
    limit: int = Field(
        default=50,
        ge=1,
        le=100,
        description="How many rows a page has at most.",
    )
    after: str | None = Field(
        default=None,
        max_length=500,
        description="The `next` of the page before.",
    )


class GetInventoryItemParams(Params):
    """Parameters of get_inventory_item."""

    id: int = Field(ge=1, description="The row's id.")


class UpdateInventoryItemParams(Params):
    """Parameters of update_inventory_item."""

    id: int = Field(ge=1, description="The row's id.")
    name: str | None = Field(
        default=None,
        max_length=255,
        description="Name of the item.",
    )
    description: str | None = Field(
        default=None,
        max_length=10000,
        description="What it is.",
    )
    item_type: str | None = Field(
        default=None,
        max_length=100,
        description="Kind of item.",
    )
    category: str | None = Field(
        default=None,
        max_length=100,
        description="Shelf it stands on.",
    )
    quantity: int | None = Field(default=None, ge=0, description="How many there are.")
    available_quantity: int | None = Field(
        default=None,
        ge=0,
        description="How many are at hand.",
    )
    checkout_price: int | None = Field(
        default=None,
        ge=0,
        description="Points a checkout costs.",
    )
    max_checkout_duration_hours: int | None = Field(
        default=None,
        ge=1,
        description="Longest time it is lent, in hours.",
    )
    image_url: str | None = Field(
        default=None,
        max_length=500,
        description="Picture of it.",
    )
    labels: dict[str, Any] | None = Field(
        default=None,
        description="Labels, five at most.",
    )
    metadata: dict[str, Any] | None = Field(
        default=None,
        description="Whatever else is known of it.",
    )


class CheckoutParams(Params):
    """Parameters of checkout."""

    item_id: int = Field(ge=1, description="The item.")
    user_id: str = Field(min_length=1, max_length=150, description="Who takes it.")
    quantity: int = Field(default=1, ge=1, le=1000000, description="How many.")
    due_at: AwareDatetime | None = Field(default=None, description="Until when.")
    notes: str | None = Field(default=None, max_length=10000, description="Remarks.")


class CheckinParams(Params):
    """Parameters of checkin."""

    checkout_id: int = Field(ge=1, description="The checkout.")


class ListInventoryCheckoutsParams(Params):
    """Parameters of list_inventory_checkouts."""

    item_id: int | None = Field(default=None, description="The item.")
    user_id: str | None = Field(default=None, max_length=150, description="Who has it.")
    status: Literal["checked_out", "returned", None] = Field(
        default=None,
        description="Whether it is still out.",
    )
    limit: int = Field(
        default=50,
        ge=1,
        le=100,
        description="How many rows a page has at most.",
    )
    after: str | None = Field(
        default=None,
        max_length=500,
        description="The `next` of the page before.",
    )


class GetInventoryCheckoutParams(Params):
    """Parameters of get_inventory_checkout."""

    id: int = Field(ge=1, description="The row's id.")


class LogChangeParams(Params):
    """Parameters of log_change."""

    item_id: int = Field(ge=1, description="The item.")
    action: str = Field(min_length=1, max_length=50, description="What was done.")
    quantity_change: int = Field(
        default=0,
        ge=-1000000,
        le=1000000,
        description="How many more or fewer.",
    )
    details: dict[str, Any] | None = Field(
        default=None,
        description="Whatever else is worth knowing.",
    )


class ListInventoryLogParams(Params):
    """Parameters of list_inventory_log."""

    item_id: int | None = Field(default=None, description="The item.")
    action: str | None = Field(
        default=None,
        max_length=50,
        description="What was done.",
    )
    limit: int = Field(
        default=50,
        ge=1,
        le=100,
        description="How many rows a page has at most.",
    )
    after: str | None = Field(
        default=None,
        max_length=500,
        description="The `next` of the page before.",
    )


class InventoryItem(CommunityScoped, Timestamped, Base):
    """A kind of thing a community owns, and how many of it are at hand."""

    __tablename__ = "inventory_items"
    __table_args__ = (
        UniqueConstraint("community_id", "name", name="uq_inventory_items_name"),
        Index("ix_inventory_items_category", "community_id", "category"),
        CheckConstraint('"quantity" >= 0', name="ck_inventory_items_quantity_minimum"),
        CheckConstraint(
            '"available_quantity" >= 0',
            name="ck_inventory_items_available_quantity_minimum",
        ),
        CheckConstraint(
            '"checkout_price" >= 0',
            name="ck_inventory_items_checkout_price_minimum",
        ),
        CheckConstraint(
            '"max_checkout_duration_hours" >= 1',
            name="ck_inventory_items_max_checkout_duration_hours_minimum",
        ),
    )

    name: Mapped[str] = mapped_column("name", String(255))
    description: Mapped[str | None] = mapped_column("description", Text())
    item_type: Mapped[str | None] = mapped_column("item_type", String(100))
    category: Mapped[str | None] = mapped_column("category", String(100))
    quantity: Mapped[int] = mapped_column("quantity", Integer(), server_default="1")
    available_quantity: Mapped[int] = mapped_column(
        "available_quantity",
        Integer(),
        server_default="1",
    )
    checkout_price: Mapped[int] = mapped_column(
        "checkout_price",
        Integer(),
        server_default="0",
    )
    max_checkout_duration_hours: Mapped[int | None] = mapped_column(
        "max_checkout_duration_hours",
        Integer(),
    )
    image_url: Mapped[str | None] = mapped_column("image_url", String(500))
    labels: Mapped[Any] = mapped_column(
        "labels",
        JSONB(),
        nullable=False,
        server_default="[]",
    )
    metadata_: Mapped[Any] = mapped_column(
        "metadata",
        JSONB(),
        nullable=False,
        server_default="{}",
    )


class InventoryCheckout(CommunityScoped, Timestamped, Base):
    """Some of an item, lent to somebody."""

    __tablename__ = "inventory_checkouts"
    __table_args__ = (
        Index("ix_inventory_checkouts_item_id", "community_id", "item_id"),
        Index("ix_inventory_checkouts_user_id", "community_id", "user_id"),
        CheckConstraint(
            '"quantity" >= 1',
            name="ck_inventory_checkouts_quantity_minimum",
        ),
        CheckConstraint(
            "\"status\" IN ('checked_out', 'returned')",
            name="ck_inventory_checkouts_status",
        ),
        Index(
            "ix_inventory_checkouts_status_due_at",
            "community_id",
            "status",
            "due_at",
        ),
    )

    item_id: Mapped[int] = mapped_column(
        "item_id",
        BigInteger(),
        ForeignKey("inventory_items.id", ondelete="CASCADE"),
    )
    user_id: Mapped[str] = mapped_column("user_id", String(150))
    quantity: Mapped[int] = mapped_column("quantity", Integer(), server_default="1")
    checked_out_at: Mapped[datetime] = mapped_column(
        "checked_out_at",
        DateTime(timezone=True),
        server_default=func.now(),
    )
    due_at: Mapped[datetime | None] = mapped_column("due_at", DateTime(timezone=True))
    returned_at: Mapped[datetime | None] = mapped_column(
        "returned_at",
        DateTime(timezone=True),
    )
    status: Mapped[str] = mapped_column(
        "status",
        String(50),
        server_default="checked_out",
    )
    notes: Mapped[str | None] = mapped_column("notes", Text())


class InventoryLogEntry(CommunityScoped, Timestamped, Base):
    """One change of the stock."""

    __tablename__ = "inventory_log"
    __table_args__ = (Index("ix_inventory_log_item_id", "community_id", "item_id"),)

    item_id: Mapped[int] = mapped_column("item_id", BigInteger())
    user_id: Mapped[str | None] = mapped_column("user_id", String(150))
    action: Mapped[str] = mapped_column("action", String(50))
    quantity_change: Mapped[int] = mapped_column(
        "quantity_change",
        Integer(),
        server_default="0",
    )
    details: Mapped[Any] = mapped_column(
        "details",
        JSONB(),
        nullable=False,
        server_default="{}",
    )
