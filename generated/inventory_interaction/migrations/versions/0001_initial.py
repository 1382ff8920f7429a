# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/migrations/versions/0001_initial.py.jinja; edits are merged on update.
"""The tables of inventory-interaction 0.2.0."""

from alembic import op
from flask_core.migrate import enable_row_level_security
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "inventory_items",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("community_id", BigInteger(), nullable=False, index=True),
        Column("name", String(255), nullable=False),
        Column("description", Text(), nullable=True),
        Column("item_type", String(100), nullable=True),
        Column("category", String(100), nullable=True),
        Column("quantity", Integer(), nullable=False, server_default="1"),
        Column("available_quantity", Integer(), nullable=False, server_default="1"),
        Column("checkout_price", Integer(), nullable=False, server_default="0"),
        Column("max_checkout_duration_hours", Integer(), nullable=True),
        Column("image_url", String(500), nullable=True),
        Column("labels", JSONB(), nullable=False, server_default="[]"),
        Column("metadata", JSONB(), nullable=False, server_default="{}"),
        Column(
            "created_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
        ),
        Column(
            "updated_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
        ),
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
        UniqueConstraint("community_id", "name", name="uq_inventory_items_name"),
    )
    op.create_index(
        "ix_inventory_items_category",
        "inventory_items",
        ["community_id", "category"],
    )
    enable_row_level_security("inventory_items")
    op.create_table(
        "inventory_log",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("community_id", BigInteger(), nullable=False, index=True),
        Column("item_id", BigInteger(), nullable=False),
        Column("user_id", String(150), nullable=True),
        Column("action", String(50), nullable=False),
        Column("quantity_change", Integer(), nullable=False, server_default="0"),
        Column("details", JSONB(), nullable=False, server_default="{}"),
        Column(
            "created_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
        ),
        Column(
            "updated_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
        ),
    )
    op.create_index(
        "ix_inventory_log_item_id",
        "inventory_log",
        ["community_id", "item_id"],
    )
    enable_row_level_security("inventory_log")
    op.create_table(
        "inventory_checkouts",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("community_id", BigInteger(), nullable=False, index=True),
        Column(
            "item_id",
            BigInteger(),
            ForeignKey("inventory_items.id", ondelete="CASCADE"),
            nullable=False,
        ),
        Column("user_id", String(150), nullable=False),
        Column("quantity", Integer(), nullable=False, server_default="1"),
        Column(
            "checked_out_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
        ),
        Column("due_at", DateTime(timezone=True), nullable=True),
        Column("returned_at", DateTime(timezone=True), nullable=True),
        Column("status", String(50), nullable=False, server_default="checked_out"),
        Column("notes", Text(), nullable=True),
        Column(
            "created_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
        ),
        Column(
            "updated_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
        ),
        CheckConstraint(
            '"quantity" >= 1',
            name="ck_inventory_checkouts_quantity_minimum",
        ),
        CheckConstraint(
            "\"status\" IN ('checked_out', 'returned')",
            name="ck_inventory_checkouts_status",
        ),
    )
    op.create_index(
        "ix_inventory_checkouts_item_id",
        "inventory_checkouts",
        ["community_id", "item_id"],
    )
    op.create_index(
        "ix_inventory_checkouts_user_id",
        "inventory_checkouts",
        ["community_id", "user_id"],
    )
    op.create_index(
        "ix_inventory_checkouts_status_due_at",
        "inventory_checkouts",
        ["community_id", "status", "due_at"],
    )
    enable_row_level_security("inventory_checkouts")


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("inventory_checkouts")
    op.drop_table("inventory_log")
    op.drop_table("inventory_items")
