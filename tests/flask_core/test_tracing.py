"""Spans of calls, events and jobs, as a real collector gets them; nothing where there is none."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from flask_core import jobs, tracing
from flask_core.config import RedisSettings
from flask_core.context import community_scope, correlation_scope
from flask_core.datamodels import Consumer, Event, ExternalApi, Job
from flask_core.errors import DependencyUnavailable
from flask_core.events import Events
from flask_core.metrics import Metrics
from flask_core.outbound import HttpClient
from flask_core.redisx import RedisX
from flask_core.testing.servers import Redis
from flask_core.testing.stubs import StubServer
from tests.runtime.collector import Collector, Span


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A collector to which this process sends."""
    found = await Collector().start()
    monkeypatch.setenv(tracing.ENDPOINT, found.url)
    tracing.start("toy", "1.2.3")
    yield found
    await tracing.stop()
    await found.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    """A Redis."""
    with Redis() as found:
        yield found


def one(spans: list[Span], name: str) -> Span:
    """The only span of a name."""
    (found,) = [span for span in spans if span.name == name]
    return found


async def test_a_trace_goes_on_with_a_call(collector: Collector) -> None:
    """The target gets the id of the trace and of the span that stands for the call."""
    http_stub = await StubServer().start()
    http_stub.on("GET", "/good", json={})
    http_stub.on("GET", "/bad", status=500)
    client = HttpClient(ExternalApi("shop", http_stub.url, 2.0, attempts=1))
    with correlation_scope("req_1"), community_scope(7):
        with tracing.span("outer", "INTERNAL"):
            await client.request_json("GET", "/good")
            with pytest.raises(DependencyUnavailable):
                await client.request_json("GET", "/bad")
    await client.close()
    await http_stub.stop()
    await tracing.stop()
    spans = await collector.spans()
    good, bad = (span for span in spans if span.name == "GET shop")
    outer = one(spans, "outer")

    sent = [each.headers["traceparent"][:-3] for each in http_stub.requests]
    assert [f"00-{s.trace}-{s.id}" for s in (good, bad)] == sent
    assert {outer.trace} == {good.trace, bad.trace}
    assert {outer.id} == {good.parent, bad.parent}
    assert (False, True) == (good.is_error, bad.is_error)
    assert ("req_1", 7) == (
        good.attributes["waddlebot.correlation_id"],
        good.attributes["waddlebot.community_id"],
    )
    assert ("toy", "1.2.3") == (
        good.resource["service.name"],
        good.resource["service.version"],
    )


@pytest.mark.parametrize("durable", [True, False])
async def test_a_trace_goes_on_with_an_event(
    collector: Collector, server: Redis, durable: bool
) -> None:
    """Whoever handles it, and whenever."""
    parts = urlsplit(server.url)
    redis = RedisX(
        RedisSettings(
            redis_host="127.0.0.1",
            redis_port=parts.port or 0,
            redis_password=SecretStr(parts.password or ""),
        )
    )
    events = Events(redis, "toy", Metrics("toy", "1"))
    handled: asyncio.Queue[Event] = asyncio.Queue()
    name = f"traced.{durable}".lower()
    consuming = asyncio.create_task(
        events.consume([Consumer(name, handled.put, durable=durable)])
    )
    publish: Any = events.enqueue if durable else events.publish
    with tracing.span("request", "SERVER"):
        async with asyncio.timeout(10):
            while handled.empty():
                await publish(name, {})
                await asyncio.sleep(0.2)
    events.stopping.set()
    await asyncio.wait_for(consuming, 10)
    await redis.close()
    await tracing.stop()
    spans = await collector.spans()
    request = one(spans, "request")
    consumed = [span for span in spans if span.name == f"consume {name}"]

    assert consumed
    assert {(request.trace, request.id)} == {(s.trace, s.parent) for s in consumed}


async def test_a_job_is_a_trace_of_its_own(collector: Collector) -> None:
    """One that fails is an error, and its message stays here."""

    async def fails() -> None:
        raise ValueError("what a user wrote")

    stopping = asyncio.Event()
    running = asyncio.create_task(
        jobs.run_job(Job("tidy", 0.01, fails), "toy", None, stopping)
    )
    await asyncio.sleep(0.1)
    stopping.set()
    await running
    await tracing.stop()
    found = [span for span in await collector.spans() if span.name == "job tidy"]

    assert found and all(span.is_error and not span.parent for span in found)
    assert {"ValueError"} == {span.attributes["error.type"] for span in found}
    assert len(found) == len({span.trace for span in found})
    assert b"what a user wrote" not in collector.received


def test_nothing_is_imported_where_it_is_off() -> None:
    """Tracing that nobody asked for costs nothing."""
    code = (
        "import sys, flask_core.app, flask_core.tracing as t; t.start('m', '1');"
        "c = {}; t.pass_on(c); assert not c and not t.is_on();"
        "assert 'opentelemetry.sdk.trace' not in sys.modules;"
        "assert 'opentelemetry.exporter' not in sys.modules"
    )
    path = ":".join(each for each in sys.path if each)
    environment = {"PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
