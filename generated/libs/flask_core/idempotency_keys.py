"""The first answer of each idempotency key, in PostgreSQL beside what the call changed.

A key, its answer and the change are committed together: whoever is killed when, both are
there or neither is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import DateTime, Integer, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from flask_core.apikeys import PlatformBase
from flask_core.context import all_communities
from flask_core.database import AsyncDAL
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.resilience import pause

KEPT = timedelta(days=1)
CLAIMED = timedelta(seconds=60)
FORGET_SECONDS = 3600.0
_LOCK = text("SELECT pg_try_advisory_xact_lock(:number)")


class IdempotencyKey(PlatformBase):
    """A key that was used, with what was asked and answered."""

    __tablename__ = "idempotency_keys"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    body: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str | None] = mapped_column(Text)
    used_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """What was answered, to which body, and whether that was just now."""

    body: str
    status: int
    answer: str
    is_new: bool = False


Work = Callable[[], Awaitable[tuple[int, str]]]
Once = Callable[[AsyncDAL, str, str, Work], Awaitable[Kept]]


async def with_change(db: AsyncDAL, name: str, body: str, work: Work) -> Kept:
    """Work in the transaction that keeps the key, or return what it answered before.

    A second call meanwhile gets 409 at once: it does not wait for the first.
    """
    async with db.transaction():
        await _lock(db, name)
        found = await _found(db, name)
        if found is not None and found.answer is not None:
            return _kept(found, body)
        if found is not None:
            await _delete(db, name)
        status, answer = await work()
        await db.create(
            IdempotencyKey, name=name, body=body, status=status, answer=answer
        )
    return Kept(body, status, answer, is_new=True)


async def around_call(db: AsyncDAL, name: str, body: str, work: Work) -> Kept:
    """Claim the key, work without a connection being held, then keep the answer.

    For work that waits for another service. One that was killed in between is made again
    when its claim has ended.
    """
    async with db.transaction():
        await _lock(db, name)
        found = await _found(db, name)
        if found is not None:
            return _kept(found, body)
        await db.create(IdempotencyKey, name=name, body=body)
    try:
        status, answer = await work()
    except BaseException:
        with contextlib.suppress(DependencyUnavailable):
            await asyncio.shield(_delete(db, name))
        raise
    values = {"status": status, "answer": answer}
    await db.update(IdempotencyKey, values, IdempotencyKey.name == name)
    return Kept(body, status, answer, is_new=True)


async def _lock(db: AsyncDAL, name: str) -> None:
    """Be the only one with this key until the transaction ends; raises 409."""
    async with db.transaction() as session:
        with all_communities("a lock belongs to no community"):
            connection = await session.connection()
        number = int.from_bytes(bytes.fromhex(name)[:8], signed=True)
        if not await connection.scalar(_LOCK, {"number": number}):
            raise under_way()


async def _found(db: AsyncDAL, name: str) -> IdempotencyKey | None:
    """The key, unless its time is over; then it is forgotten."""
    found = await db.get(IdempotencyKey, name=name)
    if found is None:
        return None
    lasts = CLAIMED if found.answer is None else KEPT
    if found.used_at > datetime.now(UTC) - lasts:
        return found
    await _delete(db, name)
    return None


async def _delete(db: AsyncDAL, name: str) -> None:
    """Forget a key."""
    await db.delete(IdempotencyKey, IdempotencyKey.name == name)


def _kept(found: IdempotencyKey, body: str) -> Kept:
    """What a key answered; raises 422 for another body, 409 while there is no answer."""
    if found.body != body:
        raise another_body()
    if found.status is None or found.answer is None:
        raise under_way()
    return Kept(found.body, found.status, found.answer)


def another_body() -> ApiError:
    """The refusal of a key that was used for something else."""
    return ApiError(
        422, "idempotency_mismatch", "this Idempotency-Key was used with another body"
    )


def under_way() -> ApiError:
    """The refusal of a second call while the first is being answered."""
    return ApiError(409, "conflict", "a call with this Idempotency-Key is under way")


async def forget_forever(db: AsyncDAL, stopping: asyncio.Event) -> None:
    """Forget now and then the keys whose time is over."""
    while not stopping.is_set():
        with contextlib.suppress(DependencyUnavailable):
            with all_communities("the keys belong to the platform"):
                old = IdempotencyKey.used_at < datetime.now(UTC) - KEPT
                await db.delete(IdempotencyKey, old)
        await pause(stopping, FORGET_SECONDS)
