"""Spans for requests, calls, events and jobs, by OpenTelemetry where that is configured.

Nothing of it is imported, and nothing is paid for, unless OTEL_EXPORTER_OTLP_ENDPOINT is set.
A trace goes on from module to module by the W3C's `traceparent`. Serves "Monitoring".
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from flask_core.context import community_or_none, correlation_id
from flask_core.logging import log_system

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
FLUSH_MILLISECONDS = 3_000
_tracer: Any = None
_provider: Any = None


def start(module_id: str, version: str) -> None:
    """Begin to send spans, where an endpoint is configured; once for a process."""
    global _tracer, _provider
    if _provider is not None or not os.environ.get(ENDPOINT):
        return
    try:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        otlp = importlib.import_module(
            "opentelemetry.exporter.otlp.proto.http.trace_exporter"
        )
    except ImportError as error:
        log_system("tracing", "unavailable", reason=type(error).__name__)
        return
    names = {"service.name": module_id, "service.version": version}
    _provider = sdk.TracerProvider(resource=resources.Resource.create(names))
    _provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    _tracer = _provider.get_tracer("flask_core", version)
    log_system("tracing", "started")


async def stop() -> None:
    """Send what waits, as far as that is possible in a few seconds."""
    global _tracer, _provider
    provider, _tracer, _provider = _provider, None, None
    if provider is not None:
        await asyncio.to_thread(provider.force_flush, FLUSH_MILLISECONDS)
        # The collector may be away: its exporter would try for longer than we have.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(provider.shutdown), 1)


def is_on() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def span(
    name: str, kind: str, carrier: Mapping[str, str] | None = None, **attributes: Any
) -> AbstractContextManager[Any]:
    """A span around a piece of work, or nothing where there is no tracing.

    `kind` is SERVER, CLIENT, PRODUCER, CONSUMER or INTERNAL; `carrier` holds the
    `traceparent` of whoever asked for it. An exception makes it an error, whose text is not
    sent: it may hold what a user wrote.
    """
    if _tracer is None:
        return nullcontext()
    return _span(name, kind, carrier, attributes)


@contextlib.contextmanager
def _span(
    name: str, kind: str, carrier: Mapping[str, str] | None, attributes: dict[str, Any]
) -> Iterator[Any]:
    """The same, where there is tracing."""
    trace = importlib.import_module("opentelemetry.trace")
    parent = _propagator().extract(dict(carrier)) if carrier else None
    known = {key.replace("_", "."): value for key, value in attributes.items()}
    known["waddlebot.correlation_id"] = correlation_id()
    with _tracer.start_as_current_span(
        name,
        context=parent,
        kind=trace.SpanKind[kind],
        attributes=known,
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            yield made
        except BaseException as error:
            fail(made, type(error).__name__)
            raise
        finally:
            community = community_or_none()
            if community is not None:
                made.set_attribute("waddlebot.community_id", community)


def fail(made: Any, reason: str) -> None:
    """Mark a span as an error."""
    trace = importlib.import_module("opentelemetry.trace")
    made.set_attribute("error.type", reason)
    made.set_status(trace.Status(trace.StatusCode.ERROR))


def pass_on(carrier: MutableMapping[str, str]) -> None:
    """Put the `traceparent` of the current span into headers or an event."""
    if _tracer is not None:
        _propagator().inject(carrier)


def _propagator() -> Any:
    """How traces travel."""
    module = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
    return module.TraceContextTextMapPropagator()
