"""What a failure of the database means to a caller: 503, 400 or 409, never the driver's.

Serves "Error Responses" of the standard.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flask_core.errors import ApiError, DependencyUnavailable, IsolationError

# PostgreSQL's classes: 08 connection, 28 authorisation, 3D no such database, 40 deadlock,
# 53 resources, 57 operator intervention, 58 system error.
_AWAY = ("08", "28", "3D", "40", "53", "57", "58")
_UNIQUE, _FOREIGN_KEY, _EXCLUSION, _ROW_SECURITY = "23505", "23503", "23P01", "42501"
_WRONG_VALUE = "a value does not fit its column"


def sqlstate(error: BaseException | None) -> str:
    """PostgreSQL's code of an error, or nothing where the server said none."""
    return str(getattr(error, "sqlstate", None) or "")


class ConnectionLost(DependencyUnavailable):
    """The server closed the connection; another one may be had at once."""


def is_lost(error: BaseException) -> bool:
    """Whether a connection had been closed before it was used."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, ConnectionLost)


def meaning(error: BaseException) -> BaseException:
    """The error a caller may see; the same one when it is a mistake in our code."""
    match error:
        case DBAPIError():
            return _of_server(error, error.orig)
        case StatementError() if isinstance(error.orig, ApiError | IsolationError):
            return error.orig
        case StatementError() if isinstance(error.orig, ValueError | TypeError):
            return ApiError(400, "invalid_input", _WRONG_VALUE)
        case PoolTimeout() | OSError() | TimeoutError():
            return DependencyUnavailable("database")
    if type(error).__module__.startswith("asyncpg"):
        return _of_server(error, error)
    return error


def _of_server(error: BaseException, driver: BaseException | None) -> BaseException:
    """What the server's answer means, or its silence."""
    state = sqlstate(driver)
    if state in (_UNIQUE, _EXCLUSION):
        return ApiError(409, "conflict", "this exists already")
    if state == _FOREIGN_KEY:
        message = "it refers to something that does not exist, or is referred to"
        return ApiError(400, "invalid_input", message)
    if state.startswith("23"):
        return ApiError(400, "invalid_input", "a value is not allowed by its column")
    if state == _ROW_SECURITY:
        return IsolationError("PostgreSQL refused a row of another community")
    name = f"{type(driver).__name__} {driver}"
    if state.startswith("22") or "DataError" in name:
        return ApiError(400, "invalid_input", _WRONG_VALUE)
    if not state or state.startswith(_AWAY):
        return DependencyUnavailable("database")
    return error


@contextmanager
def translated() -> Iterator[None]:
    """Raise the meaning of what goes wrong inside."""
    try:
        yield
    except Exception as error:
        found = meaning(error)
        if found is error:
            raise
        raise found from None


def translate_timeouts(engine: Engine) -> None:
    """Give a statement's time-out its meaning at once.

    The driver raises a bare TimeoutError or OSError, and whoever catches it outside the
    transaction could not tell it from one of the service's own.
    """

    def handle(found: ExceptionContext) -> None:
        if isinstance(found.original_exception, ConnectionError):
            raise ConnectionLost("database") from None
        if isinstance(found.original_exception, TimeoutError | OSError):
            raise DependencyUnavailable("database") from None

    listen: Any = event.listen
    listen(engine, "handle_error", handle)
