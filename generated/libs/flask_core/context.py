"""The community and the correlation id that the current request, event or job acts for."""

import contextlib
import re
import secrets
from collections.abc import Iterator
from contextvars import ContextVar

from flask_core.errors import IsolationError

_ALL = -1
_community: ContextVar[int | None] = ContextVar("community", default=None)
_correlation: ContextVar[str] = ContextVar("correlation", default="-")
_CORRELATION = re.compile(r"[A-Za-z0-9_.-]{1,64}")


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


def set_correlation_id(identifier: str) -> None:
    """Set the id for the rest of the current task."""
    _correlation.set(identifier)
