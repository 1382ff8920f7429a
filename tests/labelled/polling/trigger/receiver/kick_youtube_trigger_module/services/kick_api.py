"""The calls we make to Kick."""

import asyncio
import time

from config import Config
from flask_core import get_logger

logger = get_logger(__name__)

EVENTS = (
    'chat.message.sent',
    'channel.followed',
    'channel.subscription.new',
    'channel.subscription.gifts',
    'livestream.status.updated',
    'moderation.banned',
)


class KickApi:
    """App token and event subscriptions."""

    def __init__(self, http):
        """Keep the client."""
        self._http = http
        self._lock = asyncio.Lock()
        self._bearer = ''
        self._until = 0.0

    async def _app_token(self):
        """Return an app token, asking for another when it is about to end."""
        async with self._lock:
            if time.monotonic() >= self._until:
                reply = await self._http.post(
                    Config.KICK_OAUTH,
                    data={
                        'grant_type': 'client_credentials',
                        'client_id': Config.KICK_CLIENT_ID,
                        'client_secret': Config.KICK_CLIENT_SECRET,
                    },
                )
                reply.raise_for_status()
                grant = reply.json()
                token_ttl = int(grant['expires_in'])
                self._bearer = grant['access_token']
                self._until = time.monotonic() + max(token_ttl - 60, 30)
                logger.info('kick app token renewed, valid for %d s', token_ttl)
            return self._bearer

    async def subscribe(self, channel_id):
        """Ask Kick for a channel's events."""
        bearer = await self._app_token()
        reply = await self._http.post(
            f'{Config.KICK_API}/events/subscriptions',
            headers={'Authorization': f'Bearer {bearer}'},
            json={
                'broadcaster_user_id': int(channel_id),
                'method': 'webhook',
                'events': [{'name': name, 'version': 1} for name in EVENTS],
            },
        )
        reply.raise_for_status()
