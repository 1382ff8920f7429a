"""The contract's checks find what is wrong, and let pass what is right."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from quart import Response

from flask_core.testing.contract import (
    Operation,
    check_answer,
    hostile_bodies,
    operations,
    with_body,
    wrong_bodies,
)

DOCUMENT = """
paths:
  /health:
    get: {x-waddlebot: {public: true}, responses: {"200": {}}}
  /api/v1/action/add:
    post:
      x-waddlebot: {kind: action, role: action, community: true}
      requestBody:
        content:
          application/json:
            schema:
              properties:
                params:
                  required: [name]
                  properties:
                    name: {type: string, maxLength: 5}
                    count: {type: integer, maximum: 9}
            example: {user_id: "discord:1", params: {name: a}}
      responses: {"200": {}, "400": {}, "503": {}}
  /api/v1/things/{id}:
    get:
      x-waddlebot: {kind: route, role: action, community: false}
      parameters:
        - {name: id, in: path, example: 7}
        - {name: sort, in: query, required: true, example: up}
        - {name: limit, in: query, required: false, example: 1}
      responses: {"200": {}, "404": {}}
components: {}
"""


@pytest.fixture
def found(tmp_path: Path) -> list[Operation]:
    """The operations of the document."""
    path = tmp_path / "openapi.yaml"
    path.write_text(DOCUMENT, "utf-8")
    return operations(path)


def test_operations_are_those_that_need_a_key(found: list[Operation]) -> None:
    """With the address that calls them rightly."""
    add, thing = found

    assert ("POST /api/v1/action/add", True) == (str(add), add.needs_community)
    assert ("/api/v1/things/7?sort=up", False) == (thing.url, thing.needs_community)
    assert [add] == with_body(found)


def test_each_parameter_is_made_wrong_in_each_way(found: list[Operation]) -> None:
    """One mistake at a time; the right body stays as it is."""
    add = found[0]
    wrong = dict(wrong_bodies(add))

    assert {
        "a list": [],
        "a text": "text",
        "null": None,
        "an unknown field": {"name": "a", "no_such_field_": 1},
        "name missing": {},
        "name of another type": {"name": {"not": "this"}},
        "name too long": {"name": "x" * 6},
        "count of another type": {"name": "a", "count": {"not": "this"}},
        "count too large": {"name": "a", "count": 10},
    } == {
        what: body["params"] if isinstance(body, dict) else body
        for what, body in wrong.items()
    }
    assert {"user_id": "discord:1", "params": {"name": "a"}} == add.body


def test_hostile_texts_go_into_every_text(found: list[Operation]) -> None:
    """Quotes, markup, NUL and more."""
    texts = [str(body["params"]["name"]) for body in hostile_bodies(found[0]) if body]

    assert any("DROP" in text for text in texts) and any("\x00" in t for t in texts)


RIGHT = {
    "error": "invalid_input",
    "message": "name: too long",
    "status": 400,
    "correlation_id": "req_1",
    "timestamp": "2026-01-02T03:04:05Z",
}


def answer(body: Any, status: int = 400, **headers: str) -> Response:
    """An answer of a module."""
    given = {"X-Correlation-ID": "req_1", **headers}
    return Response(orjson.dumps(body), status, given, content_type="application/json")


@pytest.mark.parametrize(
    "response",
    [
        answer(RIGHT),
        answer({**RIGHT, "fields": [{"field": "name", "message": "too long"}]}),
        answer({"success": True}, 200),
        answer(
            {**RIGHT, "status": 503, "error": "service_unavailable"},
            503,
            **{"Retry-After": "5"},
        ),
    ],
)
async def test_a_right_answer_passes(
    found: list[Operation], response: Response
) -> None:
    """And its body comes back."""
    assert await check_answer(found[0], response)


@pytest.mark.parametrize(
    "response",
    [
        answer(RIGHT, 404),
        answer({**RIGHT, "status": 500}),
        answer({**RIGHT, "correlation_id": "req_2"}),
        answer({**RIGHT, "timestamp": "yesterday"}),
        answer({**RIGHT, "error": "Bad Request"}),
        answer({**RIGHT, "message": ""}),
        answer({**RIGHT, "detail": "more"}),
        answer({**RIGHT, "fields": [{"loc": "name"}]}),
        answer({**RIGHT, "message": 'File "/app/main.py", line 1'}),
        answer({**RIGHT, "message": "sqlalchemy.exc.DBAPIError"}),
        answer({"error": "invalid_input"}),
        answer({"success": True}, 200, **{"X-Correlation-ID": ""}),
        Response("<h1>Bad Request</h1>", 400, {"X-Correlation-ID": "req_1"}),
    ],
    ids=[
        *("undocumented", "other status", "other id", "timestamp", "code", "message"),
        *("more fields", "other fields", "traceback", "driver", "too little", "no id"),
        "html",
    ],
)
async def test_a_wrong_answer_is_found(
    found: list[Operation], response: Response
) -> None:
    """Each deviation from the standard's envelope by itself."""
    with pytest.raises(AssertionError):
        await check_answer(found[0], response)


async def test_unavailable_has_to_say_when_to_come_back(
    found: list[Operation],
) -> None:
    """503 and 429 carry Retry-After."""
    body = {**RIGHT, "status": 503, "error": "service_unavailable"}
    with pytest.raises(KeyError):
        await check_answer(found[0], answer(body, 503))
