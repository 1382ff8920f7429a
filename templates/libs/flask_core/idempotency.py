"""Make a repeated call harmless: the first answer is kept and given again.

For money-like actions. Without the header Idempotency-Key nothing changes; without Redis
such a call is refused, since nobody could tell whether it was made before.
"""

import functools
import hashlib
from collections.abc import Awaitable, Callable
from typing import ParamSpec

import orjson
from quart import Response, request

from flask_core.connection import read_whole
from flask_core.context import current_call
from flask_core.errors import ApiError
from flask_core.resources import resources

P = ParamSpec("P")
View = Callable[P, Awaitable[Response]]
KEPT_SECONDS = 86_400
CLAIMED_SECONDS = 60


def idempotent(view: View[P]) -> View[P]:
    """Answer a repeated Idempotency-Key with what was answered the first time."""

    @functools.wraps(view)
    async def once(*args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return await view(*args, **kwargs)
        if not (1 <= len(key) <= 128 and key.isascii() and key.isprintable()):
            raise ApiError(400, "invalid_input", "Idempotency-Key: 1 to 128 characters")
        call, data = current_call(), await read_whole()
        body = hashlib.sha256(data).hexdigest()
        name = hashlib.sha256(
            f"{call.community_id}:{call.principal.key_id}:{request.path}:{key}".encode()
        ).hexdigest()
        name = f"waddlebot:idempotency:{name}"
        return await _once(name, body, lambda: view(*args, **kwargs))

    return once


async def _once(
    name: str, body: str, view: Callable[[], Awaitable[Response]]
) -> Response:
    """Claim the key, or give the kept answer."""
    redis = resources().redis
    claim = orjson.dumps({"body": body})
    if not await redis.do("SET", name, claim, "NX", "EX", CLAIMED_SECONDS):
        return _kept(await redis.do("GET", name), body)
    try:
        answer = await view()
    except BaseException:
        await redis.do("DEL", name)
        raise
    text = (await answer.get_data(as_text=False)).decode()
    kept = orjson.dumps({"body": body, "status": answer.status_code, "answer": text})
    await redis.do("SET", name, kept, "EX", KEPT_SECONDS)
    return answer


def _kept(stored: bytes | None, body: str) -> Response:
    """The first answer again; 409 while it is being made or when the body differs."""
    kept = orjson.loads(stored or b"{}")
    if kept.get("body") != body:
        raise ApiError(
            409, "conflict", "this Idempotency-Key was used with another body"
        )
    if "answer" not in kept:
        raise ApiError(409, "conflict", "a call with this Idempotency-Key is under way")
    headers = {"Idempotency-Replayed": "true"}
    return Response(
        kept["answer"], kept["status"], headers, content_type="application/json"
    )
