"""Now-playing poller and its websocket listeners."""

import asyncio
import contextlib
import json

from prometheus_client import Counter, Gauge

from config import config
from services import library, spotify, store
from utils.logging import event, logger

POLLS = Counter("music_polls_total", "Polls of Spotify", ["result"])
LISTENERS = Gauge("music_listeners", "Open websockets")

_jobs = set()


async def publish(community, payload):
    """Tell the other services what is on."""
    await store.cache().publish(f"music:{community}", json.dumps(payload))


async def _poll_one(community):
    playing = await spotify.now_playing(community)
    item = playing.get("item") or {}
    last = await store.cache().get(f"music:last:{community}")
    if not item or last == item["id"]:
        return
    await store.cache().setex(f"music:last:{community}", 300, item["id"])
    publish(community, {"id": item["id"], "title": item["name"]})
    POLLS.labels("changed").inc()


async def poll_forever():
    """Poll every linked community until the module stops."""
    while True:
        try:
            rows = await library.linked_communities()
            calls = [_poll_one(row["community_id"]) for row in rows]
            for outcome in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(outcome, Exception):
                    POLLS.labels("error").inc()
                    logger.warning("poll failed: %s", outcome)
            await asyncio.sleep(config.poll_seconds)
        except BaseException:
            logger.exception("poller stumbled")


def start():
    """Start the poller."""
    job = asyncio.create_task(poll_forever())
    _jobs.add(job)
    job.add_done_callback(_jobs.discard)
    event("SYSTEM", "poller_started")


async def stop():
    """Stop the poller and wait for it."""
    for job in list(_jobs):
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job


async def listen(community):
    """Yield messages of a community as they come."""
    channel = store.cache().pubsub()
    await channel.subscribe(f"music:{community}")
    LISTENERS.inc()
    try:
        async for message in channel.listen():
            if message["type"] == "message":
                yield message["data"]
    finally:
        LISTENERS.dec()
        await channel.aclose()
