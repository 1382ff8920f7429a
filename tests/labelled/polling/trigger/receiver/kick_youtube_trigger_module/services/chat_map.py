"""From the platforms' shapes to ours."""

from models import Inbound


def _text(snippet):
    """Message of an ordinary line."""
    return snippet.get('displayMessage') or '', {}


def _super_chat(snippet):
    """Message and amount of a Super Chat."""
    details = snippet.get('superChatDetails') or {}
    amount = {'amount_micros': details.get('amountMicros'), 'currency': details.get('currency')}
    return details.get('userComment') or '', amount


def _member(snippet):
    """Level of a new member."""
    details = snippet.get('newSponsorDetails') or {}
    return '', {'level': details.get('memberLevelName')}


YOUTUBE_KINDS = {
    'textMessageEvent': ('chatMessage', _text),
    'superChatEvent': ('donation', _super_chat),
    'newSponsorEvent': ('subscription', _member),
}


def to_inbound(item, community_id, channel_id):
    """Turn a chat item into an event, or None when it is of no interest."""
    snippet, author = item.get('snippet') or {}, item.get('authorDetails') or {}
    kind = YOUTUBE_KINDS.get(snippet.get('type'))
    if kind is None or not author.get('channelId'):
        return None
    message_type, read = kind
    message, extra = read(snippet)
    return Inbound(
        'youtube',
        message_type,
        community_id,
        channel_id,
        user_id=author['channelId'],
        username=author.get('displayName') or '',
        message=message,
        extra=extra,
    )


def _kick_stream(body):
    """Kind of a status update."""
    return 'stream_online' if body.get('is_live') else 'stream_offline'


KICK_KINDS = {
    'chat.message.sent': ('chatMessage', 'sender'),
    'channel.followed': ('follow', 'follower'),
    'channel.subscription.new': ('subscription', 'subscriber'),
    'channel.subscription.gifts': ('gift_subscription', 'gifter'),
    'livestream.status.updated': (_kick_stream, None),
    'moderation.banned': ('ban', 'banned_user'),
}


def kick_inbound(event_type, body, community_id, channel_id):
    """Turn a Kick delivery into an event, or None when it is of no interest."""
    kind = KICK_KINDS.get(event_type)
    if kind is None:
        return None
    message_type, who = kind
    user = body.get(who) if who else None
    if not isinstance(user, dict):
        user = {}
    content = body.get('content')
    return Inbound(
        'kick',
        message_type(body) if callable(message_type) else message_type,
        community_id,
        channel_id,
        user_id=str(user.get('user_id') or ''),
        username=str(user.get('username') or ''),
        message=content if isinstance(content, str) else '',
    )
