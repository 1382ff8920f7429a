"""Polling of YouTube live chats."""

import asyncio
import contextlib
from itertools import groupby

import httpx

from config import Config
from flask_core import AAALogger, get_logger
from models import Inbound
from services.chat_map import to_inbound

logger = get_logger(__name__)
aaa = AAALogger('kick_youtube.chat')

_GONE = (403, 404)


class ChatPoller:
    """Reads every live chat in turn, and renews the hub's leases."""

    def __init__(self, registry, youtube, forwarder, websub):
        """Keep the collaborators; page marks live as long as their chat."""
        self._registry = registry
        self._youtube = youtube
        self._forwarder = forwarder
        self._websub = websub
        self._marks = {}
        self._tasks = []

    def start(self):
        """Start both loops."""
        self._tasks = [
            asyncio.create_task(self._forever(self._tick, Config.CHAT_POLL_INTERVAL)),
            asyncio.create_task(self._forever(self._websub.renew, Config.LEASE_CHECK_INTERVAL)),
        ]

    async def stop(self):
        """End both loops, and wait for them."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _forever(self, job, pause):
        """Run a job again and again."""
        while True:
            try:
                await job()
            except BaseException as exc:
                aaa.error('poll', exc)
            await asyncio.sleep(pause)

    async def _tick(self):
        """Read each live chat once."""
        live = await self._registry.live_youtube()
        chats = {
            chat_id: [(row['community_id'], row['channel_id']) for row in rows]
            for chat_id, rows in groupby(live, key=lambda row: row['live_chat_id'])
        }
        for stale in self._marks.keys() - chats.keys():
            del self._marks[stale]
        await asyncio.gather(*(self._read(chat_id, who) for chat_id, who in chats.items()))

    async def _read(self, chat_id, listeners):
        """Read one chat, and forward what is new to each community that follows it."""
        known = chat_id in self._marks
        try:
            items, mark = await self._youtube.chat_page(chat_id, self._marks.get(chat_id))
        except httpx.HTTPStatusError as exc:
            if exc.response.status_code in _GONE:
                await self._ended(chat_id, listeners)
            else:
                aaa.error('chat_page', exc)
            return
        except httpx.TransportError as exc:
            aaa.error('chat_page', exc)
            return
        self._marks[chat_id] = mark
        if not known:
            return  # the first page is history
        events = [
            event
            for community_id, channel_id in listeners
            for event in (to_inbound(item, community_id, channel_id) for item in items)
            if event is not None
        ]
        if events:
            await self._forwarder.send_many(events)

    async def _ended(self, chat_id, listeners):
        """Note the end of a broadcast."""
        self._marks.pop(chat_id, None)
        await self._registry.set_live(listeners[0][1], None)
        await self._forwarder.send_many(
            [
                Inbound('youtube', 'stream_offline', community_id, channel_id)
                for community_id, channel_id in listeners
            ]
        )
