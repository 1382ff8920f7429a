"""Which modules a community uses."""

from collections.abc import Mapping
from typing import Any

from flask_core.datamodels import Call, Result
from flask_core.errors import ApiError
from flask_core.resources import Resources

from models import ModuleInstallation, RegisteredModule, ToggleModuleParams


class InstallationsService:
    """Business logic of the feature installations."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def toggle_module(self, call: Call, params: ToggleModuleParams) -> Result:
        """Switch a module on or off for this community."""
        await self.resources.db.require(RegisteredModule, name=params.module_id)
        values = {"is_enabled": params.enabled, "installed_by": call.user_id}
        await self._keep(params.module_id, values)
        return {"module_id": params.module_id, "is_enabled": params.enabled}

    async def uses(self, module_id: str) -> bool:
        """Whether the community uses a module; it does until it switches it off."""
        row = await self.resources.db.get(ModuleInstallation, module_id=module_id)
        return row is None or row.is_enabled

    async def _keep(self, module_id: str, values: Mapping[str, Any]) -> None:
        """Store the community's choice, in place of the one before."""
        chosen = ModuleInstallation.module_id == module_id
        database = self.resources.db
        if await database.update(ModuleInstallation, values, chosen):
            return
        try:
            await database.create(ModuleInstallation, module_id=module_id, **values)
        except ApiError as error:
            # Somebody else of the community was first.
            if error.status != 409:
                raise
            await database.update(ModuleInstallation, values, chosen)
