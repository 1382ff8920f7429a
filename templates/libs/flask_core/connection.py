"""One request between the ASGI server and Quart: read when asked for, answered, measured.

Quart reads the body in a task of its own and cancels the view when the client goes away.
Here the view runs in the server's task and finishes what it began: a write is never cut
in half, and its AUDIT line is always written.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from quart import Request
from quart.asgi import ASGIHTTPConnection, ASGIWebsocketConnection
from quart.utils import encode_headers
from quart.wrappers.request import Body
from quart.wrappers.response import DataBody
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, RequestTimeout
from werkzeug.sansio.utils import get_content_length

from flask_core import context, tracing
from flask_core.api import error_response
from flask_core.context import RequestState
from flask_core.logging import log_error
from flask_core.resilience import within

if TYPE_CHECKING:
    from flask_core.lifecycle import ModuleBase

ANSWER_SECONDS = 60.0
SHORT_BYTES = 32 * 1024
BODY = "http.response.body"
_METHOD = re.compile("GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS")
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Any], Awaitable[None]]


class ArrivedHeaders(Headers):
    """The headers of a request, taken over as the server has checked them."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._list = pairs


class PulledBody(Body):
    """A request's body, read from the server when it is asked for."""

    receive: Receive

    async def _pull(self) -> None:
        """One more piece."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self._must_raise = BadRequest()
            self.set_complete()
            return
        self.append(message.get("body", b""))
        if not message.get("more_body", False):
            self.set_complete()

    async def whole(self) -> bytes:
        """All of it; raises 413 where it is too long."""
        while self._must_raise is None and not self._complete.is_set():
            await self._pull()
        if self._must_raise is not None:
            raise self._must_raise
        return bytes(self._data)

    def __await__(self) -> Generator[Any, None, bytes]:
        """All of it."""
        return self.whole().__await__()

    async def _pieces(self) -> AsyncIterator[bytes]:
        """As it arrives."""
        while True:
            if self._must_raise is not None:
                raise self._must_raise
            if self._data:
                data = bytes(self._data)
                self._data.clear()
                yield data
            elif self._complete.is_set():
                return
            else:
                await self._pull()

    def __aiter__(self) -> Any:
        """As it arrives; either this or the whole."""
        return self._pieces()


class ModuleRequest(Request):
    """A request whose body is pulled."""

    body: PulledBody
    body_class = PulledBody

    @functools.cached_property
    def content_length(self) -> int | None:
        """How long the body is said to be; None where it comes in pieces."""
        state = context.request_or_none()
        if state is None:
            return super().content_length
        return get_content_length(
            state.header(b"content-length"), state.header(b"transfer-encoding")
        )


async def read_whole() -> bytes:
    """The request's body; raises 413 when it is too long, 408 when it takes too long."""
    state = context.request_state()
    request: ModuleRequest = state.request
    seconds = None if state.is_limited else request.body_timeout
    state.is_reading = True
    try:
        data = await within(seconds, request.body.whole())
    except TimeoutError:
        raise RequestTimeout() from None
    state.is_reading = False
    return data


