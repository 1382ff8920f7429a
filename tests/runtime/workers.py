"""The processes that the event tests kill: `consume`, or `produce FIRST LAST JOURNAL`."""

import asyncio
import os
import sys
from pathlib import Path

from flask_core.config import PostgresSettings, RedisSettings
from flask_core.database import AsyncDAL
from flask_core.datamodels import Consumer, Event
from flask_core.errors import DependencyUnavailable
from flask_core.events import Events
from flask_core.context import community_scope
from flask_core.metrics import Metrics
from flask_core.redisx import RedisX
from tests.flask_core.models import Item

NAME = "item.counted"


async def consume() -> None:
    """Add one to the item that an event names, until killed."""
    database, redis = AsyncDAL(PostgresSettings()), RedisX(RedisSettings())

    async def handle(event: Event) -> None:
        where = {"name": event.payload["name"]}
        await database.increment(Item, "stock", 1, where)
        # Wide enough a gap for a kill between the change and its acknowledgement.
        await asyncio.sleep(0.002)

    events = Events(redis, "counter", Metrics("counter", "1"), database)
    await events.consume([Consumer(NAME, handle, durable=True)])


async def produce(first: int, last: int, journal: Path) -> None:
    """Send events, and note each that was acknowledged; go on where the journal ends."""
    redis = RedisX(RedisSettings())
    events = Events(redis, "teller", Metrics("teller", "1"))
    done = journal.read_text("ascii").split() if journal.exists() else []
    with journal.open("a", encoding="ascii") as notes, community_scope(1):
        for number in range(first + len(done), last):
            while True:
                try:
                    payload = {"name": f"e{number}"}
                    await events.enqueue(NAME, payload, event_id=f"evt_{number}")
                    break
                except DependencyUnavailable:
                    await asyncio.sleep(0.1)
            notes.write(f"{number}\n")
            notes.flush()
            os.fsync(notes.fileno())
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    if sys.argv[1] == "consume":
        asyncio.run(consume())
    else:
        asyncio.run(produce(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
