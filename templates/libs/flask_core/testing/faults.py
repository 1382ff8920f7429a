"""A TCP proxy on loopback that can refuse, hang, slow down or reset what goes through it."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum


class Mode(StrEnum):
    """What happens to connections."""

    OK = "ok"
    REFUSE = "refuse"
    HANG = "hang"


class FaultProxy:
    """Stands before one server; `mode` and `delay_seconds` may change at any time."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.mode = Mode.OK
        self.delay_seconds = 0.0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

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
        self.mode, self.delay_seconds = Mode.OK, 0.0

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
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(*self.upstream)
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
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(data)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)
