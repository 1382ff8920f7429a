"""What a running module works with: made once at the start, closed at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quart import current_app

from flask_core.context import request_or_none

if TYPE_CHECKING:
    from flask_core.apikeys import KeyStore
    from flask_core.cache import Cache
    from flask_core.config import ModuleSettings
    from flask_core.database import AsyncDAL
    from flask_core.datamodels import ModuleConfig
    from flask_core.events import Events
    from flask_core.metrics import Metrics
    from flask_core.outbound import HttpClient, ModuleClient
    from flask_core.ratelimit import Limiter
    from flask_core.redisx import RedisX

EXTENSION = "waddlebot"


@dataclass
class Resources:
    """The module's settings, servers and clients; services get them handed in."""

    settings: ModuleSettings
    config: ModuleConfig
    metrics: Metrics
    keys: KeyStore
    cache: Cache
    limiter: Limiter
    events: Events
    database: AsyncDAL | None = None
    redis_or_none: RedisX | None = None
    clients: dict[str, HttpClient] = field(default_factory=dict)
    modules: dict[str, ModuleClient] = field(default_factory=dict)

    @property
    def db(self) -> AsyncDAL:
        """The database; a module without one never asks."""
        if self.database is None:
            raise RuntimeError("this module's spec has no PostgreSQL")
        return self.database

    @property
    def redis(self) -> RedisX:
        """Redis; a module without it never asks."""
        if self.redis_or_none is None:
            raise RuntimeError("this module's spec has no Redis")
        return self.redis_or_none

    def http(self, api: str) -> HttpClient:
        """The client of an external API of the spec."""
        return self.clients[api]

    def module(self, module: str) -> ModuleClient:
        """The client of another module of the spec."""
        return self.modules[module]


def resources() -> Resources:
    """The resources of the module that is running."""
    state = request_or_none()
    if state is not None and state.resources is not None:
        return state.resources
    found: Resources = current_app.extensions[EXTENSION]
    return found
