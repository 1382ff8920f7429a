# Rendered by waddlegen from module_specs/router.yaml and templates/module/migrations/versions/0001_initial.py.jinja; edits are merged on update.
"""The tables of router 0.2.0."""

from alembic import op
from flask_core.migrate import enable_row_level_security
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Integer,
    Numeric,
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
        "services",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("name", String(100), nullable=False),
        Column("version", String(50), nullable=False),
        Column("url", String(500), nullable=False),
        Column("port", Integer(), nullable=False),
        Column(
            "health_endpoint",
            String(255),
            nullable=False,
            server_default="/health",
        ),
        Column("endpoints", JSONB(), nullable=False, server_default="[]"),
        Column("status", String(20), nullable=False, server_default="registered"),
        Column("response_time", Integer(), nullable=True),
        Column("last_checked", DateTime(timezone=True), nullable=True),
        Column("last_seen", DateTime(timezone=True), nullable=True),
        Column("is_active", Boolean(), nullable=False, server_default="true"),
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
        CheckConstraint('"port" >= 1', name="ck_services_port_minimum"),
        CheckConstraint(
            "\"status\" IN ('registered', 'healthy', 'unhealthy', 'unreachable')",
            name="ck_services_status",
        ),
        UniqueConstraint("name", name="uq_services_name"),
    )
    op.create_index("ix_services_status", "services", ["status"])
    op.create_table(
        "commands",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("command", String(100), nullable=False),
        Column("module_id", String(100), nullable=False),
        Column("action_id", String(100), nullable=False),
        Column("parameters", String(500), nullable=False, server_default=""),
        Column("description", Text(), nullable=False, server_default=""),
        Column("usage", Text(), nullable=False, server_default=""),
        Column("category", String(100), nullable=False, server_default="general"),
        Column(
            "permission_level",
            String(50),
            nullable=False,
            server_default="everyone",
        ),
        Column("cooldown_seconds", Integer(), nullable=False, server_default="0"),
        Column("is_enabled", Boolean(), nullable=False, server_default="true"),
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
            "\"permission_level\" IN ('everyone', 'member', 'moderator', 'admin', 'owner')",
            name="ck_commands_permission_level",
        ),
        CheckConstraint(
            '"cooldown_seconds" >= 0',
            name="ck_commands_cooldown_seconds_minimum",
        ),
        UniqueConstraint("command", name="uq_commands_command"),
    )
    op.create_index("ix_commands_module_id", "commands", ["module_id"])
    op.create_index("ix_commands_category", "commands", ["category"])
    op.create_table(
        "module_installations",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("community_id", BigInteger(), nullable=False, index=True),
        Column("module_id", String(100), nullable=False),
        Column("is_enabled", Boolean(), nullable=False, server_default="true"),
        Column("installed_by", String(150), nullable=True),
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
        UniqueConstraint(
            "community_id",
            "module_id",
            name="uq_module_installations_module_id",
        ),
    )
    enable_row_level_security("module_installations")
    op.create_table(
        "translation_cache",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("source_text_hash", String(64), nullable=False),
        Column("source_lang", String(10), nullable=False),
        Column("target_lang", String(10), nullable=False),
        Column("translated_text", Text(), nullable=False),
        Column("provider", String(50), nullable=False),
        Column("confidence_score", Numeric(3, 2), nullable=True),
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
        UniqueConstraint(
            "source_text_hash",
            "source_lang",
            "target_lang",
            name="uq_translation_cache_source_text_hash_source_lang_target_lang",
        ),
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("translation_cache")
    op.drop_table("module_installations")
    op.drop_table("commands")
    op.drop_table("services")
