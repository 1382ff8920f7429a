"""Which modules there are, where they are reached, and how they are."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask_core.datamodels import Call, Event, Result
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.logging import log_error, log_system
from flask_core.outbound import UpstreamRefused
from flask_core.resources import Resources

from config import settings
from models import (
    ListModulesParams,
    ModuleInstallation,
    RegisteredModule,
    RegisterParams,
)
from services.targets import target

CHECKED_AT_ONCE = 10
HEALTH_TIMEOUT_SECONDS = 5.0
MOST_MODULES = 1000


class RegistryService:
    """Business logic of the feature registry."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def register(self, call: Call, params: RegisterParams) -> Result:
        """Register a module at its start, or bring its entry up to date."""
        host = _hosts().get(params.module_id) or params.host or params.module_id
        url = f"http://{host}:{params.port}"
        known = await self.resources.db.get(RegisteredModule, name=params.module_id)
        facts = {
            "version": params.module_version,
            "url": url,
            "port": params.port,
            "health_endpoint": params.health_check,
            "endpoints": list(params.endpoints or ()),
            "last_seen": datetime.now(UTC),
        }
        await self._keep(params.module_id, facts)
        # Modules register every half minute; only news is worth an event.
        if known is None or (known.version, known.url) != (params.module_version, url):
            await self._announce(params, url)
        return {"module_id": params.module_id, "registered": True, "url": url}

    async def list_modules(self, call: Call, params: ListModulesParams) -> Result:
        """List the registered modules, and whether this community uses them."""
        wanted = (
            [] if params.status is None else [RegisteredModule.status == params.status]
        )
        page = await self.resources.db.page(
            RegisteredModule,
            *wanted,
            order_by=RegisteredModule.name,
            limit=params.limit,
            after=params.after,
        )
        off = await self._switched_off()
        items = [_shown(module, module.name not in off) for module in page.items]
        return {"items": items, "next": page.next}

    async def on_module_heartbeat(self, event: Event) -> None:
        """Note when a module spoke up last."""
        module_id = event.payload.get("module_id", event.source)
        if isinstance(module_id, str):
            await self.resources.db.update(
                RegisteredModule,
                {"last_seen": datetime.now(UTC)},
                RegisteredModule.name == module_id,
            )

    async def check_modules(self) -> None:
        """Look at the health of every registered module, a few at a time."""
        modules = await self.resources.db.query(RegisteredModule, limit=MOST_MODULES)
        turn = asyncio.Semaphore(CHECKED_AT_ONCE)

        async def check(module: RegisteredModule) -> None:
            """Look at one module when it is its turn."""
            async with turn:
                await self._check(module)

        async with asyncio.TaskGroup() as group:
            for module in modules:
                group.create_task(check(module))

    async def _check(self, module: RegisteredModule) -> None:
        """Look at the health of one module, and note what was found."""
        started = time.perf_counter()
        status = await self._health(module)
        if status != module.status:
            log_system("module_health", status, target=module.name)
        await self.resources.db.update(
            RegisteredModule,
            {
                "status": status,
                "response_time": round((time.perf_counter() - started) * 1000),
                "last_checked": datetime.now(UTC),
            },
            RegisteredModule.name == module.name,
        )

    async def _health(self, module: RegisteredModule) -> str:
        """What a module says of its health."""
        client = target(self.resources, module, HEALTH_TIMEOUT_SECONDS)
        try:
            body = await client.request_json("GET", module.health_endpoint)
        except UpstreamRefused:
            return "unhealthy"
        except DependencyUnavailable:
            return "unreachable"
        healthy = body.get("status") in ("healthy", "degraded")
        return "healthy" if healthy else "unhealthy"

    async def _keep(self, module_id: str, facts: Mapping[str, Any]) -> None:
        """Store a module's entry, in place of the one before."""
        known = RegisteredModule.name == module_id
        if await self.resources.db.update(RegisteredModule, facts, known):
            return
        try:
            await self.resources.db.create(RegisteredModule, name=module_id, **facts)
        except ApiError as error:
            # Another replica of the module was first.
            if error.status != 409:
                raise
            await self.resources.db.update(RegisteredModule, facts, known)

    async def _switched_off(self) -> frozenset[str]:
        """The modules the community does not use."""
        rows = await self.resources.db.query(
            ModuleInstallation, ModuleInstallation.is_enabled.is_(False)
        )
        return frozenset(row.module_id for row in rows)

    async def _announce(self, params: RegisterParams, url: str) -> None:
        """Publish that a module is there; a lost event changes nothing."""
        payload = {
            "module_id": params.module_id,
            "module_version": params.module_version,
            "url": url,
        }
        try:
            await self.resources.events.publish("module.registered", payload)
        except DependencyUnavailable as error:
            log_error(None, "publish_module_registered", error.error)


def _shown(module: RegisteredModule, enabled: bool) -> dict[str, object]:
    """A module as callers see it; where it is reached is nobody's business."""
    hidden = ("url", "port", "health_endpoint")
    facts = {key: value for key, value in module.to_dict().items() if key not in hidden}
    return {**facts, "is_enabled": enabled}


def _hosts() -> dict[str, str]:
    """The host names the environment gives for modules."""
    pairs = (pair.partition("=") for pair in settings().router_module_hosts.split(","))
    return {name.strip(): host.strip() for name, _, host in pairs if host.strip()}
