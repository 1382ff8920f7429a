"""Registration of channels."""

import httpx
from pydantic import ValidationError
from quart import Blueprint, current_app, g, request

from flask_core import AAALogger, fail, int_arg, ok, rate_limit
from models import BROADCAST_ID, KickLinkIn, UnregisterIn
from services.guard import guard
from services.websub import NotConfigured

channels_bp = Blueprint('channels', __name__, url_prefix='/api/v1')

aaa = AAALogger('kick_youtube.channels')


def _ext(name):
    """Shorthand for what the application holds."""
    return current_app.extensions[name]


async def _params():
    """Return the params of an action, an empty dict when there are none."""
    body = await request.get_json(silent=True)
    params = body.get('params') if isinstance(body, dict) else None
    return params if isinstance(params, dict) else {}


def _parsed(model, params):
    """Return the model's instance, or None when the params do not fit."""
    try:
        return model.model_validate(params)
    except ValidationError:
        return None


@channels_bp.post('/action/register_channel')
@rate_limit(30, 60)
async def register_channel():
    """Register a YouTube channel for the caller's community."""
    refused = await guard('trigger')
    if refused:
        return refused
    params = await _params()
    channel_id = params['channel_id']
    try:
        title = await _ext('youtube').channel_title(channel_id)
    except httpx.HTTPError as exc:
        aaa.error('register_channel', exc, community=g.community_id)
        return fail(503, 'youtube_unavailable')
    if title is None:
        return fail(404, 'unknown_channel')
    await _ext('registry').add_youtube(g.community_id, channel_id, title)
    if params.get('subscribe', True):
        try:
            await _ext('websub').ask(channel_id)
        except (httpx.HTTPError, NotConfigured) as exc:
            aaa.error('websub_subscribe', exc, community=g.community_id)
            return fail(503, 'hub_unavailable')
    aaa.audit('register_channel', g.caller.name, g.community_id, channel=channel_id)
    return ok({'channel_id': channel_id, 'title': title})


@channels_bp.post('/action/unregister_channel')
@rate_limit(30, 60)
async def unregister_channel():
    """Unregister a YouTube channel."""
    refused = await guard('trigger')
    if refused:
        return refused
    wanted = _parsed(UnregisterIn, await _params())
    if wanted is None:
        return fail(400, 'invalid_input', 'channel_id does not fit')
    registry = _ext('registry')
    if not await registry.drop_youtube(g.community_id, wanted.channel_id):
        return fail(404, 'unknown_channel')
    if not await registry.youtube_owners(wanted.channel_id):
        try:
            await _ext('websub').ask(wanted.channel_id, mode='unsubscribe')
        except (httpx.HTTPError, NotConfigured) as exc:
            aaa.error('websub_unsubscribe', exc, community=g.community_id)
    aaa.audit('unregister_channel', g.caller.name, g.community_id, channel=wanted.channel_id)
    return ok({'channel_id': wanted.channel_id})


@channels_bp.post('/action/link_kick_channel')
@rate_limit(30, 60)
async def link_kick_channel():
    """Link a Kick channel to the caller's community."""
    refused = await guard('trigger')
    if refused:
        return refused
    wanted = _parsed(KickLinkIn, await _params())
    if wanted is None:
        return fail(400, 'invalid_input', 'channel_id and chatroom_id are required')
    free = await _ext('registry').add_kick(g.community_id, wanted.channel_id, wanted.chatroom_id)
    if not free:
        aaa.authz('link_kick_channel', g.caller.name, g.community_id, 'denied', 'taken')
        return fail(403, 'channel_taken')
    try:
        await _ext('kick').subscribe(wanted.channel_id)
    except httpx.HTTPError as exc:
        aaa.error('kick_subscribe', exc, community=g.community_id)
        return fail(503, 'kick_unavailable')
    aaa.audit('link_kick_channel', g.caller.name, g.community_id, channel=wanted.channel_id)
    return ok({'channel_id': wanted.channel_id})


@channels_bp.get('/channels')
async def list_channels():
    """List the community's YouTube channels."""
    refused = await guard('trigger')
    if refused:
        return refused
    limit = int_arg(request.args, 'limit', 50, 1, 200)
    offset = int_arg(request.args, 'offset', 0, 0, 100_000)
    rows = await _ext('registry').youtube_channels(g.community_id, limit, offset)
    for row in rows:
        row['lease_expires'] = row['lease_expires'] and row['lease_expires'].isoformat()
    return ok(rows, count=len(rows))


@channels_bp.get('/broadcasts/<video_id>')
async def broadcast(video_id):
    """Show a broadcast of one of the community's channels."""
    refused = await guard('trigger')
    if refused:
        return refused
    if not BROADCAST_ID.fullmatch(video_id):
        return fail(400, 'invalid_input', 'no such form of id')
    try:
        found = await _ext('youtube').broadcast(video_id)
    except httpx.HTTPError as exc:
        aaa.error('broadcast', exc, community=g.community_id)
        return fail(503, 'youtube_unavailable')
    if not found:
        return fail(404, 'not_found')
    if g.community_id not in await _ext('registry').youtube_owners(found['channel_id']):
        return fail(404, 'not_found')
    return ok(found)
