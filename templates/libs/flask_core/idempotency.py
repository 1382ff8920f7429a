"""Make a repeated call harmless: the first answer is kept and given again.

For money-like actions. Without the header Idempotency-Key nothing changes. Where a module
has PostgreSQL the answer is kept beside the change, else in Redis; without either such a
call is refused, since nobody could tell whether it was made before.
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
from flask_core.idempotency_keys import Kept, another_body, around_call
from flask_core.idempotency_keys import under_way, with_change
from flask_core.resources import resources

P = ParamSpec("P")
View = Callable[P, Awaitable[Response]]
Answer = Callable[[], Awaitable[Response]]
KEPT_SECONDS = 86_400
CLAIMED_SECONDS = 60


def idempotent(view: View[P]) -> View[P]:
    """Answer a repeated Idempotency-Key with what was answered the first time.

    Everything the view changes in PostgreSQL is one transaction, the key included.
    """

    @functools.wraps(view)
    async def once(*args: P.args, **kwargs: P.kwargs) -> Response:
        return await _once(lambda: view(*args, **kwargs), holds=True)

    return once


def idempotent_call(view: View[P]) -> View[P]:
    """As `idempotent`, for a view that waits for other services.

    It holds no connection meanwhile, so it may be made again when it was killed.
    """

    @functools.wraps(view)
    async def once(*args: P.args, **kwargs: P.kwargs) -> Response:
        return await _once(lambda: view(*args, **kwargs), holds=False)

    return once


async def _once(view: Answer, holds: bool) -> Response:
    """The view's answer, or the one it gave to this key before."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return await view()
    if not (1 <= len(key) <= 128 and key.isascii() and key.isprintable()):
        raise ApiError(400, "invalid_input", "Idempotency-Key: 1 to 128 characters")
    call, data = current_call(), await read_whole()
    body = hashlib.sha256(data).hexdigest()
    name = hashlib.sha256(
        f"{call.community_id}:{call.principal.key_id}:{request.path}:{key}".encode()
    ).hexdigest()
    database = resources().database
    if database is None:
        return await _once_in_redis(f"waddlebot:idempotency:{name}", body, view)
    answers: list[Response] = []

    async def work() -> tuple[int, str]:
        answers.append(await view())
        return answers[0].status_code, await _text(answers[0])

    once = with_change if holds else around_call
    kept = await once(database, name, body, work)
    return answers[0] if kept.is_new else _again(kept)


async def _once_in_redis(name: str, body: str, view: Answer) -> Response:
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
    text = await _text(answer)
    kept = orjson.dumps({"body": body, "status": answer.status_code, "answer": text})
    await redis.do("SET", name, kept, "EX", KEPT_SECONDS)
    return answer


async def _text(answer: Response) -> str:
    """What an answer says."""
    return (await answer.get_data(as_text=False)).decode()


def _kept(stored: bytes | None, body: str) -> Response:
    """The first answer again; 409 while it is being made, 422 when the body differs."""
    kept = orjson.loads(stored or b"{}")
    if kept.get("body", body) != body:
        raise another_body()
    if "answer" not in kept:
        raise under_way()
    return _again(Kept(body, kept["status"], kept["answer"]))


def _again(kept: Kept) -> Response:
    """The first answer, marked as such."""
    headers = {"Idempotency-Replayed": "true"}
    return Response(kept.answer, kept.status, headers, content_type="application/json")
