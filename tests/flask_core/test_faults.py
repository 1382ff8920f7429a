"""The proxy does to connections what networks do."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from flask_core.testing.faults import FaultProxy


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """A proxy before a server that echoes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


class Caller:
    """A connection through the proxy."""

    async def open(self, proxy: FaultProxy) -> "Caller":
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", proxy.port
        )
        return self

    async def say(self, words: bytes) -> bytes:
        """Send, and read what comes back within half a second."""
        self.writer.write(words)
        async with asyncio.timeout(0.5):
            return await self.reader.read(1000)

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


@pytest.fixture
async def caller(proxy: FaultProxy) -> AsyncIterator[Caller]:
    """One open connection."""
    caller = await Caller().open(proxy)
    yield caller
    caller.close()


async def is_cut(caller: Caller) -> bool:
    """Whether the connection has come to an end."""
    try:
        return await caller.say(b"x") == b""
    except ConnectionError:
        return True


async def test_it_passes_bytes_on(caller: Caller) -> None:
    """Both ways, unchanged."""
    assert b"hello" == await caller.say(b"hello")


async def test_refusing_cuts_old_connections_and_new_ones(
    proxy: FaultProxy, caller: Caller
) -> None:
    """Until it is restored."""
    await caller.say(b"hello")
    proxy.refuse()
    assert await is_cut(caller)
    assert await is_cut(await Caller().open(proxy))

    proxy.restore()
    assert b"again" == await (await Caller().open(proxy)).say(b"again")


async def test_hanging_delivers_late(proxy: FaultProxy, caller: Caller) -> None:
    """Nothing while it hangs, everything afterwards."""
    proxy.hang()
    with pytest.raises(TimeoutError):
        await caller.say(b"a")
    proxy.restore()

    assert b"a" in await caller.say(b"b")


async def test_resetting_leaves_new_connections_alone(
    proxy: FaultProxy, caller: Caller
) -> None:
    """As a server that restarts."""
    await caller.say(b"hello")
    proxy.reset()

    assert await is_cut(caller)
    assert b"new" == await (await Caller().open(proxy)).say(b"new")


@pytest.mark.parametrize(
    ("delay", "jitter", "rate"), [(0.05, 0.0, None), (0.1, 0.1, None), (0.0, 0.0, 50.0)]
)
async def test_slowness(
    proxy: FaultProxy, caller: Caller, delay: float, jitter: float, rate: float | None
) -> None:
    """Each way takes its time."""
    proxy.delay_seconds, proxy.jitter_seconds = delay, jitter
    proxy.bytes_per_second = rate
    started = time.monotonic()

    assert b"12345" == await caller.say(b"12345")
    assert time.monotonic() - started >= max(2 * delay, 10 / rate if rate else 0)


async def test_a_server_that_is_not_there_cuts_the_caller() -> None:
    """As refusing does."""
    async with FaultProxy("127.0.0.1", 1) as proxy:
        assert await is_cut(await Caller().open(proxy))


async def test_stopping_while_it_hangs_ends(proxy: FaultProxy, caller: Caller) -> None:
    """Nothing waits for what will never be delivered."""
    proxy.hang()
    caller.writer.write(b"x")
    async with asyncio.timeout(2):
        await proxy.stop()
