"""The servers whose models answer."""

import time

from flask_core.datamodels import Call, Result
from flask_core.errors import ApiError
from flask_core.resources import Resources

from models import ListModelsParams, TestProviderParams
from services.configuration_service import ConfigurationService
from services.external_api import provider


class ProvidersService:
    """Business logic of the feature providers."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def test_provider(self, call: Call, params: TestProviderParams) -> Result:
        """Say whether the community's provider can be reached and has its model."""
        chosen = await ConfigurationService(self.resources).effective()
        started = time.perf_counter()
        found: tuple[str, ...] | None
        try:
            found = await provider(self.resources, chosen.provider).models()
        except ApiError:
            found = None
        return {
            "provider": chosen.provider,
            "model": chosen.model,
            "available": found is not None,
            "model_available": _has(found or (), chosen.model),
            "latency_ms": round((time.perf_counter() - started) * 1000),
        }

    async def list_models(self, call: Call, params: ListModelsParams) -> Result:
        """List the models of the community's provider."""
        chosen = await ConfigurationService(self.resources).effective()
        found = await provider(self.resources, chosen.provider).models()
        return {
            "provider": chosen.provider,
            "model": chosen.model,
            "models": list(found),
        }


def _has(found: tuple[str, ...], model: str) -> bool:
    """Whether a model is there; Ollama reads a name without a tag as `name:latest`."""
    return model in found or f"{model}:latest" in found
