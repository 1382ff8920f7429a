"""Which action each command stands for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from flask_core.datamodels import Call, Result
from flask_core.resources import Resources

from config import settings
from models import (
    Command,
    CreateCommandParams,
    DeleteCommandParams,
    GetCommandParams,
    ListCommandsParams,
    UpdateCommandParams,
)

# A command is the same for every community, and so is its place in the cache.
CACHE_KEY = "router:command:"


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """What dispatching needs to know of a command."""

    command: str
    module_id: str
    action_id: str
    parameters: tuple[str, ...]
    permission_level: str
    cooldown_seconds: int


class CommandsService:
    """Business logic of the feature commands."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def list_commands(self, call: Call, params: ListCommandsParams) -> Result:
        """List commands, page by page."""
        wanted = [
            getattr(Command, name) == value
            for name in ("module_id", "category", "is_enabled")
            if (value := getattr(params, name)) is not None
        ]
        page = await self.resources.db.page(
            Command,
            *wanted,
            order_by=Command.command,
            limit=params.limit,
            after=params.after,
        )
        return page.to_dict()

    async def create_command(self, call: Call, params: CreateCommandParams) -> Result:
        """Create one of commands."""
        values = _spelled(params.model_dump(exclude_none=True))
        row = await self.resources.db.create(Command, **values)
        await self._forget(row.command)
        return row.to_dict()

    async def get_command(self, call: Call, params: GetCommandParams) -> Result:
        """Read one command."""
        return (await self.resources.db.require(Command, id=params.id)).to_dict()

    async def update_command(self, call: Call, params: UpdateCommandParams) -> Result:
        """Change the given fields of one command."""
        before = await self.resources.db.require(Command, id=params.id)
        values = _spelled(params.model_dump(exclude={"id"}, exclude_none=True))
        row = await self.resources.db.update_one(Command, {"id": params.id}, **values)
        await self._forget(before.command, row.command)
        return row.to_dict()

    async def delete_command(self, call: Call, params: DeleteCommandParams) -> Result:
        """Delete one command."""
        before = await self.resources.db.require(Command, id=params.id)
        await self.resources.db.delete_one(Command, id=params.id)
        await self._forget(before.command)
        return {"deleted": params.id}

    async def find(self, word: str) -> KnownCommand | None:
        """The command a word stands for, or None; remembered for a while."""

        async def load() -> bytes:
            """What the table says."""
            row = await self.resources.db.get(Command, command=word, is_enabled=True)
            return orjson.dumps(None if row is None else asdict(_known(row)))

        seconds = settings().router_command_cache_ttl
        kept = await self.resources.cache.get(f"{CACHE_KEY}{word}", load, seconds)
        facts: dict[str, Any] | None = orjson.loads(kept)
        if facts is None:
            return None
        return KnownCommand(**{**facts, "parameters": tuple(facts["parameters"])})

    async def _forget(self, *words: str) -> None:
        """Look words up again the next time."""
        await self.resources.cache.invalidate(*(f"{CACHE_KEY}{word}" for word in words))


def _known(row: Command) -> KnownCommand:
    """What dispatching needs of a row."""
    return KnownCommand(
        command=row.command,
        module_id=row.module_id,
        action_id=row.action_id,
        parameters=tuple(row.parameters.split()),
        permission_level=row.permission_level,
        cooldown_seconds=row.cooldown_seconds,
    )


def _spelled(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row; the word is kept as it is looked up, unprefixed."""
    spelled = dict(values)
    if "command" in spelled:
        prefix = settings().router_command_prefix
        spelled["command"] = spelled["command"].lower().removeprefix(prefix)
    return spelled
