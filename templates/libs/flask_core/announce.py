"""Tell other modules what an endpoint has done, once it is done."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_core.context import community_or_none
from flask_core.errors import DependencyUnavailable
from flask_core.events import Events
from flask_core.logging import log_error
from flask_core.outbox import Outbox


async def announce(
    events: Events,
    name: str,
    fields: Sequence[str],
    *sources: Mapping[str, Any],
    durable: bool = False,
) -> None:
    """Publish an event whose fields come from the first source that has each.

    It is sent when the work is committed: an event that cannot be sent is logged, since an
    error would have the caller do the work a second time. A durable one is written in the
    transaction of the work where there is a database, and cannot be lost.
    """
    payload = {
        field: next((source[field] for source in sources if field in source), None)
        for field in fields
    }
    if durable and events.outbox is not None:
        await _write(events.outbox, name, payload)
        return
    send = events.enqueue if durable else events.publish

    async def tell() -> None:
        try:
            await send(name, payload)
        except DependencyUnavailable as error:
            log_error(community_or_none(), f"announce:{name}", error.error)

    if events.database is None:
        await tell()
    else:
        await events.database.after_commit(tell)


async def _write(outbox: Outbox, name: str, payload: Mapping[str, Any]) -> None:
    """Write a durable event; what can still be undone is, when that fails."""
    try:
        await outbox.put(name, payload)
    except DependencyUnavailable as error:
        if outbox.database.in_transaction:
            raise
        log_error(community_or_none(), f"announce:{name}", error.error)
