"""Linking a Spotify account."""

import secrets
from urllib.parse import urlencode

from quart import Blueprint, g, jsonify, redirect, request

from config import config
from services import spotify, store
from utils.auth import api_key
from utils.logging import event

bp = Blueprint("oauth", __name__)

SCOPES = "user-read-currently-playing user-modify-playback-state"


@bp.get("/link")
@api_key("admin")
async def link():
    """Return the address where the streamer agrees."""
    state = secrets.token_urlsafe(24)
    await store.cache().setex(f"oauth:state:{state}", 300, g.community)
    query = urlencode(
        {
            "response_type": "code",
            "client_id": config.spotify_id,
            "scope": SCOPES,
            "redirect_uri": config.spotify_redirect,
            "state": state,
        }
    )
    return jsonify(url=f"https://accounts.spotify.com/authorize?{query}")


@bp.get("/callback")
async def callback():
    """Finish the OAuth dance."""
    state, code = request.args.get("state", ""), request.args.get("code", "")
    community = await store.cache().getdel(f"oauth:state:{state}")
    if not community or not code:
        event("AUTH", "spotify_callback", "denied")
        return jsonify(error="unauthorized", status=401), 401
    try:
        await spotify.exchange_code(int(community), code)
    except spotify.SpotifyError as exc:
        event("AUTH", "spotify_callback", "failure", error=str(exc))
        return jsonify(error="spotify_refused", status=503), 503
    event("AUTH", "spotify_callback", community=community)
    return redirect("/linked.html")


@bp.delete("/link")
@api_key("admin")
async def unlink():
    """Forget the linked account."""
    await spotify.unlink(g.community)
    return jsonify(success=True)
