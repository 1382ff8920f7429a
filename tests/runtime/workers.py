"""The processes that the event tests kill: `consume`, `produce FIRST LAST JOURNAL`, `relay`
or `announce COMMUNITY LAST`."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from flask_core.announce import announce
from flask_core.config import PostgresSettings, RedisSettings
from flask_core.database import AsyncDAL
from flask_core.datamodels import Consumer, Event
from flask_core.errors import DependencyUnavailable
from flask_core.events import Events
from flask_core.context import community_scope
from flask_core.metrics import Metrics
from flask_core.outbox import Outbox
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


class Undone(Exception):
    """A change that is taken back."""


def teller() -> tuple[AsyncDAL, Events]:
    """A database, and events that go through its outbox."""
    database, redis = AsyncDAL(PostgresSettings()), RedisX(RedisSettings())
    events = Events(redis, "teller", Metrics("teller", "1"), database)
    events.outbox = Outbox(database, events)
    return database, events


async def relay() -> None:
    """Put what was written on its stream, until killed."""
    _, events = teller()
    assert events.outbox is not None
    await events.outbox.relay(asyncio.Event())


async def announce_items(community: int, last: int) -> None:
    """Make item after item, each with its event; every third is taken back at first."""
    database, events = teller()
    with community_scope(community):
        number = len(await database.query(Item))
        while number < last:
            try:
                await _make(database, events, f"n{number}", undo=number % 3 == 0)
                number += 1
            except DependencyUnavailable:
                await asyncio.sleep(0.05)
                number = len(await database.query(Item))


async def _make(database: AsyncDAL, events: Events, name: str, undo: bool) -> None:
    """One item and its event; before that, where it is said, one that is undone."""
    for is_undone in (True, False) if undo else (False,):
        with contextlib.suppress(Undone):
            async with database.transaction():
                await database.create(Item, name=name)
                told = {"name": name, "undone": is_undone}
                await announce(events, NAME, ["name", "undone"], told, durable=True)
                if is_undone:
                    raise Undone


if __name__ == "__main__":
    if sys.argv[1] == "consume":
        asyncio.run(consume())
    elif sys.argv[1] == "relay":
        asyncio.run(relay())
    elif sys.argv[1] == "announce":
        asyncio.run(announce_items(int(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(produce(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
