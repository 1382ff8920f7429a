"""Read a request's parameters, or refuse it with everything that is wrong with it."""

import functools
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from quart import has_websocket_context, request, websocket

from flask_core.connection import read_whole
from flask_core.context import current_call, request_state
from flask_core.datamodels import INT64, ActionContext, Call, Params
from flask_core.errors import ApiError

T = TypeVar("T", bound=Params)
USER_ID = re.compile(r"[a-z]+:[A-Za-z0-9_.-]{1,100}")
MAX_DEPTH = 32
# Only a body with an escaped NUL, a long number or many brackets is looked at closely.
_SUSPECT = re.compile(rb"\\u0000|[0-9]{19}")


class ActionBody(BaseModel):
    """The body of an action: who asks, where, and with which parameters."""

    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(max_length=150)
    context: ActionContext = ActionContext()


@functools.cache
def _action_body(kind: type[Params]) -> type[ActionBody]:
    """The body of an action with these parameters."""
    none_needed = not any(each.is_required() for each in kind.model_fields.values())
    params: Any = (kind, kind() if none_needed else ...)
    return create_model("ActionBody", __base__=ActionBody, params=params)


async def read_action(kind: type[T]) -> tuple[Call, T]:
    """Read `{user_id, context, params}`, the body of an action."""
    body: Any = _validate(_action_body(kind), await _json_object(), ())
    return _call_of(body), body.params


async def read_flat(kind: type[T]) -> tuple[Call, T]:
    """Read the body of an alias: the parameters beside `user_id` and `context`."""
    body = await _json_object()
    head: dict[str, Any] = {
        key: body.pop(key) for key in ("user_id", "context") if key in body
    }
    call = _call_of(_validate(ActionBody, head, ()))
    return call, _validate(kind, body, ())


async def read_body(kind: type[T], /, **path: Any) -> tuple[Call, T]:
    """Read a body that is the parameters, together with those of the path."""
    body = await _json_object()
    _refuse_repeated(body, path)
    return _user_of_header(), _validate(kind, {**body, **path}, ())


async def read_query(kind: type[T], /, **path: Any) -> tuple[Call, T]:
    """Read the parameters of the query string, together with those of the path."""
    connection = websocket if has_websocket_context() else request
    given = dict(connection.args.items())
    _refuse_repeated(given, path)
    _check_value(given, 0)
    _check_value(path, 0)
    return _user_of_header(), _validate(kind, {**given, **path}, ())


def _refuse_repeated(given: Mapping[str, Any], path: Mapping[str, Any]) -> None:
    """Raise when a parameter of the path is given a second time."""
    for name in path:
        if name in given:
            raise _invalid([{"field": name, "message": "stands in the path already"}])


def _user_of_header() -> Call:
    """The call of a route, whose user stands in X-User-ID if anywhere."""
    call = current_call()
    if call.user_id is not None and not USER_ID.fullmatch(call.user_id):
        raise ApiError(400, "invalid_input", "X-User-ID must be platform:user_id")
    return call


def _call_of(body: ActionBody) -> Call:
    """The call of an action, whose user stands in the body."""
    if not USER_ID.fullmatch(body.user_id):
        message = "must be in format 'platform:user_id'"
        raise _invalid([{"field": "user_id", "message": message}])
    state, call = request_state(), current_call()
    state.call = Call(
        call.principal,
        call.community_id,
        body.user_id,
        call.correlation_id,
        body.context.facts(),
        call.started,
    )
    return state.call


async def _json_object() -> dict[str, Any]:
    """The body, which must be a JSON object of reasonable depth."""
    kind = (request_state().header(b"content-type") or "").partition(";")[0]
    if kind.strip().lower() != "application/json":
        raise ApiError(415, "unsupported_media_type", "send application/json")
    data = await read_whole()
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ApiError(400, "invalid_input", "the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_input", "the body must be a JSON object")
    if _SUSPECT.search(data) or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        _check_value(body, 0)
    return body


def _check_value(value: Any, depth: int) -> None:
    """Refuse what no database and no model could hold: NUL, huge numbers, endless nesting."""
    if depth > MAX_DEPTH:
        raise ApiError(400, "invalid_input", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        if "\x00" in value:
            raise ApiError(400, "invalid_input", "a text holds a NUL character")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_value(key, depth + 1)
            _check_value(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_value(item, depth + 1)
    elif isinstance(value, int) and not -INT64 - 1 <= value <= INT64:
        raise ApiError(400, "invalid_input", "a number is out of range")


M = TypeVar("M", bound=BaseModel)


def _validate(kind: type[M], value: Mapping[str, Any], prefix: tuple[str, ...]) -> M:
    """Build a model from a value; raises 400 with a line a field."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        found = error.errors(
            include_url=False, include_input=False, include_context=False
        )
        raise _invalid(
            [
                {
                    "field": ".".join(map(str, (*prefix, *each["loc"]))),
                    "message": each["msg"],
                }
                for each in found[:20]
            ]
        ) from None


def _invalid(fields: list[dict[str, str]]) -> ApiError:
    """400 that names the fields."""
    first = fields[0]
    message = f"{first['field']}: {first['message']}"
    return ApiError(400, "invalid_input", message, fields=fields)
