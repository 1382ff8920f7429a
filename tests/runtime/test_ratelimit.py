"""A rendered module without its Redis: what it still answers, and what it refuses."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.helpers import build_tree

SPEC = """\
id: limits
title: A module with two rate limits
description: One goes on without Redis.
category: action
port: 8100
dependencies: {postgres: required, redis: required}
features:
  - id: words
    description: Words.
    actions:
      - id: cheap
        description: Costs nothing.
        rate_limit: {max_requests: 2, window_seconds: 60}
      - id: dear
        description: Costs money.
        rate_limit: {max_requests: 2, window_seconds: 60, on_failure: refuse}
"""
TESTS = '''\
"""Both actions, over a socket, with Redis refused."""

import aiohttp

BODY = {"user_id": "discord:1", "params": {}}


async def answers(live_url, given, action):
    async with aiohttp.ClientSession(live_url, headers=given) as session:
        found = []
        for _ in range(3):
            sent = session.post(f"/api/v1/action/{action}", json=BODY)
            async with sent as answer:
                found.append((answer.status, answer.headers.get("Retry-After")))
        return found


async def test_local(live_url, headers, redis_down):
    found = await answers(live_url, await headers(), "cheap")
    assert [status for status, _ in found] == [501, 501, 429]


async def test_refuse(live_url, headers, redis_down):
    found = await answers(live_url, await headers(), "dear")
    assert found == [(503, "5")] * 3


async def test_refuse_with_redis(live_url, headers):
    found = await answers(live_url, await headers(), "dear")
    assert [status for status, _ in found] == [501, 501, 429]
'''


def test_each_limit_does_as_its_spec_says(tmp_path: Path) -> None:
    """`local` counts in the replica, `refuse` answers 503 and says when to come back."""
    build_tree(tmp_path, {"module_specs/limits.yaml": SPEC})
    words = [sys.executable, "-m", "waddlegen", "-C", str(tmp_path), "new", "limits"]
    subprocess.run(words, check=True, capture_output=True)
    folder = tmp_path / "generated" / "limits"
    (folder / "tests" / "test_mine.py").write_text(TESTS, "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider"]
        + ["-p", "no:xdist", "tests/test_mine.py"]
        + ["tests/test_contract.py::test_what_cannot_be_counted_is_503"],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder.parent / "libs")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    results = re.findall(r"^(PASSED|FAILED|ERROR) \S+::(\w+)", done.stdout, re.M)

    assert {
        ("PASSED", "test_local"),
        ("PASSED", "test_refuse"),
        ("PASSED", "test_refuse_with_redis"),
        ("PASSED", "test_what_cannot_be_counted_is_503"),
    } == set(results), done.stdout[-6000:]
