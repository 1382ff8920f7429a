"""Traces of a running module; a collector that is away costs nobody anything."""

import asyncio
import signal
from pathlib import Path

from tests.runtime.collector import Collector
from tests.runtime.live import live
from tests.runtime.test_faults import LIST, work

MODULE = "inventory-interaction"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_each_request_is_a_span_of_its_callers_trace(tmp_path: Path) -> None:
    """With its route, status, community and correlation id; errors are told apart."""
    collector = await Collector().start()
    configured = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with live(MODULE, tmp_path, **configured) as module:  # type: ignore[arg-type]
        answer = await module.call(
            "GET", LIST, **{"traceparent": PARENT, "X-Correlation-ID": "req_7"}
        )
        await module.call("GET", LIST, **{"traceparent": "nonsense"})
        module.postgres.refuse()
        await module.call("GET", LIST)
        module.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(module.process.wait, 40)
    await collector.stop()
    spans = [s for s in await collector.spans() if s.name == f"GET {LIST}"]
    ours = [span for span in spans if span.trace == PARENT.split("-")[1]]

    assert 200 == answer.status and 3 == len(spans) and 1 == len(ours)
    assert PARENT.split("-")[2] == ours[0].parent
    assert {
        "http.request.method": "GET",
        "http.route": LIST,
        "http.response.status_code": 200,
        "waddlebot.correlation_id": "req_7",
        "waddlebot.community_id": 1001,
    } == ours[0].attributes
    assert MODULE == ours[0].resource["service.name"]
    assert 1 == sum(span.is_error for span in spans)


async def test_a_collector_that_is_away_costs_nothing(tmp_path: Path) -> None:
    """Neither at the start, nor in a request, nor at a stop."""
    configured = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    async with live(MODULE, tmp_path, **configured) as module:  # type: ignore[arg-type]
        answers = await work(module, 1)
        loop = asyncio.get_running_loop()
        began = loop.time()
        module.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(module.process.wait, 40)
        stopped = loop.time() - began

    assert {200, 404} == {answer.status for answer in answers}
    assert 2 > max(answer.seconds for answer in answers)
    # Five seconds are those in which a load balancer may still send requests.
    assert 15 > stopped
