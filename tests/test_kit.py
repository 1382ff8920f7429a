"""What `flask_core.testing` gives to the author of a module's tests, tried as one would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import build_tree

SPEC = """\
id: kit
title: A module for trying tests
description: It has what the fixtures are for.
category: trigger
port: 8100
dependencies: {postgres: required, redis: required}
config:
  - {name: SLACK_SECRET, secret: true, description: Shared with Slack.}
tables:
  - name: notes
    model: Note
    description: Something written down.
    columns:
      - {name: label, length: 100, description: What it says.}
features:
  - id: notes
    description: Notes.
    actions:
      - id: one_by_one
        description: Read each note by itself.
        operation: {do: custom}
        params: [{name: count, type: integer, required: true, description: How many.}]
        result: [{name: found, type: integer, required: true, description: How many there were.}]
      - id: together
        description: Read the notes at once.
        operation: {do: custom}
        params: [{name: count, type: integer, required: true, description: How many.}]
        result: [{name: found, type: integer, required: true, description: How many there were.}]
      - id: by_query
        description: Read each note by a query.
        operation: {do: custom}
        params: [{name: count, type: integer, required: true, description: How many.}]
        result: [{name: found, type: integer, required: true, description: How many there were.}]
    webhooks:
      - {id: slack, path: /webhook/slack, verifier: slack_v0, secret: SLACK_SECRET, description: Slack.}
"""
SERVICE = '''\
"""Notes."""

from flask_core.datamodels import Call, Result, WebhookDelivery
from flask_core.resources import Resources

from models import ByQueryParams, Note, OneByOneParams, TogetherParams


class NotesService:
    """Business logic of the feature notes."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def one_by_one(self, call: Call, params: OneByOneParams) -> Result:
        """Read each note by itself."""
        found = [await self.resources.db.get(Note, id=n) for n in range(params.count)]
        return {"found": sum(row is not None for row in found)}

    async def together(self, call: Call, params: TogetherParams) -> Result:
        """Read the notes at once."""
        rows = await self.resources.db.query(Note, Note.id.in_(range(params.count)))
        return {"found": len(rows)}

    async def by_query(self, call: Call, params: ByQueryParams) -> Result:
        """Read each note by a query."""
        found = 0
        for number in range(params.count):
            found += len(await self.resources.db.query(Note, Note.id == number))
        return {"found": found}

    async def slack(self, delivery: WebhookDelivery) -> None:
        """Take in a delivery."""
'''
TESTS = '''\
"""Each test has the three lines that its author wants to write."""

import pytest
from flask_core import auth


def ask(action, count):
    return {
        "path": f"/api/v1/action/{action}",
        "json": {"user_id": "discord:1", "params": {"count": count}},
    }


@pytest.mark.parametrize("action", ["one_by_one", "by_query", "together"])
@pytest.mark.parametrize("count", [5, 6])
async def test_reading(client, headers, action, count):
    answer = await client.post(**ask(action, count), headers=await headers())
    assert answer.status_code == 200


@pytest.mark.repeats(6)
async def test_allowed(client, headers):
    answer = await client.post(**ask("one_by_one", 6), headers=await headers())
    assert answer.status_code == 200


async def test_two_requests(client, headers):
    for _ in range(2):
        answer = await client.post(**ask("by_query", 4), headers=await headers())
        assert answer.status_code == 200


async def test_slack(client, signer):
    delivery = signer("slack_v0", "SLACK_SECRET").delivery({"type": "message"})
    answer = await client.post("/webhook/slack", **delivery)
    assert answer.status_code == 200


async def test_an_old_delivery(client, signer, clock):
    delivery = signer("slack_v0", "SLACK_SECRET").delivery({"type": "message"})
    clock.shift(301)
    assert (await client.post("/webhook/slack", **delivery)).status_code == 401


async def test_a_token_expires(clock):
    token = auth.create_jwt("discord:1", ["user"], [1001], "s" * 32, 3600, "kit")
    assert auth.verify_jwt(token, "s" * 32, "kit")
    clock.shift(3600 + 60)
    assert auth.verify_jwt(token, "s" * 32, "kit") is None


async def test_the_cache_forgets(resources, clock, redis_down):
    loads = []

    async def load():
        loads.append(1)
        return b"x"

    await resources.cache.get("k", load)
    await resources.cache.get("k", load)
    assert len(loads) == 1
    clock.shift(61)
    await resources.cache.get("k", load)
    assert len(loads) == 2


async def test_the_router_is_told(router, resources):
    body = (await router.wait_for(1))[0]
    assert body["module_id"] == "kit"
'''
EXPECTED = {
    "test_reading[5-one_by_one]": "PASSED",
    "test_reading[5-by_query]": "PASSED",
    "test_reading[5-together]": "PASSED",
    "test_reading[6-one_by_one]": "ERROR",
    "test_reading[6-by_query]": "ERROR",
    "test_reading[6-together]": "PASSED",
    "test_allowed": "PASSED",
    "test_two_requests": "PASSED",
    "test_slack": "PASSED",
    "test_an_old_delivery": "PASSED",
    "test_a_token_expires": "PASSED",
    "test_the_cache_forgets": "PASSED",
    "test_the_router_is_told": "PASSED",
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints of a test file that somebody wrote for a rendered module."""
    root = tmp_path_factory.mktemp("kit")
    files = {
        "module_specs/kit.yaml": SPEC,
        "module_specs/kit/services/notes_service.py": SERVICE,
    }
    build_tree(root, files)
    words = [sys.executable, "-m", "waddlegen", "-C", str(root), "new", "kit"]
    subprocess.run(words, check=True, capture_output=True)
    folder = root / "generated" / "kit"
    (folder / "tests" / "test_mine.py").write_text(TESTS, "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider"]
        + ["-p", "no:xdist", "tests/test_mine.py", "tests/test_integration.py"],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder.parent / "libs")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


def test_each_fixture_does_what_it_says(outcome: str) -> None:
    """The request that repeats a statement six times fails, whichever way it reads."""
    lines = re.findall(r"^(PASSED|FAILED|ERROR) (tests/\S+?)::(\S+)", outcome, re.M)
    worst: dict[str, str] = {}
    for result, path, name in lines:
        if path.endswith("test_mine.py") and worst.get(name) in (None, "PASSED"):
            worst[name] = result

    assert EXPECTED == worst, outcome[-6000:]


def test_the_message_names_the_request_and_the_statement(outcome: str) -> None:
    """So that it is found at once."""
    line = r"an N\+1 query: /api/v1/action/one_by_one executed 6 times: SELECT notes"
    assert re.search(line, outcome), outcome[-4000:]


def test_the_rendered_tests_pass(outcome: str) -> None:
    """Those of the webhook and of the registration are among them."""
    rendered = re.findall(r"^(\w+) tests/test_integration.py::(\w+)", outcome, re.M)

    assert {"PASSED"} == {result for result, _ in rendered}
    assert {
        "test_it_registers_at_the_router",
        "test_a_webhook_believes_only_its_platform",
    } <= {name for _, name in rendered}
