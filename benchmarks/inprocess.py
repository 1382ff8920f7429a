"""Drive an ASGI application in its own process, without sockets, and tell its CPU time.

`python -m benchmarks.inprocess main:app`, the task as JSON on stdin.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from typing import Any

TASKS = 16


async def drive(app: Any, task: dict[str, Any], count: int) -> float:
    """Send `count` requests, 16 at a time; CPU seconds for each."""
    body = task["body"].encode()
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((k.lower().encode(), v.encode()) for k, v in task["headers"].items()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": task["path"],
        "raw_path": task["path"].encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def one() -> None:
        sent = False

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200, message

        await app(dict(scope), receive, send)

    async def several(times: int) -> None:
        for _ in range(times):
            await one()

    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(several(20))
    before = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(several(count // TASKS))
    return (time.process_time() - before) / (count // TASKS * TASKS)


async def measure(name: str, task: dict[str, Any]) -> float:
    """Start the application and drive it."""
    module, _, attribute = name.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    async with app.test_app():
        return await drive(app, task, task["requests"])


def main() -> None:
    """Print the CPU seconds of one request."""
    import uvloop

    print(uvloop.run(measure(sys.argv[1], json.load(sys.stdin))))


if __name__ == "__main__":
    main()
