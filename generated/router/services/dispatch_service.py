"""From what happens on a platform to the module that deals with it."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from flask_core.context import current_community
from flask_core.datamodels import Call, Event, Result
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.logging import log_authz_event, log_system
from flask_core.outbound import UpstreamRefused
from flask_core.resources import Resources
from pydantic import ValidationError

from config import settings
from models import (
    DispatchEventParams,
    RegisteredModule,
    RouteEventParams,
    RouteEventsParams,
)
from services.commands_service import CommandsService, KnownCommand
from services.installations_service import InstallationsService
from services.responses_service import ResponsesService
from services.targets import target

AT_ONCE = 10
RATE_WINDOW_SECONDS = 60
LEVELS = ("everyone", "member", "moderator", "admin", "owner")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a module made of a command."""

    success: bool
    response: Mapping[str, Any]


class DispatchService:
    """Business logic of the feature dispatch."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def dispatch_event(self, call: Call, params: DispatchEventParams) -> Result:
        """Deal with one event, as another module hands it over."""
        return await self._dispatch(_read(params.event, "params.event"))

    async def route_event(self, call: Call, params: RouteEventParams) -> Result:
        """Deal with one event of a platform."""
        return await self._dispatch(params)

    async def route_events(self, call: Call, params: RouteEventsParams) -> Result:
        """Deal with up to a hundred events of one community at once."""
        events = [
            _read(event, f"events.{index}") for index, event in enumerate(params.events)
        ]
        return {"results": await self._dispatch_all(events)}

    async def on_event_inbound(self, event: Event) -> None:
        """Carry out the command in an event; tried again while a module is down."""
        if event.community_id is None:
            log_system("event_ignored", "success", reason="no_community")
            return
        known = {
            name: value
            for name, value in event.payload.items()
            if name in RouteEventParams.model_fields
        }
        try:
            inbound = _read({"event_id": event.id, **known}, "event")
        except ApiError:
            log_system("event_ignored", "success", reason="malformed_event")
            return
        await self._dispatch(inbound)

    async def _dispatch_all(
        self, events: Sequence[RouteEventParams]
    ) -> list[dict[str, object]]:
        """Deal with events a few at a time; one that fails does not stop the others."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(event: RouteEventParams) -> dict[str, object]:
            """Deal with one event when it is its turn."""
            async with turn:
                try:
                    return await self._dispatch(event)
                except ApiError as error:
                    return _refused(error.error)

        return await asyncio.gather(*(one(event) for event in events))

    async def _dispatch(self, event: RouteEventParams) -> dict[str, object]:
        """Find the module an event is for, and have it act."""
        word, words = _command_of(event)
        command = await CommandsService(self.resources).find(word) if word else None
        if command is None:
            return _refused("unknown_command" if word else "no_command")
        reason = await self._reason_against(event, command)
        if reason is not None:
            return _refused(reason)
        module = await self.resources.db.get(
            RegisteredModule, name=command.module_id, is_active=True
        )
        if module is None:
            return _refused("module_not_registered")
        return await self._carry_out(event, command, module, words)

    async def _reason_against(
        self, event: RouteEventParams, command: KnownCommand
    ) -> str | None:
        """Why a user may not give a command here and now, or None."""
        if LEVELS.index(event.user_role) < LEVELS.index(command.permission_level):
            log_authz_event(
                current_community(),
                event.user_id,
                command.command,
                "denied",
                reason="insufficient_role",
            )
            return "insufficient_role"
        if not await InstallationsService(self.resources).uses(command.module_id):
            return "module_disabled"
        if await self._is_too_often(event, command):
            return "rate_limited"
        return None

    async def _is_too_often(
        self, event: RouteEventParams, command: KnownCommand
    ) -> bool:
        """Whether a user gives commands, or this one, more often than is allowed."""
        user = f"{current_community()}:{event.user_id}"
        limiter = self.resources.limiter
        count, _ = await limiter.hit(f"router:{user}", RATE_WINDOW_SECONDS)
        if count > settings().router_default_rate_limit:
            return True
        if command.cooldown_seconds == 0:
            return False
        return not await self._claims(f"{user}:{command.command}", event, command)

    async def _claims(
        self, user: str, event: RouteEventParams, command: KnownCommand
    ) -> bool:
        """Whether a user may give a command now, which begins its cooldown.

        An event that is tried again finds its own claim, and may.
        """
        key = f"waddlebot:router:cooldown:{user}"
        claim = (event.event_id or secrets.token_hex(16)).encode()
        seconds, redis = command.cooldown_seconds, self.resources.redis
        if await redis.do("SET", key, claim, "NX", "EX", seconds):
            return True
        return bool(await redis.do("GET", key) == claim)

    async def _carry_out(
        self,
        event: RouteEventParams,
        command: KnownCommand,
        module: RegisteredModule,
        words: str,
    ) -> dict[str, object]:
        """Call the action, keep its answer for who asked, and publish it."""
        session_id = secrets.token_hex(16)
        asked = event.model_dump(include={"user_id", "platform", "channel"})
        responses = ResponsesService(self.resources)
        await responses.open(session_id, asked)
        outcome = await self._call(event, command, module, words, session_id)
        await responses.deliver(session_id, asked, outcome.response)
        facts = {
            "session_id": session_id,
            "module_id": command.module_id,
            "action_id": command.action_id,
            "success": outcome.success,
        }
        await self.resources.events.enqueue(
            "command.dispatched",
            {
                **facts,
                "command": command.command,
                "user_id": event.user_id,
                "platform": event.platform,
            },
        )
        return {"dispatched": True, **facts, "response": outcome.response}

    async def _call(
        self,
        event: RouteEventParams,
        command: KnownCommand,
        module: RegisteredModule,
        words: str,
        session_id: str,
    ) -> Outcome:
        """Call `POST /api/v1/action/<id>` of a module; raises DependencyUnavailable."""
        client = target(self.resources, module, settings().router_request_timeout)
        key = settings().router_module_api_key.get_secret_value()
        headers = {"X-API-Key": key, "X-Community-ID": str(current_community())}
        if event.event_id:
            # A module asked again for the same event does not act twice.
            headers["Idempotency-Key"] = event.event_id
        context = {
            "platform": event.platform,
            "channel": event.channel,
            "session_id": session_id,
        }
        try:
            answer = await client.request_json(
                "POST",
                f"/api/v1/action/{quote(command.action_id, safe='')}",
                json={
                    "user_id": event.user_id,
                    "context": {k: v for k, v in context.items() if v is not None},
                    "params": _params(command.parameters, words),
                },
                headers=headers,
            )
        except UpstreamRefused as refusal:
            return _refusal(command, refusal)
        match answer:
            case {"success": True, "result": dict(result)}:
                return Outcome(True, result)
        raise DependencyUnavailable(command.module_id)


