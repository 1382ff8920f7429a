"""Models and shapes of what comes in."""

import re
from dataclasses import dataclass, field

from pydantic import BaseModel, Field

CHANNEL_ID = re.compile(r'UC[A-Za-z0-9_-]{22}')
BROADCAST_ID = re.compile(r'[A-Za-z0-9_-]{11}')


class UnregisterIn(BaseModel):
    """Params of unregister_channel."""

    channel_id: str = Field(pattern=r'^UC[A-Za-z0-9_-]{22}$')


class KickLinkIn(BaseModel):
    """Params of link_kick_channel."""

    channel_id: str = Field(pattern=r'^\d{1,18}$')
    chatroom_id: str = Field(pattern=r'^\d{1,18}$')


@dataclass(frozen=True)
class Inbound:
    """An event on its way to the router."""

    platform: str
    message_type: str
    community_id: int
    channel_id: str
    user_id: str = ''
    username: str = ''
    message: str = ''
    extra: dict = field(default_factory=dict)

    def as_payload(self):
        """Render for POST /api/v1/router/events."""
        return {
            'platform': self.platform,
            'message_type': self.message_type,
            'community_id': self.community_id,
            'entity_id': f'{self.platform}:{self.channel_id}',
            'user_id': f'{self.platform}:{self.user_id}' if self.user_id else None,
            'username': self.username[:64],
            'message': self.message[:500],
            'metadata': self.extra,
        }
