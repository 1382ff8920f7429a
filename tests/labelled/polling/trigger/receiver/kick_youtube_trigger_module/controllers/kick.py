"""Kick's webhook."""

from quart import Blueprint, current_app, request

from flask_core import AAALogger, fail, ok
from services.chat_map import kick_inbound
from services.signatures import verify_kick

kick_bp = Blueprint('kick', __name__)

aaa = AAALogger('kick_youtube.kick')


@kick_bp.post('/webhook/kick')
async def kick_webhook():
    """Take a delivery: verify, drop repeats, forward."""
    raw = await request.get_data()
    if not await verify_kick(request.headers, raw):
        aaa.auth('kick_webhook', user='kick', result='denied', reason='bad_signature')
        return fail(401, 'invalid_signature')

    body = await request.get_json(silent=True)
    broadcaster = body.get('broadcaster') if isinstance(body, dict) else None
    if not isinstance(broadcaster, dict) or not str(broadcaster.get('user_id', '')).isdecimal():
        return fail(400, 'invalid_input', 'no broadcaster in the delivery')

    message_id = request.headers.get('Kick-Event-Message-Id')
    dedupe = current_app.extensions['dedupe']
    if not await dedupe.first_time('kick', message_id, raw):
        return ok({'duplicate': True})

    channel_id = str(broadcaster['user_id'])
    community_id = await current_app.extensions['registry'].kick_owner(channel_id)
    if community_id is None:
        return ok({'ignored': 'unknown_channel'})
    event = kick_inbound(request.headers.get('Kick-Event-Type'), body, community_id, channel_id)
    if event is None:
        return ok({'ignored': 'unknown_type'})
    if not await current_app.extensions['forwarder'].send(event):
        await dedupe.forget('kick', message_id, raw)
        return fail(503, 'router_unavailable')
    return ok({'forwarded': True})
