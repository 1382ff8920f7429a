"""YouTube's WebSub callback."""

from xml.etree.ElementTree import ParseError

import httpx
from quart import Blueprint, Response, current_app, request

from flask_core import AAALogger, ValidationFailed, fail, int_arg
from models import BROADCAST_ID, CHANNEL_ID, Inbound
from services.signatures import verify_hub, verify_hub_token
from services.websub import channel_of, read_feed

youtube_bp = Blueprint('youtube', __name__, url_prefix='/webhook')

aaa = AAALogger('kick_youtube.websub')


@youtube_bp.get('/youtube')
async def confirm():
    """Answer the hub's question whether we meant it."""
    args = request.args
    channel_id = channel_of(args.get('hub.topic', ''))
    if not verify_hub_token(args.get('hub.verify_token')):
        aaa.auth('websub_confirm', user='hub', result='denied', reason='bad_token')
        return fail(403, 'forbidden')
    if channel_id is None or not CHANNEL_ID.fullmatch(channel_id):
        return fail(404, 'unknown_topic')

    registry = current_app.extensions['registry']
    owners = await registry.youtube_owners(channel_id)
    mode = args.get('hub.mode')
    if (mode == 'subscribe') != bool(owners):
        return fail(404, 'unknown_topic')
    if mode == 'subscribe':
        await registry.set_lease(channel_id, int_arg(args, 'hub.lease_seconds', 0, 0, 10**7))
    return Response(args.get('hub.challenge', '')[:256], content_type='text/plain')


@youtube_bp.post('/youtube')
async def notify():
    """Take a feed: something was published, or went live."""
    raw = await request.get_data()
    if not verify_hub(request.headers, raw):
        aaa.auth('websub_notify', user='hub', result='denied', reason='bad_signature')
        return fail(401, 'invalid_signature')
    try:
        pairs = read_feed(raw)
    except (ParseError, ValueError):
        raise ValidationFailed('not a feed') from None
    try:
        for channel_id, video_id in pairs[:10]:
            if CHANNEL_ID.fullmatch(channel_id) and BROADCAST_ID.fullmatch(video_id):
                await _published(channel_id, video_id)
    except httpx.HTTPError as exc:
        aaa.error('websub_notify', exc)
        return fail(503, 'youtube_unavailable')
    return '', 204


async def _published(channel_id, video_id):
    """Find out whether a video is a broadcast, and tell whoever follows the channel."""
    ext = current_app.extensions
    found = await ext['youtube'].broadcast(video_id)
    if not found or found['channel_id'] != channel_id or not found['live_chat_id']:
        return
    if not await ext['dedupe'].first_time('youtube', video_id):
        return
    owners = await ext['registry'].youtube_owners(channel_id)
    await ext['registry'].set_live(channel_id, found['live_chat_id'])
    details = {'title': found['title'], 'video_id': video_id}
    await ext['forwarder'].send_many(
        [
            Inbound('youtube', 'stream_online', community_id, channel_id, extra=details)
            for community_id in owners
        ]
    )