class HttpConnection(ASGIHTTPConnection):
    """Serves one request: correlation id, count, time, security headers, drain."""

    async def __call__(self, receive: Any, send: Any) -> None:
        """Hand the request to the application, and send its answer."""
        module: ModuleBase = self.app.extensions["waddlebot_module"]
        metrics, state = module.resources.metrics, _state(self.scope)
        state.resources = module.resources
        token = context.enter(state)
        module.on_request()
        module.in_flight += 1
        status = 500
        try:
            request = self._request(receive, send)
            response: Any = (
                await self._traced(request)
                if tracing.is_on()
                else await self._handle(request)
            )
            status = response.status_code
            closing = not module.ready
            await self._answer(receive, send, response, _headers(response, closing))
        finally:
            module.in_flight -= 1
            context.leave(token)
            method = self.scope["method"]
            method = method if _METHOD.fullmatch(method) else "OTHER"
            seconds = time.perf_counter() - state.started
            metrics.observe(method, state.route, status, seconds)

    def _request(self, receive: Receive, send: Send) -> ModuleRequest:
        """The request as Quart knows it."""
        scope, config = self.scope, self.app.config
        client = scope.get("client")
        pairs = [("Remote-Addr", client[0] if client else "-")]
        pairs += [(_title(name), v.decode("latin-1")) for name, v in scope["headers"]]
        request = ModuleRequest(
            scope["method"],
            scope["scheme"],
            scope["path"],
            scope["query_string"],
            ArrivedHeaders(pairs),
            scope.get("root_path", ""),
            scope["http_version"],
            scope=scope,
            max_content_length=config["MAX_CONTENT_LENGTH"],
            body_timeout=config["BODY_TIMEOUT"],
            send_push_promise=partial(self._send_push_promise, send),
        )
        request.body.receive = receive
        context.request_state().request = request
        return request

    async def _traced(self, request: Request) -> Any:
        """The application's answer, and a span about it."""
        state, method = context.request_state(), request.method
        carrier = {"traceparent": state.header(b"traceparent") or ""}
        with tracing.span(method, "SERVER", carrier) as span:
            response = await self._handle(request)
            span.update_name(f"{method} {state.route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", state.route)
            span.set_attribute("http.response.status_code", response.status_code)
            if state.call is not None and state.call.community_id is not None:
                span.set_attribute("waddlebot.community_id", state.call.community_id)
            if response.status_code >= 500:
                tracing.fail(span, str(response.status_code))
        return response

    async def _handle(self, request: Request) -> Any:
        """The application's answer, whatever happens."""
        try:
            return await self.app.handle_request(request)
        except Exception as error:
            log_error(None, "request", type(error).__name__, exc_info=error)
            return error_response(500, "internal_error")

    async def _answer(
        self, receive: Receive, send: Send, response: Any, headers: Any
    ) -> None:
        """Send an answer; one that is made piece by piece ends with its client."""
        start = {"type": "http.response.start", "status": response.status_code}
        body = getattr(response, "response", None)
        if isinstance(body, DataBody):
            # A short answer fits into the server's buffer: nobody has to wait for it.
            seconds = None if len(body.data) < SHORT_BYTES else ANSWER_SECONDS
            await within(seconds, send({**start, "headers": headers}))
            await within(seconds, send({"type": BODY, "body": body.data}))
            return
        response.headers.clear()
        for name, value in headers:
            response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
        sending = asyncio.ensure_future(self._send_response(send, response))
        gone = asyncio.ensure_future(_disconnected(receive))
        await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        sending.cancel()
        await asyncio.gather(sending, gone, return_exceptions=True)


class WebsocketConnection(ASGIWebsocketConnection):
    """A websocket, with the state that the decorators of views ask for."""

    async def __call__(self, receive: Any, send: Any) -> None:
        """Serve it until it is closed."""
        token = context.enter(_state(self.scope))
        try:
            await super().__call__(receive, send)
        finally:
            context.leave(token)


@functools.lru_cache(maxsize=512)
def _title(name: bytes) -> str:
    """The name of a header as Quart spells it."""
    return name.decode("latin-1").title()


def _state(scope: Any) -> RequestState:
    """What is known of a request before anybody looked at it; a repeated header is its first."""
    headers = dict(reversed(scope["headers"]))
    given = headers.get(b"x-correlation-id", b"").decode("latin-1")
    client = scope.get("client")
    return RequestState(
        correlation_id=context.accept_correlation_id(given),
        started=time.perf_counter(),
        headers=headers,
        path=scope["path"],
        client=client[0] if client else "-",
    )


def _headers(response: Any, closing: bool) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, and those that every answer carries."""
    headers = encode_headers(response.headers)
    there = {name.lower() for name, _ in headers}
    headers += [pair for pair in _SECURITY_HEADERS if pair[0] not in there]
    state = context.request_state()
    headers += state.answer_headers
    headers.append((b"x-correlation-id", state.correlation_id.encode()))
    if closing:
        headers.append((b"connection", b"close"))
    return headers


async def _disconnected(receive: Receive) -> None:
    """Wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        continue
