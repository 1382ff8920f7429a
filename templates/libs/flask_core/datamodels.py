"""The values that modules pass around; names as in the standard."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Result = Mapping[str, object]
Need = Literal["required", "optional", "none"]
INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ModuleConfig:
    """Who a module is; what it sends to the router and shows in /health."""

    module_id: str
    title: str
    version: str
    package: str
    category: str
    port: int
    endpoints: tuple[str, ...] = ()
    postgres: Need = "required"
    redis: Need = "required"
    host: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: a key's id, its roles, and the communities it may act for.

    `communities` is None for a key that may act for all of them.
    """

    key_id: str
    roles: frozenset[str]
    communities: frozenset[int] | None = frozenset()

    def has_role(self, role: str) -> bool:
        """Whether the caller may do what needs this role; admin may do everything."""
        return role in self.roles or "admin" in self.roles

    def may_act_for(self, community_id: int) -> bool:
        """Whether the caller may act for a community."""
        return self.communities is None or community_id in self.communities


ANONYMOUS = Principal("anonymous", frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a service sees it."""

    principal: Principal
    community_id: int | None
    user_id: str | None
    correlation_id: str
    context: Mapping[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @property
    def platform(self) -> str | None:
        """The platform the user is on, from the request's context or the user's id."""
        platform = self.context.get("platform")
        if isinstance(platform, str):
            return platform
        return self.user_id.split(":", 1)[0] if self.user_id else None


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """A user of a platform: `discord:123456`."""

    platform: str
    user_id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.user_id}"


class Params(BaseModel):
    """The parameters of an endpoint: frozen, and strict about unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)

    def given(self, *names: str, **renamed: str) -> dict[str, Any]:
        """The values the caller gave, by attribute; `column="attribute"` renames one."""
        pairs = {**{name: name for name in names}, **renamed}
        return {
            column: getattr(self, attribute)
            for column, attribute in pairs.items()
            if attribute in self.model_fields_set
        }

    def chosen(self, *names: str) -> dict[str, Any]:
        """The values that are there, JSON-ready, by the names callers use; all unless named."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {
            key: value for key, value in values.items() if not names or key in names
        }


class ActionContext(BaseModel):
    """Where an action was asked for; platforms may add to it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    platform: str | None = Field(default=None, max_length=50)
    channel: str | None = Field(default=None, max_length=255)

    def facts(self) -> dict[str, Any]:
        """What is known, by name."""
        known = {**self.__dict__, **(self.model_extra or {})}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Event:
    """One event, published or consumed."""

    id: str
    name: str
    payload: Mapping[str, Any]
    community_id: int | None
    correlation_id: str
    source: str = "-"
    timestamp: str = ""
    traceparent: str = ""

    @property
    def type(self) -> str | None:
        """The payload's own `type`, as in `event.inbound` of type `follow`."""
        value = self.payload.get("type")
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Consumer:
    """A handler for an event; durable ones read a stream in a consumer group."""

    event: str
    handler: Callable[[Event], Awaitable[None]]
    durable: bool = False
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Work repeated in the background; an exclusive job runs on one replica at a time."""

    name: str
    every_seconds: float
    handler: Callable[[], Awaitable[None]]
    exclusive: bool = True


@dataclass(frozen=True, slots=True)
class ExternalApi:
    """An HTTP API outside the platform and how patiently it is called.

    `tells_patience` is for our own modules: they stop when the caller no longer waits.
    """

    id: str
    base_url: str
    timeout_seconds: float = 5.0
    attempts: int = 2
    breaker_threshold: int = 5
    breaker_reset_seconds: float = 30.0
    max_concurrent: int = 50
    tells_patience: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """Another module this one calls."""

    module: str
    base_url: str
    api_key: SecretStr
    timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One verified delivery of a platform."""

    scheme: str
    id: str | None
    type: str | None
    body: bytes
    json: Any
    headers: Mapping[str, str]