def _read(event: Mapping[str, Any], where: str) -> RouteEventParams:
    """An event that was handed over as an object; raises 400 that names its fields."""
    try:
        return RouteEventParams.model_validate(event)
    except ValidationError as error:
        fields = [
            {
                "field": ".".join(map(str, (where, *each["loc"]))),
                "message": each["msg"],
            }
            for each in error.errors(include_url=False, include_input=False)[:20]
        ]
        message = f"{fields[0]['field']}: {fields[0]['message']}"
        raise ApiError(400, "invalid_input", message, fields=fields) from None


def _command_of(event: RouteEventParams) -> tuple[str, str]:
    """The command word of an event, small and unprefixed, and what follows it.

    A slash command comes without a prefix; a chat message is a command by its prefix.
    """
    said, prefix = (event.message or "").strip(), settings().router_command_prefix
    if event.type == "slashCommand":
        said = said.removeprefix("/")
    elif event.type == "chatMessage" and said.startswith(prefix):
        said = said.removeprefix(prefix)
    else:
        return "", ""
    word, _, words = said.partition(" ")
    return word.lower()[:100], words.strip()


def _params(names: Sequence[str], words: str) -> dict[str, str]:
    """Fill an action's parameters with words; the last takes all that is left."""
    values = words.split(None, len(names) - 1) if names else []
    return dict(zip(names, values))


def _refused(reason: str) -> dict[str, object]:
    """The answer where no module was called."""
    return {"dispatched": False, "reason": reason}


def _refusal(command: KnownCommand, refusal: UpstreamRefused) -> Outcome:
    """What a module said no with: its own code and message, for who asked to read."""
    if refusal.status_code in (401, 403, 404, 405):
        # The fault is between router and module, and not for the user to read.
        raise DependencyUnavailable(command.module_id) from None
    try:
        body = orjson.loads(refusal.body)
    except orjson.JSONDecodeError:
        body = None
    match body:
        case {"error": str(code), "message": str(message)}:
            return Outcome(False, {"error": code, "message": message})
    return Outcome(False, {"error": "invalid_input", "message": "this did not work"})
