"""Music commands."""

from pydantic import ValidationError
from quart import Blueprint, g, jsonify, request, websocket

from models import PlaylistRequest, QueueRequest, SearchQuery, SkipVote
from services import library, live, lyrics, spotify
from utils.auth import api_key, body_of
from utils.logging import event

bp = Blueprint("music", __name__)

VOTES_NEEDED = 5
_votes: dict[int, set[str]] = {}


@bp.errorhandler(spotify.SpotifyError)
async def spotify_down(exc):
    """Answer 503 when Spotify fails us."""
    return jsonify(error="spotify_unavailable", message=str(exc), status=503), 503


@bp.post("/queue")
@api_key("action", "admin")
@body_of(QueueRequest)
async def queue(body):
    """Queue a track for a viewer."""
    await spotify.enqueue(g.community, body.track_uri)
    event("AUDIT", "queue", community=g.community, user=body.user_id)
    return jsonify(success=True)


@bp.post("/skip")
@api_key("action", "admin")
@body_of(SkipVote)
async def skip(body):
    """Count a vote and skip when enough people agree."""
    votes = _votes.setdefault(g.community, set())
    votes.add(body.user_id)
    if len(votes) < VOTES_NEEDED:
        return jsonify(success=True, votes=len(votes), skipped=False)
    votes.clear()
    await spotify.skip(g.community)
    event("AUDIT", "skip", community=g.community, user=body.user_id)
    return jsonify(success=True, votes=VOTES_NEEDED, skipped=True)


@bp.put("/volume")
@api_key("admin")
async def volume():
    """Set the volume of the player."""
    data = await request.get_json()
    await spotify.set_volume(g.community, data["percent"])
    event("AUDIT", "volume", community=g.community)
    return jsonify(success=True)


@bp.get("/search")
@api_key("trigger", "action", "admin")
async def search():
    """Search the tracks this community knows."""
    try:
        query = SearchQuery.model_validate(request.args.to_dict())
    except ValidationError as exc:
        return jsonify(error="invalid_input", detail=exc.errors(include_url=False)), 400
    rows = await library.search(g.community, query)
    return jsonify(tracks=[dict(row) for row in rows])


@bp.get("/tracks/<track_id>")
@api_key("trigger", "action", "admin")
async def track(track_id):
    """Return a track with its lyrics."""
    if not (track_id.isalnum() and len(track_id) == 22):
        return jsonify(error="invalid_input", status=400), 400
    info = await spotify.track(g.community, track_id)
    words = await lyrics.lyrics_for(f"{info['artists'][0]['name']}/{info['name']}")
    return jsonify(track=info, lyrics=words)


@bp.post("/playlists")
@api_key("action", "admin")
@body_of(PlaylistRequest)
async def add_playlist(body):
    """Create a playlist."""
    number = await library.create_playlist(g.community, body.name, body.public)
    event("AUDIT", "add_playlist", community=g.community, playlist=number)
    return jsonify(success=True, id=number)


@bp.delete("/playlists/<int:playlist>")
@api_key("admin")
async def remove_playlist(playlist):
    """Delete a playlist."""
    await library.drop_playlist(playlist)
    event("AUDIT", "remove_playlist", community=g.community, playlist=playlist)
    return jsonify(success=True)


@bp.websocket("/live/<int:community>")
async def live_feed(community):
    """Push now-playing messages to an overlay."""
    await websocket.accept()
    async for message in live.listen(community):
        await websocket.send(message)
