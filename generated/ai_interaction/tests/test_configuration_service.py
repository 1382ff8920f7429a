"""The feature configuration: what a community chooses holds for it alone."""

from typing import Any

import pytest
from flask_core.testing.rows import OTHER_COMMUNITY

SET = "/api/v1/action/set_config"
DEFAULTS: tuple[object, ...] = ("ollama", "llama3.2", 0.7, 500, [])


def choose(**params: object) -> dict[str, object]:
    """The body of set_config."""
    return {"user_id": "discord:1", "params": params}


async def shown(client: Any, headers: Any, **whose: Any) -> tuple[object, ...]:
    """What holds for a community, by the route."""
    response = await client.get(
        "/api/v1/ai/config", headers=await headers(role="user", **whose)
    )
    result = (await response.get_json())["result"]
    names = ("provider", "model", "temperature", "max_tokens", "overrides")
    return tuple(result[name] for name in names)


async def test_the_environment_holds_until_a_community_chooses(
    client: Any, headers: Any
) -> None:
    """What is not chosen keeps following the environment."""
    assert DEFAULTS == await shown(client, headers)

    response = await client.post(
        SET,
        json=choose(temperature=0, max_tokens=80),
        headers=await headers(role="admin"),
    )

    assert 200 == response.status_code
    chosen = ("ollama", "llama3.2", 0, 80, ["max_tokens", "temperature"])
    assert chosen == await shown(client, headers)


async def test_a_choice_holds_for_its_community_alone(
    client: Any, headers: Any
) -> None:
    """Another community sees nothing of it."""
    await client.post(
        SET, json=choose(model="tiny"), headers=await headers(role="admin")
    )

    elsewhere = {"communities": [OTHER_COMMUNITY], "community": OTHER_COMMUNITY}
    assert DEFAULTS == await shown(client, headers, **elsewhere)
    assert "tiny" == (await shown(client, headers))[1]


async def test_a_choice_can_be_changed_and_taken_back(
    client: Any, headers: Any
) -> None:
    """The last one holds; a reset forgets them all before it chooses anew."""
    caller = await headers(role="admin")
    for model in ("tiny", "small"):
        await client.post(SET, json=choose(model=model), headers=caller)
    assert "small" == (await shown(client, headers))[1]

    await client.post(SET, json=choose(reset=True, temperature=1), headers=caller)

    assert ("ollama", "llama3.2", 1, 500, ["temperature"]) == await shown(
        client, headers
    )


async def test_another_provider_needs_its_model_named(
    client: Any, headers: Any
) -> None:
    """400 and no change: a model of one kind of server is none of the other."""
    caller = await headers(role="admin")

    response = await client.post(SET, json=choose(provider="openai"), headers=caller)
    data = await response.get_json()

    assert 400 == response.status_code
    assert ["model"] == [each["field"] for each in data["fields"]]
    assert DEFAULTS == await shown(client, headers)
    both = choose(provider="openai", model="gpt-test")
    assert 200 == (await client.post(SET, json=both, headers=caller)).status_code
    assert ("openai", "gpt-test") == (await shown(client, headers))[:2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("provider", "abacus"),
        ("temperature", 2.1),
        ("max_tokens", 0),
        ("api_key", "sk-mine"),
    ],
)
async def test_a_wrong_choice_is_refused(
    client: Any, headers: Any, name: str, value: object
) -> None:
    """400 that names the parameter."""
    response = await client.post(
        SET, json=choose(**{name: value}), headers=await headers(role="admin")
    )
    data = await response.get_json()

    assert 400 == response.status_code
    assert [f"params.{name}"] == [each["field"] for each in data["fields"]]


async def test_only_an_admin_may_choose(client: Any, headers: Any) -> None:
    """403 for everybody else."""
    response = await client.post(
        SET, json=choose(model="tiny"), headers=await headers(role="action")
    )

    assert 403 == response.status_code
