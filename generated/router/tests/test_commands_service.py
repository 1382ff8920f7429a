"""The feature commands: words kept as they are looked up, changes that hold at once."""

from typing import Any

import pytest
from flask_core.resources import Resources

from services.commands_service import CommandsService

PATH = "/api/v1/router/commands"
ASK = {
    "command": "!Ask",
    "module_id": "ai-interaction",
    "action_id": "chat",
    "parameters": "message",
}


@pytest.fixture
def service(resources: Resources) -> CommandsService:
    """The feature, on the running module's resources."""
    return CommandsService(resources)


async def create(client: Any, headers: Any, **more: object) -> Any:
    """Create a command; the answer."""
    body = {**ASK, **more}
    return await client.post(PATH, json=body, headers=await headers(role="admin"))


async def test_a_command_is_kept_small_and_without_its_prefix(
    client: Any, headers: Any, service: CommandsService
) -> None:
    """So that it is found however it is typed."""
    response = await create(client, headers)
    result = (await response.get_json())["result"]

    assert ("ask", "everyone", 0, True) == (
        result["command"],
        result["permission_level"],
        result["cooldown_seconds"],
        result["is_enabled"],
    )
    found = await service.find("ask")
    assert found is not None and ("message",) == found.parameters


async def test_a_word_stands_for_one_command(client: Any, headers: Any) -> None:
    """409 for the second."""
    assert 200 == (await create(client, headers)).status_code

    assert 409 == (await create(client, headers, command="ask")).status_code


async def test_changes_hold_at_once(
    client: Any, headers: Any, service: CommandsService
) -> None:
    """What was remembered of a command is forgotten when it changes."""
    assert await service.find("ask") is None
    identifier = (await (await create(client, headers)).get_json())["result"]["id"]
    assert await service.find("ask") is not None
    caller, path = await headers(role="admin"), f"{PATH}/{identifier}"

    await client.patch(path, json={"action_id": "test_provider"}, headers=caller)
    found = await service.find("ask")
    assert found is not None and "test_provider" == found.action_id

    await client.patch(path, json={"is_enabled": False}, headers=caller)
    assert await service.find("ask") is None

    await client.patch(
        path, json={"is_enabled": True, "command": "frage"}, headers=caller
    )
    assert await service.find("ask") is None
    assert await service.find("frage") is not None

    assert 200 == (await client.delete(path, headers=caller)).status_code
    assert await service.find("frage") is None
    assert 404 == (await client.delete(path, headers=caller)).status_code


async def test_commands_are_listed_by_what_they_are(client: Any, headers: Any) -> None:
    """Sorted by their word; every filter given must fit."""
    await create(client, headers, command="b", category="fun")
    await create(client, headers, command="a", category="fun")
    await create(client, headers, command="c", category="fun", is_enabled=False)
    await create(client, headers, command="d")

    response = await client.get(
        f"{PATH}?category=fun&is_enabled=true", headers=await headers(role="user")
    )

    items = (await response.get_json())["result"]["items"]
    assert ["a", "b"] == [item["command"] for item in items]


async def test_one_command_can_be_read(client: Any, headers: Any) -> None:
    """By its id; 404 when there is none."""
    identifier = (await (await create(client, headers)).get_json())["result"]["id"]
    caller = await headers(role="user")

    response = await client.get(f"{PATH}/{identifier}", headers=caller)

    assert "ask" == (await response.get_json())["result"]["command"]
    response = await client.get(f"{PATH}/{identifier + 1}", headers=caller)
    assert 404 == response.status_code
