"""Pydantic models, for the routes that were moved to them."""

from datetime import datetime
from typing import Literal, Optional

from pydantic import BaseModel, ConfigDict, Field

METRIC_TYPES = ("messages", "active_users", "new_members", "commands", "stream_minutes")
BUCKETS = ("hour", "day", "week")

USER_ID = r"^[a-z]+:[A-Za-z0-9_.-]+$"


class EventIn(BaseModel):
    """One measured thing."""

    model_config = ConfigDict(extra="forbid")

    community_id: int = Field(gt=0)
    metric_type: Literal["messages", "active_users", "new_members", "commands", "stream_minutes"]
    metric_subtype: str = Field(default="", max_length=64, pattern=r"^[a-z0-9_-]*$")
    value: float = Field(ge=0, le=1_000_000)
    user_id: Optional[str] = Field(default=None, max_length=128, pattern=USER_ID)
    at: Optional[datetime] = None


class EventBatch(BaseModel):
    """What a module pushes in at once."""

    events: list[EventIn] = Field(min_length=1, max_length=500)


class SettingsIn(BaseModel):
    """What a community may set."""

    model_config = ConfigDict(extra="forbid")

    retention_days: int = Field(default=90, ge=7, le=730)
    bot_threshold: int = Field(default=70, ge=1, le=100)
    bot_detection_enabled: bool = True


class AlertIn(BaseModel):
    """A suspicion some other module reports."""

    model_config = ConfigDict(extra="forbid")

    community_id: int = Field(gt=0)
    platform: Literal["twitch", "discord", "slack", "youtube", "kick"]
    platform_user_id: str = Field(min_length=1, max_length=96, pattern=r"^[A-Za-z0-9_.-]+$")
    hub_user_id: Optional[int] = Field(default=None, gt=0)
    alert_type: Literal["spam_wave", "follow_bot", "raid_bot", "ban_evasion"]
    confidence_score: float = Field(ge=0, le=1)
