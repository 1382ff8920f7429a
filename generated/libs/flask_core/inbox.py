"""Apply an event once: its id is noted in the transaction that applies it.

Whatever happens between the two, both are there or neither is.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import DateTime, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from flask_core.apikeys import PlatformBase
from flask_core.context import all_communities
from flask_core.database import AsyncDAL
from flask_core.errors import ApiError

KEPT = timedelta(days=7)


class HandledEvent(PlatformBase):
    """An event that a module has applied."""

    __tablename__ = "handled_events"
    __table_args__ = (UniqueConstraint("consumer", "event_id"),)

    consumer: Mapped[str] = mapped_column(String(150))
    event_id: Mapped[str] = mapped_column(String(64))
    handled_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True
    )


@contextlib.asynccontextmanager
async def applied_once(
    db: AsyncDAL, consumer: str, event_id: str
) -> AsyncIterator[bool]:
    """A transaction to apply an event in; False when it was applied before.

    A second consumer of the same event waits here until the first one has finished.
    """
    async with db.transaction():
        try:
            await db.create(HandledEvent, consumer=consumer, event_id=event_id)
        except ApiError as error:
            if error.status != 409:
                raise
            yield False
            return
        yield True


async def forget_old(db: AsyncDAL) -> None:
    """Forget what no stream holds any more."""
    with all_communities("the notes belong to the platform"):
        await db.delete(
            HandledEvent, HandledEvent.handled_at < datetime.now(UTC) - KEPT
        )
