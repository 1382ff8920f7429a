"""What each community has chosen; what it has not comes from the environment."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from flask_core.datamodels import Call, Result
from flask_core.errors import ApiError
from flask_core.resources import Resources

from config import settings
from models import ConfigurationValue, GetConfigParams, SetConfigParams

CHOOSABLE = ("provider", "model", "temperature", "max_tokens", "system_prompt")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What holds for one community."""

    provider: str
    model: str
    temperature: float
    max_tokens: int
    system_prompt: str
    overrides: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The configuration as an answer."""
        return {**asdict(self), "overrides": list(self.overrides)}


class ConfigurationService:
    """Business logic of the feature configuration."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def set_config(self, call: Call, params: SetConfigParams) -> Result:
        """Choose provider, model and manner for this community."""
        chosen = {
            name: getattr(params, name)
            for name in CHOOSABLE
            if getattr(params, name) is not None
        }
        async with self.resources.db.transaction():
            if params.reset:
                await self._forget()
            _refuse_stale_model(await self.effective(), chosen)
            for name, value in chosen.items():
                await self._keep(name, value)
            return (await self.effective()).to_dict()

    async def get_config(self, call: Call, params: GetConfigParams) -> Result:
        """Show what holds for this community."""
        return (await self.effective()).to_dict()

    async def effective(self) -> Configuration:
        """The environment's configuration, overlaid with the community's."""
        rows = await self.resources.db.query(ConfigurationValue)
        chosen = {row.key: row.value for row in rows if row.key in CHOOSABLE}
        return replace(_defaults(), **chosen, overrides=tuple(sorted(chosen)))

    async def _forget(self) -> None:
        """Remove every choice of the community."""
        await self.resources.db.delete(
            ConfigurationValue, ConfigurationValue.key.in_(CHOOSABLE)
        )

    async def _keep(self, name: str, value: Any) -> None:
        """Store one choice, in place of the one before."""
        changed = await self.resources.db.update(
            ConfigurationValue, {"value": value}, ConfigurationValue.key == name
        )
        if not changed:
            await self.resources.db.create(ConfigurationValue, key=name, value=value)


def _defaults() -> Configuration:
    """What holds where nothing was chosen."""
    given = settings()
    return Configuration(
        provider=given.ai_provider,
        model=given.ai_model,
        temperature=given.ai_temperature,
        max_tokens=given.ai_max_tokens,
        system_prompt=given.system_prompt,
    )


def _refuse_stale_model(before: Configuration, chosen: dict[str, Any]) -> None:
    """Raise 400 when the provider changes and the model, the old one's, does not."""
    wanted = chosen.get("provider", before.provider)
    if wanted != before.provider and "model" not in chosen:
        message = f"name the model of {wanted} that shall answer"
        fields = [{"field": "model", "message": message}]
        raise ApiError(400, "invalid_input", f"model: {message}", fields=fields)
