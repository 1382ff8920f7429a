"""Write an AUDIT line for every call that changes something, whether it works or fails."""

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from flask_core.context import current_call
from flask_core.errors import ApiError
from flask_core.logging import log_audit_event

P = ParamSpec("P")
R = TypeVar("R")
View = Callable[P, Awaitable[R]]


def audited(action: str) -> Callable[[View[P, R]], View[P, R]]:
    """Record who did what, for which community, and how it ended."""

    def decorate(view: View[P, R]) -> View[P, R]:
        @functools.wraps(view)
        async def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                answer = await view(*args, **kwargs)
            except ApiError as error:
                _record(action, "failure", reason=error.error)
                raise
            except Exception as error:
                _record(action, "failure", reason=type(error).__name__)
                raise
            _record(action, "success")
            return answer

        return recorded

    return decorate


def _record(action: str, result: str, **fields: str) -> None:
    """One AUDIT line about the current call."""
    call = current_call()
    user = call.user_id or call.principal.key_id
    log_audit_event(call.community_id, user, action, result, **fields)
