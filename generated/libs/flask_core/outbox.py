"""Durable events on their way out: written with the change, put on their streams afterwards.

An event is a row of the transaction that makes the change, so a change that is undone
announces nothing, and whoever is killed when, what was committed is announced at least once.
Each community's events go out in their order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from flask_core.apikeys import PlatformBase
from flask_core.context import all_communities, community_or_none
from flask_core.database import AsyncDAL
from flask_core.errors import DependencyUnavailable
from flask_core.events import Events
from flask_core.logging import log_system
from flask_core.resilience import pause

POLL_SECONDS = 1.0
MEASURE_SECONDS = 15.0
MOST = 100
# One of each community: the next may go when it is gone, on whichever replica.
_FIRSTS = """
SELECT id, event, data FROM outbox_events WHERE id IN (
    SELECT min(id) FROM outbox_events WHERE module = :module GROUP BY community
) ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
"""
_LAG = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(written_at)), 0)
FROM outbox_events WHERE module = :module
"""


class OutboxEvent(PlatformBase):
    """An event that is not on its stream yet; community 0 is none."""

    __tablename__ = "outbox_events"

    module: Mapped[str] = mapped_column(String(100))
    community: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[str] = mapped_column(String(150))
    data: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class Outbox:
    """One module's events on their way out."""

    def __init__(self, database: AsyncDAL, events: Events) -> None:
        self.database = database
        self.events = events
        self._news = asyncio.Event()
        self._measured = 0.0

    async def put(self, name: str, payload: Mapping[str, Any]) -> str:
        """Write an event in the transaction that is open; returns its id."""
        identifier, data = self.events.envelope(name, payload)
        await self.database.create(
            OutboxEvent,
            module=self.events.module_id,
            community=community_or_none() or 0,
            event=name,
            data=data.decode(),
        )
        await self.database.after_commit(self._tell)
        return identifier

    async def _tell(self) -> None:
        """Wake the relay."""
        self._news.set()

    async def relay(self, stopping: asyncio.Event) -> None:
        """Put events on their streams until stopped."""
        connected = True
        while not stopping.is_set():
            self._news.clear()
            try:
                while await self._relay_some() and not stopping.is_set():
                    continue
                await self._measure()
                connected = True
            except DependencyUnavailable as error:
                if connected:
                    log_system("outbox", "waiting", dependency=error.dependency)
                connected = False
                await pause(stopping, POLL_SECONDS)
            await pause(self._news, POLL_SECONDS)

    async def _relay_some(self) -> int:
        """Put the first event of each community on its stream; how many there were."""
        db, module = self.database, self.events.module_id
        with all_communities("the outbox belongs to the platform"):
            async with db.transaction():
                found = await db.execute(_FIRSTS, module=module, most=MOST)
                if found:
                    sending = [self.events.append(n, d.encode()) for _, n, d in found]
                    await asyncio.gather(*sending)
                    done = [row[0] for row in found]
                    await db.delete(OutboxEvent, OutboxEvent.id.in_(done))
        return len(found)

    async def _measure(self) -> None:
        """Tell how many events wait, and for how long the first has."""
        if time.monotonic() - self._measured < MEASURE_SECONDS:
            return
        self._measured = time.monotonic()
        with all_communities("the outbox belongs to the platform"):
            rows = await self.database.execute(_LAG, module=self.events.module_id)
        count, seconds = rows[0]
        self.events.metrics.outbox.set(count)
        self.events.metrics.outbox_age.set(float(seconds))
