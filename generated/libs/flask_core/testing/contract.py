"""Hold a running module to its openapi.yaml: each operation, each way to be refused.

A module's test_contract.py turns `operations` into cases and calls the checks below.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_CODE = re.compile(r"[a-z]+(_[a-z]+)*")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ENVELOPE = {"error", "message", "status", "correlation_id", "timestamp"}
HOSTILE = (
    "'; DROP TABLE api_keys; --",
    '"><script>alert(1)</script>',
    "{{7*7}} ${7*7} %s %n",
    "../../etc/passwd",
    "🦆\u202e\u2028",
    "\ufeff",
    "nul\x00nul",
    "",
    "x" * 5000,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an openapi.yaml, and how it is called rightly."""

    method: str
    path: str
    described: dict[str, Any]
    shared: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def rules(self) -> dict[str, Any]:
        """What the platform knows of the operation beyond OpenAPI."""
        rules: dict[str, Any] = self.described.get("x-waddlebot", {})
        return rules

    @property
    def statuses(self) -> set[int]:
        """The statuses it may answer with."""
        return {int(status) for status in self.described["responses"]}

    @property
    def needs_community(self) -> bool:
        """Whether a community has to be named."""
        return bool(self.rules.get("community", True))

    @property
    def schema(self) -> dict[str, Any] | None:
        """The schema of the body's own parameters, or None without a body."""
        body = self.described.get("requestBody", {}).get("content", {})
        schema: dict[str, Any] | None = body.get("application/json", {}).get("schema")
        if schema is not None and self.rules.get("kind") == "action":
            inner: dict[str, Any] = schema["properties"]["params"]
            return inner
        return schema

    @property
    def body(self) -> dict[str, Any] | None:
        """A right body, or None where there is none."""
        body = self.described.get("requestBody", {}).get("content", {})
        example: dict[str, Any] | None = body.get("application/json", {}).get("example")
        return copy.deepcopy(example)

    @property
    def url(self) -> str:
        """The path with its parameters, and what the query string must hold."""
        path, query = self.path, []
        for parameter in self.described.get("parameters", ()):
            if parameter.get("in") == "path":
                path = path.replace(
                    f"{{{parameter['name']}}}", str(parameter["example"])
                )
            elif parameter.get("in") == "query" and parameter.get("required"):
                query.append(f"{parameter['name']}={parameter['example']}")
        return path + ("?" + "&".join(query) if query else "")

    def with_param(self, name: str, value: Any) -> dict[str, Any] | None:
        """The right body with one parameter changed."""
        body = self.body
        if body is not None:
            target = body["params"] if self.rules.get("kind") == "action" else body
            target[name] = value
        return body

    def without_param(self, name: str) -> dict[str, Any] | None:
        """The right body with one parameter left out."""
        body = self.body
        if body is not None:
            target = body["params"] if self.rules.get("kind") == "action" else body
            target.pop(name, None)
        return body


def operations(path: Path) -> list[Operation]:
    """The operations of a module that need a key, in the order of its openapi.yaml."""
    document = yaml.safe_load(path.read_text("utf-8"))
    return [
        Operation(method.upper(), url, described, document["components"])
        for url, item in document["paths"].items()
        for method, described in item.items()
        if not described["x-waddlebot"].get("public")
        and "kind" in described["x-waddlebot"]
    ]


def with_body(found: list[Operation]) -> list[Operation]:
    """Those operations that take a body."""
    return [operation for operation in found if operation.schema is not None]


def wrong_bodies(operation: Operation) -> Iterator[tuple[str, Any]]:
    """Bodies that must be refused with 400, each with what is wrong with it."""
    yield "a list", []
    yield "a text", "text"
    yield "null", None
    yield "an unknown field", operation.with_param("no_such_field_", 1)
    schema = operation.schema or {}
    for name in schema.get("required", ()):
        if name not in ("user_id", "context"):
            yield f"{name} missing", operation.without_param(name)
    for name, rule in schema.get("properties", {}).items():
        if name in ("user_id", "context"):
            continue
        yield f"{name} of another type", operation.with_param(name, _wrong(rule))
        if rule.get("type") == "string" and "maxLength" in rule:
            long = "x" * (rule["maxLength"] + 1)
            if len(long) < 500_000:
                yield f"{name} too long", operation.with_param(name, long)
        if "maximum" in rule:
            yield f"{name} too large", operation.with_param(name, rule["maximum"] + 1)


def _wrong(rule: dict[str, Any]) -> Any:
    """A value of a type the rule does not allow."""
    return "text" if rule.get("type") in ("array", "object") else {"not": "this"}


def hostile_bodies(operation: Operation) -> Iterator[dict[str, Any] | None]:
    """Bodies with a hostile text in each text parameter."""
    for name, rule in (operation.schema or {}).get("properties", {}).items():
        if rule.get("type") == "string" and name not in ("user_id", "context"):
            for text in HOSTILE:
                yield operation.with_param(name, text)


async def send(
    client: Any, operation: Operation, headers: dict[str, str], **more: Any
) -> Any:
    """Call an operation; with its right body unless `json` or `data` says otherwise."""
    if "json" not in more and "data" not in more and operation.body is not None:
        more["json"] = operation.body
    return await client.open(
        operation.url, method=operation.method, headers=headers, **more
    )


async def check_answer(operation: Operation, response: Any) -> dict[str, Any]:
    """Check that the answer is documented and an error enveloped; returns the body."""
    status = response.status_code
    assert status in operation.statuses, f"{operation}: {status} is not documented"
    identifier = response.headers.get("X-Correlation-ID", "")
    assert identifier, f"{operation}: the correlation id is missing"
    body = await response.get_json() if response.mimetype == "application/json" else {}
    if status >= 400:
        check_envelope(body, status, identifier)
    if status in (429, 503):
        assert int(response.headers["Retry-After"]) >= 1
    return dict(body)


def check_envelope(body: dict[str, Any], status: int, identifier: str) -> None:
    """An error says what the standard wants, and nothing of our insides."""
    assert set(body) - {"fields"} == ENVELOPE, body
    assert body["status"] == status and body["correlation_id"] == identifier
    assert _CODE.fullmatch(body["error"]) and body["message"]
    assert _TIMESTAMP.fullmatch(body["timestamp"])
    for each in body.get("fields", ()):
        assert set(each) == {"field", "message"}
    shown = str(body)
    for inside in ("Traceback", 'File "', "sqlalchemy", "asyncpg", "SELECT "):
        assert inside not in shown, body
