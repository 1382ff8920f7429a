# Rendered by waddlegen from module_specs/router.yaml and templates/module/tests/test_benchmark.py.jinja; edits are merged on update.
"""What the platform's layers cost, as a ratio against a bare Quart handler in the same run."""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from quart import Quart

ROUNDS = 7
CALLS = 50
AT_MOST = 8.0

pytestmark = pytest.mark.benchmark


async def seconds(call: Callable[[], Awaitable[Any]]) -> float:
    """CPU seconds of many calls."""
    start = time.process_time()
    for _ in range(CALLS):
        await call()
    return time.process_time() - start


async def test_liveness_costs_little_more_than_a_bare_handler(client: Any) -> None:
    """Correlation id, metrics and headers stay within a small multiple of Quart itself."""
    bare = Quart("bare")

    @bare.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "healthy"}

    peer = bare.test_client()
    ratios = [
        await seconds(lambda: client.get("/healthz"))
        / await seconds(lambda: peer.get("/healthz"))
        for _ in range(ROUNDS)
    ]

    assert statistics.median(ratios) < AT_MOST
