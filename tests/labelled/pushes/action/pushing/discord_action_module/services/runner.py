"""Runs an action: validate, check ownership, call Discord, record."""

import asyncio
import time
from typing import Any, Awaitable, Callable, Dict, Set

from prometheus_client import Counter, Histogram

from flask_core.aaa import AAALogger
from flask_core.validation import validate_input

from services.discord_client import DiscordClient, DiscordError
from services.schemas import SCHEMAS
from services.store import ActionStore, GuildDirectory

ACTIONS = Counter("discord_actions_total", "Actions run", ["action", "result"])
SECONDS = Histogram("discord_action_seconds", "Time per action", ["action"])

Op = Callable[[Dict[str, Any]], Awaitable[Dict[str, Any]]]


class UnknownAction(LookupError):
    """No such action."""


class NotYours(PermissionError):
    """The guild or channel belongs to another community."""


class ActionRunner:
    """The part behind both front doors."""

    def __init__(
        self,
        client: DiscordClient,
        store: ActionStore,
        guilds: GuildDirectory,
        aaa: AAALogger,
    ) -> None:
        self.store = store
        self.guilds = guilds
        self.aaa = aaa
        self._tasks: Set[asyncio.Task] = set()
        self.ops: Dict[str, Op] = {
            "send_message": client.send_message,
            "send_embed": client.send_embed,
            "add_reaction": client.add_reaction,
            "edit_message": client.edit_message,
            "delete_message": client.delete_message,
            "manage_role": client.manage_role,
            "kick_user": client.kick_user,
            "ban_user": client.ban_user,
            "timeout_user": client.timeout_user,
        }

    async def _check_owner(self, community_id: int, params: Dict[str, Any]) -> None:
        """Raise NotYours unless guild and channel are the community's."""
        guild, channel = params.get("guild_id"), params.get("channel_id")
        if guild and not await self.guilds.owns_guild(community_id, guild):
            raise NotYours("guild")
        if channel and not await self.guilds.owns_channel(community_id, channel):
            raise NotYours("channel")
        if not guild and not channel:
            raise NotYours("no target")

    def _later(self, work: Any) -> None:
        """Run in the background; the set keeps the task alive."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for background writes."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def record_failure(
        self, community_id: int, user: str, action: str, error: str
    ) -> None:
        """History and log line for an action that did not happen."""
        ACTIONS.labels(action, "failure").inc()
        self.aaa.error(action, error, community=community_id)
        await self.store.record(
            community_id, action, {"user_id": user}, False, error[:500]
        )

    async def run(
        self, action: str, community_id: int, user: str, raw: Any
    ) -> Dict[str, Any]:
        """Run one action for a community."""
        op = self.ops.get(action)
        if op is None:
            raise UnknownAction(action)
        params = validate_input(raw, SCHEMAS.get(action, {}))
        await self._check_owner(community_id, params)
        started = time.monotonic()
        try:
            result = await op(params)
        except DiscordError as exc:
            await self.record_failure(community_id, user, action, str(exc))
            raise
        except Exception:
            self.aaa.log.exception("action %s failed", action)
            ACTIONS.labels(action, "crash").inc()
            raise
        SECONDS.labels(action).observe(time.monotonic() - started)
        ACTIONS.labels(action, "success").inc()
        self._later(self.store.record(community_id, action, params, True))
        self.aaa.audit(action, community=community_id, user=user)
        return result
