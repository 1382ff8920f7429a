# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/models.py.jinja; edits are merged on update.
"""Parameters and tables of ai-interaction."""

from typing import Any, Literal

from flask_core.database import Base, CommunityScoped, Timestamped
from flask_core.datamodels import Params
from pydantic import Field
from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column


class ChatParams(Params):
    """Parameters of chat."""

    message: str = Field(
        min_length=1,
        max_length=10000,
        description="What the user says.",
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="Model to ask instead of the community's.",
    )


class CompleteChatParams(Params):
    """Parameters of complete_chat."""

    messages: list[dict[str, Any]] = Field(
        max_length=100,
        description="The conversation so far, each message as `{role, content}`.",
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="Model to ask instead of the community's.",
    )
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="How freely the model chooses its words.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=32000,
        description="Longest answer, in tokens.",
    )


class TestProviderParams(Params):
    """Parameters of test_provider."""


class ListModelsParams(Params):
    """Parameters of list_models."""


class SetConfigParams(Params):
    """Parameters of set_config."""

    provider: Literal["ollama", "openai", None] = Field(
        default=None,
        description="Kind of server.",
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="Model that answers.",
    )
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="How freely the model chooses its words.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=32000,
        description="Longest answer, in tokens.",
    )
    system_prompt: str | None = Field(
        default=None,
        max_length=4000,
        description="What the model is told before every conversation.",
    )
    reset: bool = Field(
        default=False,
        description="Whether to forget all earlier choices first.",
    )


class GetConfigParams(Params):
    """Parameters of get_config."""


class ConversationMessage(CommunityScoped, Timestamped, Base):
    """One message between a user and the model."""

    __tablename__ = "ai_conversations"
    __table_args__ = (
        CheckConstraint(
            "\"role\" IN ('user', 'assistant')",
            name="ck_ai_conversations_role",
        ),
        Index("ix_ai_conversations_user_id_id", "community_id", "user_id", "id"),
    )

    user_id: Mapped[str] = mapped_column("user_id", String(150))
    platform: Mapped[str] = mapped_column("platform", String(50))
    role: Mapped[str] = mapped_column("role", String(20))
    content: Mapped[str] = mapped_column("content", Text())


class ConfigurationValue(CommunityScoped, Timestamped, Base):
    """One setting a community has chosen for itself."""

    __tablename__ = "ai_config"
    __table_args__ = (UniqueConstraint("community_id", "key", name="uq_ai_config_key"),)

    key: Mapped[str] = mapped_column("key", String(50))
    value: Mapped[Any] = mapped_column("value", JSONB(), nullable=False)
