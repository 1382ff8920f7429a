"""The community, the correlation id and the request that the current task acts for."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask_core.errors import IsolationError

if TYPE_CHECKING:
    from flask_core.datamodels import Call, WebhookDelivery
    from flask_core.resources import Resources

_ALL = -1
_community: ContextVar[int | None] = ContextVar("community", default=None)
_correlation: ContextVar[str] = ContextVar("correlation", default="-")
_request: ContextVar[RequestState] = ContextVar("request")
_CORRELATION = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(slots=True)
class RequestState:
    """What is known of one request; `headers` are as they arrived, names in lower case.

    `request` is Quart's view of it, `resources` what its module works with. `is_limited` tells whether the view runs under a time
    limit, which ends at `deadline` of the loop's clock; `is_reading` whether the body is
    awaited; `is_stale` whether the answer is made of old values. `answer_headers` go
    along with whatever the answer is.
    """

    correlation_id: str
    started: float
    headers: Mapping[bytes, bytes]
    path: str
    client: str
    route: str = "unmatched"
    request: Any = None
    resources: Resources | None = None
    is_limited: bool = False
    is_reading: bool = False
    is_stale: bool = False
    deadline: float | None = None
    call: Call | None = None
    delivery: WebhookDelivery | None = None
    answer_headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def header(self, name: bytes) -> str | None:
        """One header of the request."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


Tokens = tuple[Token[RequestState], Token[str]]


def enter(state: RequestState) -> Tokens:
    """Act for a request from now on."""
    return _request.set(state), _correlation.set(state.correlation_id)


def leave(tokens: Tokens) -> None:
    """Act for nobody's request any more."""
    _request.reset(tokens[0])
    _correlation.reset(tokens[1])


def request_state() -> RequestState:
    """The request being answered; raises LookupError outside of one."""
    return _request.get()


def request_or_none() -> RequestState | None:
    """The request being answered, or None in an event, a job or a test."""
    return _request.get(None)


def current_call() -> Call:
    """Who is calling, as the decorators of flask_core.auth found out."""
    call = _request.get().call
    if call is None:
        raise LookupError("the route has no decorator of flask_core.auth")
    return call


@contextlib.contextmanager
def community_scope(community_id: int) -> Iterator[None]:
    """Act for one community: every statement of the data layer is held to it."""
    if community_id <= 0:
        raise IsolationError(f"{community_id} is not a community")
    token = _community.set(community_id)
    try:
        yield
    finally:
        _community.reset(token)


@contextlib.contextmanager
def all_communities(reason: str) -> Iterator[None]:
    """Act across communities, for platform jobs alone; the reason is for the reader."""
    if not reason:
        raise IsolationError("acting across communities needs a reason")
    token = _community.set(_ALL)
    try:
        yield
    finally:
        _community.reset(token)


def current_community() -> int:
    """The community acted for; raises IsolationError where there is none."""
    community = _community.get()
    if community is None or community == _ALL:
        raise IsolationError("no community is set; use community_scope()")
    return community


def community_or_none() -> int | None:
    """The community acted for, or None."""
    community = _community.get()
    return None if community == _ALL else community


def crosses_communities() -> bool:
    """Whether `all_communities` is in force."""
    return _community.get() == _ALL


def correlation_id() -> str:
    """The id that ties log lines, events and calls of one request together."""
    return _correlation.get()


def accept_correlation_id(given: str | None) -> str:
    """The caller's id when it is a plain one, else a new one."""
    if given and _CORRELATION.fullmatch(given):
        return given
    return f"req_{secrets.token_hex(8)}"


@contextlib.contextmanager
def correlation_scope(identifier: str) -> Iterator[None]:
    """Carry a correlation id through an event or a job."""
    token = _correlation.set(identifier)
    try:
        yield
    finally:
        _correlation.reset(token)
