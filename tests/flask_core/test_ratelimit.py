"""The limit on a real Redis: exact for all replicas, and as declared without it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from flask_core.config import RedisSettings
from flask_core.errors import DependencyUnavailable
from flask_core.ratelimit import Limiter
from flask_core.redisx import RedisX
from flask_core.testing.faults import FaultProxy
from flask_core.testing.servers import Redis


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    """The server."""
    with Redis() as found:
        yield found


@pytest.fixture
async def proxy(server: Redis) -> AsyncIterator[FaultProxy]:
    """What stands before the server."""
    async with FaultProxy(*server.address) as found:
        yield found


@pytest.fixture
async def replicas(server: Redis, proxy: FaultProxy) -> AsyncIterator[list[Limiter]]:
    """Three replicas of a module."""
    password = SecretStr(urlsplit(server.url).password or "")
    settings = RedisSettings(
        redis_host="127.0.0.1", redis_port=proxy.port, redis_password=password
    )
    made = [RedisX(settings) for _ in range(3)]
    yield [Limiter(redis) for redis in made]
    for redis in made:
        await redis.close()


async def test_replicas_count_together(replicas: list[Limiter]) -> None:
    """No hit is lost or counted twice, however many come at once."""
    hits = [limiter.hit("together", 60) for _ in range(100) for limiter in replicas]
    counts = sorted(count for count, _ in await asyncio.gather(*hits))

    assert list(range(1, 301)) == counts


async def test_callers_do_not_share_a_limit(replicas: list[Limiter]) -> None:
    """Nor do routes: the key is all of it."""
    await asyncio.gather(*(replicas[0].hit("one", 60) for _ in range(5)))

    assert 1 == (await replicas[0].hit("other", 60))[0]


async def test_a_window_ends(replicas: list[Limiter]) -> None:
    """And says how long that takes."""
    first = await replicas[0].hit("short", 1)
    await asyncio.sleep(1.1)
    second = await replicas[1].hit("short", 1)

    assert (1, 1) == (first[0], second[0])
    assert 0 < first[1] <= 1


async def test_without_redis_each_replica_counts(
    replicas: list[Limiter], proxy: FaultProxy
) -> None:
    """Up to the same limit, so that nobody is let in without one."""
    proxy.refuse()
    found = [await replicas[0].hit("alone", 60) for _ in range(4)]
    other = await replicas[1].hit("alone", 60)

    assert [1, 2, 3, 4] == [count for count, _ in found]
    assert 1 == other[0] and 0 < other[1] <= 60


async def test_without_redis_a_route_may_refuse(
    replicas: list[Limiter], proxy: FaultProxy
) -> None:
    """503 while it is away, and the count goes on afterwards."""
    await replicas[0].hit("closed", 60, "refuse")
    proxy.refuse()
    for _ in range(3):
        with pytest.raises(DependencyUnavailable) as raised:
            await replicas[0].hit("closed", 60, "refuse")
    proxy.restore()
    assert replicas[0].redis is not None
    await replicas[0].redis.ping()

    assert (503, "5") == (raised.value.status, raised.value.headers["Retry-After"])
    assert 2 == (await replicas[0].hit("closed", 60, "refuse"))[0]
