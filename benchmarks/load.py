"""Send one POST again and again over kept connections, and count what comes back.

Written on bare sockets, so that one core of load keeps a server's core busy.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Load:
    """What was answered: requests, wrong answers, seconds, and latencies in seconds."""

    requests: int
    wrong: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Connection(asyncio.Protocol):
    """One connection with one request under way."""

    def __init__(self, request: bytes, latencies: list[float]) -> None:
        """Send `request` again and again, and note how long each answer took."""
        self.request = request
        self.latencies = latencies
        self.wrong = 0
        self.stopping = False
        self.closed = asyncio.get_running_loop().create_future()
        self._received = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._send()

    def _send(self) -> None:
        """The next request."""
        self._sent = time.perf_counter()
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Count an answer once it is whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        length = int(lower[start : lower.find(b"\r", start) % (len(lower) + 1)])
        if len(body) < length:
            return
        self.latencies.append(time.perf_counter() - self._sent)
        self.wrong += not head.startswith(b"HTTP/1.1 200 ")
        self._received = b""
        if self.stopping:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """The end of it, or the server's."""
        self.wrong += not self.stopping
        self.closed.set_result(None)


async def load(port: int, request: bytes, connections: int, seconds: float) -> Load:
    """Keep a server busy for a while."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    started = time.perf_counter()
    made = [
        (
            await loop.create_connection(
                lambda: Connection(request, latencies), "127.0.0.1", port
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    for connection in made:
        connection.stopping = True
    async with asyncio.timeout(30):
        await asyncio.gather(*(connection.closed for connection in made))
    taken = time.perf_counter() - started
    latencies.sort()
    count = len(latencies)
    wrong = sum(connection.wrong for connection in made)
    p50, p99 = latencies[count // 2], latencies[count * 99 // 100]
    return Load(count, wrong, taken, p50, p99)


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as it travels."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def main() -> None:
    """Read the task as JSON from stdin, and print the outcome as JSON."""
    import uvloop

    task = json.load(sys.stdin)
    request = post(task["path"], task["body"].encode(), task["headers"])
    outcome = uvloop.run(
        load(task["port"], request, task["connections"], task["seconds"])
    )
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
