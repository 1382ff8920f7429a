# Rendered by waddlegen from module_specs/router.yaml and templates/module/models.py.jinja; edits are merged on update.
"""Parameters and tables of router."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from flask_core.database import Base, CommunityScoped, Timestamped
from flask_core.datamodels import Params
from pydantic import Field
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    Numeric,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column


class RegisterParams(Params):
    """Parameters of register."""

    module_id: str = Field(
        max_length=40,
        pattern="^(?:^[a-z][a-z0-9]*(-[a-z0-9]+)*$)$",
        description="Id of the module.",
    )
    module_version: str = Field(min_length=1, max_length=50, description="Its version.")
    endpoints: list[str] | None = Field(
        default=None,
        max_length=500,
        description="Paths it offers.",
    )
    health_check: str = Field(
        default="/health",
        max_length=255,
        pattern="^(?:^/[A-Za-z0-9_./-]*$)$",
        description="Path of its health check.",
    )
    port: int = Field(ge=1, le=65535, description="Its HTTP port.")
    host: str | None = Field(
        default=None,
        max_length=253,
        pattern="^(?:^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$)$",
        description="Host it is reached at; its id unless said.",
    )


class ListModulesParams(Params):
    """Parameters of list_modules."""

    status: Literal["registered", "healthy", "unhealthy", "unreachable", None] = Field(
        default=None,
        description="Only modules in this state.",
    )
    limit: int = Field(
        default=50,
        ge=1,
        le=100,
        description="How many modules a page has at most.",
    )
    after: str | None = Field(
        default=None,
        max_length=500,
        description="The `next` of the page before.",
    )


class ListCommandsParams(Params):
    """Parameters of list_commands."""

    module_id: str | None = Field(
        default=None,
        max_length=100,
        description="Module that answers.",
    )
    category: str | None = Field(
        default=None,
        max_length=100,
        description="Kind of command.",
    )
    is_enabled: bool | None = Field(default=None, description="Whether it is in use.")
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


class CreateCommandParams(Params):
    """Parameters of create_command."""

    command: str = Field(
        min_length=1,
        max_length=100,
        description="The word, without its prefix.",
    )
    module_id: str = Field(
        min_length=1,
        max_length=100,
        description="Module that answers.",
    )
    action_id: str = Field(
        min_length=1,
        max_length=100,
        description="Action of that module.",
    )
    parameters: str | None = Field(
        default=None,
        max_length=500,
        description="Parameters of the action that the words after the command fill, in order and separated by spaces; the last takes all that is left.",
    )
    description: str | None = Field(
        default=None,
        max_length=10000,
        description="What it does.",
    )
    usage: str | None = Field(
        default=None,
        max_length=10000,
        description="How it is written.",
    )
    category: str | None = Field(
        default=None,
        max_length=100,
        description="Kind of command.",
    )
    permission_level: Literal[
        "everyone",
        "member",
        "moderator",
        "admin",
        "owner",
        None,
    ] = Field(default=None, description="Least role a user needs.")
    cooldown_seconds: int | None = Field(
        default=None,
        ge=0,
        description="Seconds until the same user may give it again.",
    )
    is_enabled: bool | None = Field(default=None, description="Whether it is in use.")


class GetCommandParams(Params):
    """Parameters of get_command."""

    id: int = Field(ge=1, description="The row's id.")


class UpdateCommandParams(Params):
    """Parameters of update_command."""

    id: int = Field(ge=1, description="The row's id.")
    command: str | None = Field(
        default=None,
        max_length=100,
        description="The word, without its prefix.",
    )
    module_id: str | None = Field(
        default=None,
        max_length=100,
        description="Module that answers.",
    )
    action_id: str | None = Field(
        default=None,
        max_length=100,
        description="Action of that module.",
    )
    parameters: str | None = Field(
        default=None,
        max_length=500,
        description="Parameters of the action that the words after the command fill, in order and separated by spaces; the last takes all that is left.",
    )
    description: str | None = Field(
        default=None,
        max_length=10000,
        description="What it does.",
    )
    usage: str | None = Field(
        default=None,
        max_length=10000,
        description="How it is written.",
    )
    category: str | None = Field(
        default=None,
        max_length=100,
        description="Kind of command.",
    )
    permission_level: Literal[
        "everyone",
        "member",
        "moderator",
        "admin",
        "owner",
        None,
    ] = Field(default=None, description="Least role a user needs.")
    cooldown_seconds: int | None = Field(
        default=None,
        ge=0,
        description="Seconds until the same user may give it again.",
    )
    is_enabled: bool | None = Field(default=None, description="Whether it is in use.")


class DeleteCommandParams(Params):
    """Parameters of delete_command."""

    id: int = Field(ge=1, description="The row's id.")


class DispatchEventParams(Params):
    """Parameters of dispatch_event."""

    event: dict[str, Any] = Field(
        description="The event, with the fields of `POST /api/v1/router/events`.",
    )


class RouteEventParams(Params):
    """Parameters of route_event."""

    type: str = Field(min_length=1, max_length=50, description="What happened.")
    platform: str = Field(min_length=1, max_length=50, description="Where.")
    user_id: str = Field(
        max_length=150,
        pattern="^(?:^[a-z]+:[A-Za-z0-9_.-]+$)$",
        description="Who did it.",
    )
    username: str | None = Field(
        default=None,
        max_length=255,
        description="Their name for people.",
    )
    channel: str | None = Field(
        default=None,
        max_length=255,
        description="Channel it happened in.",
    )
    message: str | None = Field(
        default=None,
        max_length=10000,
        description="What was said, if anything.",
    )
    user_role: Literal["everyone", "member", "moderator", "admin", "owner"] = Field(
        default="everyone",
        description="What the user is in the community.",
    )
    event_id: str | None = Field(
        default=None,
        max_length=100,
        pattern="^(?:^[A-Za-z0-9_.:-]+$)$",
        description="The platform's own id of the event; makes its command safe to repeat.",
    )
    data: dict[str, Any] | None = Field(
        default=None,
        description="Whatever else the platform says.",
    )


class RouteEventsParams(Params):
    """Parameters of route_events."""

    events: list[dict[str, Any]] = Field(
        max_length=100,
        description="The events, each with the fields of `POST /api/v1/router/events`.",
    )


class SubmitResponseParams(Params):
    """Parameters of submit_response."""

    session_id: str = Field(
        max_length=64,
        pattern="^(?:^[A-Za-z0-9_-]+$)$",
        description="Id the command came with.",
    )
    response: dict[str, Any] = Field(description="What to show.")


class GetResponseParams(Params):
    """Parameters of get_response."""

    session_id: str = Field(
        max_length=64,
        pattern="^(?:^[A-Za-z0-9_-]+$)$",
        description="Id the command came with.",
    )


class ToggleModuleParams(Params):
    """Parameters of toggle_module."""

    module_id: str = Field(
        max_length=40,
        pattern="^(?:^[a-z][a-z0-9]*(-[a-z0-9]+)*$)$",
        description="Id of the module.",
    )
    enabled: bool = Field(description="Whether it is in use.")


class StoreTranslationParams(Params):
    """Parameters of store_translation."""

    source_text_hash: str = Field(
        min_length=64,
        max_length=64,
        pattern="^(?:^[0-9a-f]{64}$)$",
        description="SHA-256 of the text, in hex.",
    )
    source_lang: str = Field(
        max_length=10,
        pattern="^(?:^[A-Za-z-]{2,10}$)$",
        description="Language it was in.",
    )
    target_lang: str = Field(
        max_length=10,
        pattern="^(?:^[A-Za-z-]{2,10}$)$",
        description="Language it was put into.",
    )
    translated_text: str = Field(
        min_length=1,
        max_length=10000,
        description="The translation.",
    )
    provider: str = Field(min_length=1, max_length=50, description="Who translated.")
    confidence_score: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How sure they were.",
    )


class FindTranslationParams(Params):
    """Parameters of find_translation."""

    source_lang: str = Field(
        max_length=10,
        pattern="^(?:^[A-Za-z-]{2,10}$)$",
        description="Language it was in.",
    )
    target_lang: str = Field(
        max_length=10,
        pattern="^(?:^[A-Za-z-]{2,10}$)$",
        description="Language it was put into.",
    )
    source_text_hash: str = Field(
        min_length=64,
        max_length=64,
        pattern="^(?:^[0-9a-f]{64}$)$",
        description="SHA-256 of the text, in hex.",
    )


class RegisteredModule(Timestamped, Base):
    """A module that has registered. Platform-wide: a module serves every community,
    and what a community switches off stands in module_installations.
    """

    __tablename__ = "services"
    __table_args__ = (
        UniqueConstraint("name", name="uq_services_name"),
        CheckConstraint('"port" >= 1', name="ck_services_port_minimum"),
        Index("ix_services_status", "status"),
        CheckConstraint(
            "\"status\" IN ('registered', 'healthy', 'unhealthy', 'unreachable')",
            name="ck_services_status",
        ),
    )

    name: Mapped[str] = mapped_column("name", String(100))
    version: Mapped[str] = mapped_column("version", String(50))
    url: Mapped[str] = mapped_column("url", String(500))
    port: Mapped[int] = mapped_column("port", Integer())
    health_endpoint: Mapped[str] = mapped_column(
        "health_endpoint",
        String(255),
        server_default="/health",
    )
    endpoints: Mapped[Any] = mapped_column(
        "endpoints",
        JSONB(),
        nullable=False,
        server_default="[]",
    )
    status: Mapped[str] = mapped_column(
        "status",
        String(20),
        server_default="registered",
    )
    response_time: Mapped[int | None] = mapped_column("response_time", Integer())
    last_checked: Mapped[datetime | None] = mapped_column(
        "last_checked",
        DateTime(timezone=True),
    )
    last_seen: Mapped[datetime | None] = mapped_column(
        "last_seen",
        DateTime(timezone=True),
    )
    is_active: Mapped[bool] = mapped_column(
        "is_active",
        Boolean(),
        server_default="true",
    )


class Command(Timestamped, Base):
    """Which action a command stands for. Platform-wide: the same word means the same
    in every community; words of a community's own are aliases, another module's
    matter.
    """

    __tablename__ = "commands"
    __table_args__ = (
        UniqueConstraint("command", name="uq_commands_command"),
        Index("ix_commands_module_id", "module_id"),
        Index("ix_commands_category", "category"),
        CheckConstraint(
            "\"permission_level\" IN ('everyone', 'member', 'moderator', 'admin', 'owner')",
            name="ck_commands_permission_level",
        ),
        CheckConstraint(
            '"cooldown_seconds" >= 0',
            name="ck_commands_cooldown_seconds_minimum",
        ),
    )

    command: Mapped[str] = mapped_column("command", String(100))
    module_id: Mapped[str] = mapped_column("module_id", String(100))
    action_id: Mapped[str] = mapped_column("action_id", String(100))
    parameters: Mapped[str] = mapped_column(
        "parameters",
        String(500),
        server_default="",
    )
    description: Mapped[str] = mapped_column("description", Text(), server_default="")
    usage: Mapped[str] = mapped_column("usage", Text(), server_default="")
    category: Mapped[str] = mapped_column(
        "category",
        String(100),
        server_default="general",
    )
    permission_level: Mapped[str] = mapped_column(
        "permission_level",
        String(50),
        server_default="everyone",
    )
    cooldown_seconds: Mapped[int] = mapped_column(
        "cooldown_seconds",
        Integer(),
        server_default="0",
    )
    is_enabled: Mapped[bool] = mapped_column(
        "is_enabled",
        Boolean(),
        server_default="true",
    )


class ModuleInstallation(CommunityScoped, Timestamped, Base):
    """Whether a community uses a module. Of one community each; a module without a
    row is in use.
    """

    __tablename__ = "module_installations"
    __table_args__ = (
        UniqueConstraint(
            "community_id",
            "module_id",
            name="uq_module_installations_module_id",
        ),
    )

    module_id: Mapped[str] = mapped_column("module_id", String(100))
    is_enabled: Mapped[bool] = mapped_column(
        "is_enabled",
        Boolean(),
        server_default="true",
    )
    installed_by: Mapped[str | None] = mapped_column("installed_by", String(150))


class CachedTranslation(Timestamped, Base):
    """A text that was translated before. Platform-wide: only who has the text itself
    knows its hash, and the same text reads the same everywhere.
    """

    __tablename__ = "translation_cache"
    __table_args__ = (
        UniqueConstraint(
            "source_text_hash",
            "source_lang",
            "target_lang",
            name="uq_translation_cache_source_text_hash_source_lang_target_lang",
        ),
    )

    source_text_hash: Mapped[str] = mapped_column("source_text_hash", String(64))
    source_lang: Mapped[str] = mapped_column("source_lang", String(10))
    target_lang: Mapped[str] = mapped_column("target_lang", String(10))
    translated_text: Mapped[str] = mapped_column("translated_text", Text())
    provider: Mapped[str] = mapped_column("provider", String(50))
    confidence_score: Mapped[Decimal | None] = mapped_column(
        "confidence_score",
        Numeric(3, 2),
    )
