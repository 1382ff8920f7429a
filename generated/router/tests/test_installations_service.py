"""The feature installations: each community decides for itself."""

from typing import Any

import pytest
from flask_core.context import community_scope
from flask_core.resources import Resources
from flask_core.testing.rows import OTHER_COMMUNITY

from models import RegisteredModule
from services.installations_service import InstallationsService

TOGGLE = "/api/v1/action/toggle_module"


def toggle(enabled: bool, module_id: str = "ai-interaction") -> dict[str, object]:
    """The body of toggle_module."""
    params = {"module_id": module_id, "enabled": enabled}
    return {"user_id": "discord:1", "params": params}


@pytest.fixture
async def uses(resources: Resources, rows: Any) -> Any:
    """Whether a community uses the module; a function."""
    await rows(RegisteredModule, name="ai-interaction")

    async def ask(community: int) -> bool:
        """Ask for one community."""
        with community_scope(community):
            return await InstallationsService(resources).uses("ai-interaction")

    return ask


async def test_a_module_is_in_use_until_a_community_says_no(
    client: Any, headers: Any, uses: Any
) -> None:
    """And no other community is touched by that."""
    caller = await headers(role="admin")
    community = int(caller["X-Community-ID"])
    assert await uses(community)

    for enabled in (False, False, True, False):
        response = await client.post(TOGGLE, json=toggle(enabled), headers=caller)

        assert 200 == response.status_code
        assert enabled is (await response.get_json())["result"]["is_enabled"]
        assert enabled is await uses(community)
        assert await uses(OTHER_COMMUNITY)


async def test_a_module_that_never_registered_is_not_found(
    client: Any, headers: Any
) -> None:
    """404: there is nothing to switch."""
    response = await client.post(
        TOGGLE, json=toggle(True, "nobody"), headers=await headers(role="admin")
    )

    assert 404 == response.status_code


async def test_only_an_admin_may_switch(client: Any, headers: Any) -> None:
    """403 for everybody else."""
    response = await client.post(
        TOGGLE, json=toggle(False), headers=await headers(role="action")
    )

    assert 403 == response.status_code
