"""Subscriptions at Google's hub, and the feed it sends."""

from config import Config
from flask_core import get_logger

logger = get_logger(__name__)

TOPIC = 'https://www.youtube.com/xml/feeds/videos.xml?channel_id='
_ATOM = '{http://www.w3.org/2005/Atom}'
_YT = '{http://www.youtube.com/xml/schemas/2015}'


class NotConfigured(RuntimeError):
    """The hub's settings are incomplete."""


class WebSub:
    """Client of the hub."""

    def __init__(self, http, registry):
        """Keep the client and the registry."""
        self._http = http
        self._registry = registry

    async def ask(self, channel_id, mode='subscribe'):
        """Ask the hub to begin, go on or end sending a channel's feed."""
        if not (Config.YOUTUBE_WEBSUB_SECRET and Config.YOUTUBE_WEBHOOK_CALLBACK_URL):
            raise NotConfigured('YOUTUBE_WEBSUB_SECRET and the callback URL are needed')
        form = {
            'hub.callback': Config.YOUTUBE_WEBHOOK_CALLBACK_URL,
            'hub.topic': f'{TOPIC}{channel_id}',
            'hub.mode': mode,
            'hub.verify': 'async',
            'hub.verify_token': Config.YOUTUBE_VERIFY_TOKEN,
            'hub.secret': Config.YOUTUBE_WEBSUB_SECRET,
            'hub.lease_seconds': str(Config.YOUTUBE_LEASE_SECONDS),
        }
        reply = await self._http.post(Config.YOUTUBE_HUB, data=form)
        logger.info('hub answered %d to %r', reply.status_code, form)
        reply.raise_for_status()

    async def renew(self):
        """Renew the subscriptions that end within a day."""
        for channel_id in await self._registry.leases_ending(86400):
            try:
                await self.ask(channel_id)
            except Exception:
                logger.exception('renewal failed, the next round tries again')


def channel_of(topic):
    """Return the channel a topic names, or None."""
    return topic.removeprefix(TOPIC) if topic.startswith(TOPIC) else None


def read_feed(raw):
    """Return the (channel id, video id) pairs a notification holds."""
    from defusedxml import ElementTree

    root = ElementTree.fromstring(raw)
    pairs = []
    for entry in root.iter(f'{_ATOM}entry'):
        channel_id = entry.findtext(f'{_YT}channelId')
        video_id = entry.findtext(f'{_YT}videoId')
        if channel_id and video_id:
            pairs.append((channel_id, video_id))
    return pairs
