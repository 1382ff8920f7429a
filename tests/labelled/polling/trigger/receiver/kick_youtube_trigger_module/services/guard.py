"""Key and community checks the views call first."""

from quart import current_app, g, request

from flask_core import AAALogger, fail, lookup_caller

aaa = AAALogger('kick_youtube.guard')


async def guard(role):
    """Check the key. Sets g.caller and g.community_id; returns the refusal, or None."""
    caller = await lookup_caller(current_app.extensions['dal'], request.headers.get('X-API-Key'))
    if caller is None or not caller.has_role(role):
        aaa.auth(request.endpoint, result='denied', reason='bad_key')
        return fail(401, 'unauthorized')
    community_id = caller.pick_community(request.headers.get('X-Community-ID'))
    if community_id is None:
        aaa.authz(request.endpoint, caller.name, None, 'denied', 'community')
        return fail(403, 'forbidden')
    g.caller = caller
    g.community_id = community_id
    return None
