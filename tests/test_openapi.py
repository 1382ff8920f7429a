"""openapi.yaml describes exactly what a module answers."""

import re
from typing import Any

import pytest
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from tests.rendering import AWKWARD, CASES, HOSTILE, Case, every_case

METHODS = {"get", "post", "put", "patch", "delete"}
BUILT_IN = {
    ("GET", "/health"),
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/api/v1/status"),
}


def operations(case: Case) -> dict[tuple[str, str], dict[str, Any]]:
    """The operations of a description, by method and path."""
    document = case.yaml("openapi.yaml")
    return {
        (method.upper(), url): operation
        for url, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


@every_case
def test_the_description_is_openapi(case: Case) -> None:
    """It is valid OpenAPI 3.1, and every reference leads somewhere."""
    document = case.yaml("openapi.yaml")

    validate(document)
    assert document["openapi"].startswith("3.1.")
    for reference in re.findall(r'\$ref: "#/(.+?)"', case.files["openapi.yaml"]):
        place = document
        for key in reference.split("/"):
            place = place[key]


def test_the_validator_can_fail() -> None:
    """A response without a description is found."""
    document = CASES[0].yaml("openapi.yaml")
    document["paths"]["/health"]["get"]["responses"]["200"] = {"content": 1}

    with pytest.raises(OpenAPIValidationError):
        validate(document)


@every_case
def test_it_describes_every_route_and_no_other(case: Case) -> None:
    """Built-in ones, endpoints and webhooks; a WebSocket is none of HTTP's."""
    wanted = {
        (e["method"], e["path"])
        for e in case.module["endpoints"]
        if e["method"] != "WEBSOCKET"
    }
    for feature in case.module["features"]:
        for hook in feature["webhooks"]:
            wanted.add(("POST", hook["path"]))
            if hook["verifier"] == "youtube_websub":
                wanted.add(("GET", hook["path"]))

    assert wanted | BUILT_IN == set(operations(case))


@every_case
def test_each_operation_is_named_once(case: Case) -> None:
    """Operation ids are texts, and unique."""
    names = [operation["operationId"] for operation in operations(case).values()]

    assert all(isinstance(name, str) for name in names)
    assert len(names) == len(set(names))


@every_case
def test_each_operation_says_who_may_call_it(case: Case) -> None:
    """A role and the community's header, or an empty security for the public ones."""
    by_route = {(e["method"], e["path"]): e for e in case.module["endpoints"]}

    for route, operation in operations(case).items():
        rules = operation["x-waddlebot"]
        assert rules["public"] == (operation.get("security") == [])
        if route not in by_route:
            continue
        endpoint = by_route[route]
        headers = [each.get("$ref", "") for each in operation.get("parameters", ())]
        named = "#/components/parameters/Community" in headers
        assert rules["role"] == endpoint["role"]
        assert rules["public"] == (endpoint["public"] is not None)
        assert rules["community"] == endpoint["community"] == named
        assert rules["action"] == endpoint["function"]
        assert rules["unfinished"] == endpoint["unfinished"]
        limit = endpoint["rate_limit"]
        assert rules["rate_limit"] == {
            "max_requests": limit["max_requests"],
            "window": limit["window_seconds"],
            "on_failure": limit["on_failure"],
        }
    schemes = case.yaml("openapi.yaml")["components"]["securitySchemes"]
    assert [{"type": "apiKey", "in": "header", "name": "X-API-Key"}] == list(
        schemes.values()
    )


@every_case
def test_each_operation_lists_the_statuses_it_can_give(case: Case) -> None:
    """No status a caller may meet is missing, and each is the platform's envelope."""
    for endpoint in case.module["endpoints"]:
        if endpoint["method"] == "WEBSOCKET":
            continue
        operation = operations(case)[(endpoint["method"], endpoint["path"])]
        found = {int(status) for status in operation["responses"]}
        right = 302 if endpoint["produces"] == "redirect" else 200
        wanted = {right, 400, 429, 500, 503}
        wanted |= set() if endpoint["public"] else {401, 403}
        wanted |= {408, 413, 415} if endpoint["has_body"] else set()
        wanted |= {404} if endpoint["path_params"] else set()
        wanted |= {409, 422} if endpoint["idempotent"] else set()
        wanted |= {501} if endpoint["unfinished"] else set()

        assert wanted <= found <= wanted | {404, 408, 409, 413}
        assert (501 in found) == endpoint["unfinished"]
    responses = case.yaml("openapi.yaml")["components"]["responses"]
    envelope = {"$ref": "#/components/schemas/Error"}
    for response in responses.values():
        assert response["content"]["application/json"]["schema"] == envelope


def _matches(schema: dict[str, Any], value: Any) -> None:
    """Hold a value against a schema, references left aside."""
    import jsonschema

    jsonschema.Draft202012Validator(schema).validate(value)


@every_case
def test_examples_are_right(case: Case) -> None:
    """The example of each body and each parameter fits its own schema."""
    document = case.yaml("openapi.yaml")
    for operation in operations(case).values():
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            media = content["application/json"]
            schema = {**media["schema"], "components": document["components"]}
            _matches(schema, media["example"])
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                _matches(parameter["schema"], parameter["example"])


@every_case
def test_answers_describe_the_rows_they_show(case: Case) -> None:
    """A table's columns are named, but never those that are encrypted."""
    schemas = case.yaml("openapi.yaml")["components"]["schemas"]

    for table in case.spec.tables:
        shown = set(schemas[f"{table.class_name}Row"]["properties"])
        hidden = {column.name for column in table.columns if column.encrypted}
        added = {"id"}
        added |= {"community_id"} if table.community_scoped else set()
        added |= {"created_at", "updated_at"} if table.timestamps else set()
        columns = {column.name for column in table.columns}
        assert shown == (columns - hidden) | added


def test_hostile_texts_arrive_unchanged() -> None:
    """Titles, descriptions, choices and bounds mean what the spec says."""
    case = Case(AWKWARD)
    document = case.yaml("openapi.yaml")
    action = document["paths"]["/api/v1/action/no"]["post"]
    body = action["requestBody"]["content"]["application/json"]["schema"]
    params = body["properties"]["params"]["properties"]

    assert document["info"]["title"] == HOSTILE
    assert document["info"]["description"] == HOSTILE * 200
    assert document["tags"] == [{"name": "yes", "description": HOSTILE}]
    assert action["description"] == HOSTILE
    assert params["y"]["description"] == HOSTILE
    assert (params["y"]["minimum"], params["y"]["maximum"]) == (1e-7, 1e16)
    assert params["n"]["enum"] == [HOSTILE, "off"]
