"""Google Cloud Functions (second generation)."""

from typing import Any, Dict, List

from services.pool import run_blocking
from settings import settings


class GcpProvider:
    """Lists functions; invocation goes through their HTTP trigger."""

    def _list(self) -> List[Dict[str, Any]]:
        """Blocking part."""
        from google.cloud import functions_v2

        client = functions_v2.FunctionServiceClient()
        parent = f"projects/{settings.gcp_project}/locations/{settings.gcp_region}"
        found = client.list_functions(parent=parent, timeout=20)
        return [{"name": f.name, "url": f.service_config.uri} for f in found]

    async def functions(self) -> List[Dict[str, Any]]:
        """Functions of the project, none if no project is set."""
        if not settings.gcp_project:
            return []
        return await run_blocking(self._list)
