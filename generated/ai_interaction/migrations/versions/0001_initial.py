# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/migrations/versions/0001_initial.py.jinja; edits are merged on update.
"""The tables of ai-interaction 0.2.0."""

from alembic import op
from flask_core.migrate import enable_row_level_security
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
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
        "ai_conversations",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("community_id", BigInteger(), nullable=False, index=True),
        Column("user_id", String(150), nullable=False),
        Column("platform", String(50), nullable=False),
        Column("role", String(20), nullable=False),
        Column("content", Text(), nullable=False),
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
            "\"role\" IN ('user', 'assistant')",
            name="ck_ai_conversations_role",
        ),
    )
    op.create_index(
        "ix_ai_conversations_user_id_id",
        "ai_conversations",
        ["community_id", "user_id", "id"],
    )
    enable_row_level_security("ai_conversations")
    op.create_table(
        "ai_config",
        Column("id", BigInteger(), Identity(), primary_key=True),
        Column("community_id", BigInteger(), nullable=False, index=True),
        Column("key", String(50), nullable=False),
        Column("value", JSONB(), nullable=False),
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
        UniqueConstraint("community_id", "key", name="uq_ai_config_key"),
    )
    enable_row_level_security("ai_config")


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("ai_config")
    op.drop_table("ai_conversations")
