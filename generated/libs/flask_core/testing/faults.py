"""A TCP proxy on loopback that refuses, hangs, slows or resets what goes through it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from enum import StrEnum
from types import TracebackType


class Mode(StrEnum):
    """What happens to connections."""

    OK = "ok"
    REFUSE = "refuse"
    HANG = "hang"


class FaultProxy:
    """Stands before one server; mode, delay and rate may change at any time."""

    def __init__(self, host: str, port: int) -> None:
        """A proxy before this server; connect to `port` once it is started."""
        self.upstream = (host, port)
        self.mode = Mode.OK
        self.delay_seconds = 0.0
        self.jitter_seconds = 0.0
        self.bytes_per_second: float | None = None
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FaultProxy:
        """Start."""
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> FaultProxy:
        """Listen on a free port; returns itself."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def refuse(self) -> None:
        """Break every connection and take no new one."""
        self.mode = Mode.REFUSE
        self.reset()

    def hang(self) -> None:
        """Keep every connection and say nothing any more."""
        self.mode = Mode.HANG

    def restore(self) -> None:
        """Work again."""
        self.mode, self.bytes_per_second = Mode.OK, None
        self.delay_seconds = self.jitter_seconds = 0.0

    def reset(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one connection to the server and back."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.mode is Mode.REFUSE:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(*self.upstream)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(reader, back))
            group.create_task(self._pump(there, writer))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry bytes one way."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                while self.mode is Mode.HANG:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(self._pause(len(data)))
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)

    def _pause(self, size: int) -> float:
        """How long these bytes take."""
        seconds = self.delay_seconds + random.random() * self.jitter_seconds
        return seconds + (size / self.bytes_per_second if self.bytes_per_second else 0)
