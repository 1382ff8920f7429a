"""Tell the truth about the module: what it needs, and whether that answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from flask_core.errors import DependencyUnavailable
from flask_core.logging import log_system
from flask_core.resilience import pause

if TYPE_CHECKING:
    from flask_core.resources import Resources

PROBE_SECONDS = 1.0
PING_SECONDS = 2.0


class Health:
    """Watches the dependencies and answers for them at once."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.started = time.monotonic()
        self.up: dict[str, bool] = {}
        self.accepting = False

    async def watch(self, stopping: asyncio.Event) -> None:
        """Probe every second until stopped."""
        while not stopping.is_set():
            await self.probe()
            await pause(stopping, PROBE_SECONDS)

    async def probe(self) -> None:
        """Ask each dependency once."""
        async with asyncio.TaskGroup() as group:
            for name, pings in self._pings().items():
                group.create_task(self._probe(name, pings))

    def _pings(self) -> dict[str, list[Awaitable[None]]]:
        """The questions to each dependency."""
        database, redis = self.resources.database, self.resources.redis_or_none
        pings: dict[str, list[Awaitable[None]]] = {}
        if database is not None:
            pings["database"] = [database.ping(PING_SECONDS)]
            replicas = database.servers.replicas
            pings["database_replica"] = [r.ping(PING_SECONDS) for r in replicas]
        if redis is not None:
            pings["redis"] = [redis.ping()]
        return {name: asked for name, asked in pings.items() if asked}

    async def _probe(self, name: str, pings: list[Awaitable[None]]) -> None:
        """Ask one dependency, every server of it."""
        answers = [await _answers(ping) for ping in pings]
        self._note(name, all(answers))

    def _note(self, name: str, is_up: bool) -> None:
        """Remember how a dependency is; say so when it changed."""
        if self.up.get(name) is not is_up:
            log_system("dependency", "connected" if is_up else "unavailable", name=name)
        self.up[name] = is_up
        self.resources.metrics.dependency.labels(name).set(is_up)

    @property
    def needs(self) -> dict[str, str]:
        """Each dependency and how much it is needed."""
        config = self.resources.config
        found = {"database": config.postgres, "redis": config.redis}
        database = self.resources.database
        if database is not None and database.servers.replicas:
            found["database_replica"] = "optional"
        return {name: need for name, need in found.items() if need != "none"}

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """The standard's body, with 503 while a required dependency is down or at a stop.

        Redis counts as degraded, not as down: what it does falls back.
        """
        database_down = not self.up.get("database", False)
        down = self.needs.get("database") == "required" and database_down
        ready = self.accepting and not down
        whole = all(self.up.get(name, False) for name in self.needs)
        status = "unhealthy" if not ready else "healthy" if whole else "degraded"
        return (200 if ready else 503), {
            **self.liveness(),
            "status": status,
            "dependencies": {
                name: "connected" if self.up.get(name, False) else "unavailable"
                for name in self.needs
            },
        }

    def liveness(self) -> dict[str, Any]:
        """What the process says of itself alone."""
        return {
            "status": "healthy",
            "module": self.resources.config.module_id,
            "version": self.resources.settings.module_version,
            "uptime_seconds": round(time.monotonic() - self.started),
        }


async def _answers(ping: Any) -> bool:
    """Whether a ping comes back; each has its own limit, which is well below this one."""
    try:
        async with asyncio.timeout(3 * PING_SECONDS):
            await ping
    except (DependencyUnavailable, TimeoutError, OSError):
        return False
    return True
