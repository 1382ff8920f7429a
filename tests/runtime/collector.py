"""A collector of traces on loopback, which understands what OTLP sends."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)


@dataclass(frozen=True)
class Span:
    """One span as it arrived."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    is_error: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Collector:
    """The collector; `url` is its endpoint."""

    url: str = ""
    received: bytes = b""
    _spans: list[Span] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    async def start(self) -> Collector:
        """Listen on a free port; returns itself."""
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def spans(self) -> list[Span]:
        """What has arrived."""
        return list(self._spans)

    async def _take(self, request: web.Request) -> web.Response:
        """Decode one export."""
        data = await request.read()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        self.received += data
        export: Any = ExportTraceServiceRequest.FromString(data)
        for each in export.resource_spans:
            resource = _plain(each.resource.attributes)
            for scope in each.scope_spans:
                self._spans += [_span(span, resource) for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")


def _span(span: Any, resource: dict[str, Any]) -> Span:
    """A span without the protocol's shapes."""
    return Span(
        span.name,
        span.kind,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.status.code == 2,
        _plain(span.attributes),
        resource,
    )


def _plain(attributes: Any) -> dict[str, Any]:
    """Attributes as a dict."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value"))
        for each in attributes
    }
