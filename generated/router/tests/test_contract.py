# Rendered by waddlegen from module_specs/router.yaml and templates/module/tests/test_contract.py.jinja; edits are merged on update.
"""Every operation of openapi.yaml: who is let in, what is refused, and in which shape."""

from pathlib import Path
from typing import Any

import pytest
from flask_core.testing.contract import (
    Operation,
    check_answer,
    hostile_bodies,
    operations,
    send,
    with_body,
    wrong_bodies,
)

OPERATIONS = operations(Path(__file__).parent.parent / "openapi.yaml")
WITH_BODY = with_body(OPERATIONS)
WITH_COMMUNITY = [each for each in OPERATIONS if each.needs_community]
ROLES = {"trigger", "action", "core", "user"}

every = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
every_with_body = pytest.mark.parametrize("operation", WITH_BODY, ids=str)
every_with_community = pytest.mark.parametrize("operation", WITH_COMMUNITY, ids=str)


def limit_of(operation: Operation) -> int:
    """How many calls of an operation one key has in a window."""
    return int(operation.rules["rate_limit"]["max_requests"])


def test_there_are_operations() -> None:
    """The contract is not empty."""
    assert OPERATIONS


@every
async def test_a_right_call_answers_as_documented(
    client: Any, headers: Any, operation: Operation
) -> None:
    """Never a 5xx but 501 and 503, never an undocumented status."""
    response = await send(client, operation, await headers())

    await check_answer(operation, response)
    assert response.status_code not in (401, 403, 405, 413, 415, 500)
    assert (response.status_code == 501) <= bool(operation.rules["unfinished"])


@every
async def test_without_a_key_it_is_401(
    client: Any, headers: Any, operation: Operation
) -> None:
    """No key, an unknown one and an endless one are refused."""
    right = await headers()
    for key in (None, "", "unknown", "x" * 5000, "ä"):
        given = {**right, "X-API-Key": key} if key is not None else dict(right)
        if key is None:
            del given["X-API-Key"]
        response = await send(client, operation, given)

        assert response.status_code == 401
        await check_answer(operation, response)


@every
async def test_another_role_is_403(
    client: Any, headers: Any, operation: Operation
) -> None:
    """A key of any other role may not call it."""
    for role in ROLES - {operation.rules["role"]}:
        response = await send(client, operation, await headers(role=role))

        assert response.status_code == 403
        await check_answer(operation, response)


@every_with_community
async def test_another_community_is_403(
    client: Any, headers: Any, operation: Operation
) -> None:
    """A key may act for its own communities alone, even as admin."""
    response = await send(client, operation, await headers(communities=[1, 2]))

    assert response.status_code == 403
    await check_answer(operation, response)


@every_with_community
async def test_no_community_is_400(
    client: Any, headers: Any, operation: Operation
) -> None:
    """The community has to be named, as a positive number."""
    key = await headers(community=None)
    for community in (None, "", "0", "-1", "1.5", "x", "1 OR 1=1", "9" * 40):
        given = dict(key)
        if community is not None:
            given["X-Community-ID"] = community
        response = await send(client, operation, given)

        assert response.status_code == 400
        await check_answer(operation, response)


@every_with_body
async def test_a_wrong_body_is_400(
    client: Any, headers: Any, operation: Operation
) -> None:
    """Each parameter is held to its type and its bounds; the answer names the field."""
    given = await headers()
    for what, body in wrong_bodies(operation):
        response = await send(client, operation, given, json=body)

        if response.status_code == 429:
            return
        assert response.status_code == 400, what
        await check_answer(operation, response)


@every_with_body
async def test_what_is_no_json_is_refused(
    client: Any, headers: Any, operation: Operation
) -> None:
    """Malformed and endlessly nested bodies are 400, other types 415, huge ones 413."""
    given = {**await headers(), "Content-Type": "application/json"}
    for data in (b"", b"{", b"[" * 10_000, b'{"a":' * 200 + b"1" + b"}" * 200, b"\xff"):
        response = await send(client, operation, given, data=data)

        assert response.status_code == 400, data[:20]
        await check_answer(operation, response)
    plain = {**given, "Content-Type": "text/plain"}
    assert (await send(client, operation, plain, data=b"{}")).status_code == 415
    huge = b"{" + b" " * 2_000_000 + b"}"
    assert (await send(client, operation, given, data=huge)).status_code == 413


@every_with_body
async def test_hostile_texts_are_only_texts(
    client: Any, headers: Any, operation: Operation
) -> None:
    """Quotes, SQL, markup, NUL and emoji never break anything."""
    given = await headers()
    for body in hostile_bodies(operation):
        response = await send(client, operation, given, json=body)

        await check_answer(operation, response)
        assert response.status_code != 500


async def test_too_many_calls_are_429(client: Any, headers: Any) -> None:
    """The limit of the spec holds for each key, and the answer says when to come back."""
    operation = min(OPERATIONS, key=limit_of)
    given = await headers()
    for _ in range(limit_of(operation)):
        response = await send(client, operation, given)
        assert response.status_code != 429

    refused = await send(client, operation, given)
    other = await send(client, operation, await headers())

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    await check_answer(operation, refused)
    assert other.status_code != 429


async def test_unknown_paths_and_methods_have_the_envelope(client: Any) -> None:
    """404 and 405 are JSON too."""
    for method, path, status in (("GET", "/nowhere", 404), ("PUT", "/health", 405)):
        response = await client.open(path, method=method)
        body = await response.get_json()

        assert response.status_code == status == body["status"]
        assert {"error", "message", "correlation_id", "timestamp"} <= set(body)
