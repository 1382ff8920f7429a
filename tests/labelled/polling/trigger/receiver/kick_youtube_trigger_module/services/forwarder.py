"""Hand events to the router."""

import asyncio

import httpx

from config import Config
from flask_core import AAALogger, get_logger

logger = get_logger(__name__)
aaa = AAALogger('kick_youtube.forwarder')

_ATTEMPTS = 3
_BATCH = 100


class Forwarder:
    """Client of the router's event endpoints."""

    def __init__(self, http):
        """Keep the client; its timeout is the module's."""
        self._http = http

    async def _post(self, path, payload):
        """Post with a few tries; 4xx is final."""
        for attempt in range(_ATTEMPTS):
            try:
                reply = await self._http.post(
                    f'{Config.ROUTER_URL}{path}',
                    json=payload,
                    headers={'X-API-Key': Config.ROUTER_API_KEY},
                )
            except httpx.TransportError as exc:
                logger.warning('router unreachable (%s), try %d', type(exc).__name__, attempt + 1)
            else:
                if reply.status_code < 500:
                    return reply.is_success
                logger.warning('router answered %d, try %d', reply.status_code, attempt + 1)
            await asyncio.sleep(0.5 * 2**attempt)
        return False

    async def send(self, event):
        """Forward one event."""
        done = await self._post('/api/v1/router/events', event.as_payload())
        if not done:
            aaa.system('forward', 'failure', kind=event.message_type, community=event.community_id)
        return done

    async def send_many(self, events):
        """Forward events in batches of what the router takes; returns how many were taken."""
        taken = 0
        for start in range(0, len(events), _BATCH):
            part = events[start : start + _BATCH]
            payload = {'events': [event.as_payload() for event in part]}
            if await self._post('/router/events/batch', payload):
                taken += len(part)
        if taken < len(events):
            aaa.system('forward', 'failure', kind='batch', lost=len(events) - taken)
        return taken
