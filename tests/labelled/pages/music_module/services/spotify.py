"""Spotify Web API."""

import asyncio
import subprocess
import time

import aiohttp
import httpx
from cachetools import TTLCache

from config import TOKEN_URL, config
from services import store
from utils.logging import event, logger, redact

API = "https://api.spotify.com/v1"
PATIENT = aiohttp.ClientTimeout(total=None)

_tracks = TTLCache(maxsize=2048, ttl=60)


class SpotifyError(RuntimeError):
    """Spotify said no."""


async def _token_call(form):
    auth = httpx.BasicAuth(config.spotify_id, config.spotify_secret)
    async with httpx.AsyncClient() as client:
        answer = await client.post(TOKEN_URL, data=form, auth=auth)
    payload = answer.json()
    if answer.status_code != 200:
        logger.warning("token call refused: %s", redact(payload))
        raise SpotifyError(payload.get("error", "unknown"))
    logger.info("token call answered", extra={"fields": payload})
    return payload


async def exchange_code(community, code):
    """Trade an OAuth code for tokens and keep them."""
    payload = await _token_call(
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": config.spotify_redirect,
        }
    )
    await store.db().execute(
        "INSERT INTO music_accounts (community_id, refresh_token) VALUES ($1, $2)"
        " ON CONFLICT (community_id) DO UPDATE SET refresh_token = $2",
        community,
        payload["refresh_token"],
    )
    key = f"spotify:access:{community}"
    await store.cache().setex(key, payload["expires_in"] - 30, payload["access_token"])


async def access_token(community):
    """Return a fresh access token of a community."""
    key = f"spotify:access:{community}"
    token = await store.cache().get(key)
    if token:
        return token
    refresh = await store.db().fetchval(
        "SELECT refresh_token FROM music_accounts WHERE community_id = $1", community
    )
    if refresh is None:
        raise SpotifyError("not linked")
    payload = await _token_call(
        {"grant_type": "refresh_token", "refresh_token": refresh}
    )
    await store.cache().setex(key, payload["expires_in"] - 30, payload["access_token"])
    return payload["access_token"]


async def _call(method, path, community, **kwargs):
    headers = {"Authorization": f"Bearer {await access_token(community)}"}
    async with httpx.AsyncClient(base_url=API, timeout=5, headers=headers) as client:
        answer = await client.request(method, path, **kwargs)
    if answer.status_code >= 400:
        raise SpotifyError(f"{method} {path}: {answer.status_code}")
    return answer.json() if answer.content else {}


async def track(community, track_id):
    """Return a track, from the cache when we just saw it."""
    if track_id not in _tracks:
        params = {"market": config.spotify_market}
        _tracks[track_id] = await _call(
            "GET", f"/tracks/{track_id}", community, params=params
        )
    return _tracks[track_id]


async def now_playing(community):
    """Return what the community's player is at."""
    return await _call("GET", "/me/player/currently-playing", community)


async def enqueue(community, uri):
    """Queue a track."""
    await _call("POST", "/me/player/queue", community, params={"uri": uri})


async def skip(community):
    """Skip the current track."""
    await _call("POST", "/me/player/next", community)


async def set_volume(community, percent):
    """Set the player's volume."""
    await _call(
        "PUT", "/me/player/volume", community, params={"volume_percent": percent}
    )


async def fetch_preview(url):
    """Download a preview clip."""
    async with aiohttp.ClientSession(timeout=PATIENT) as session:
        async with session.get(url) as answer:
            answer.raise_for_status()
            return await answer.read()


def _loudness(clip):
    for attempt in range(3):
        done = subprocess.run(
            ["ffmpeg", "-i", "-", "-af", "volumedetect", "-f", "null", "-"],
            input=clip,
            capture_output=True,
            timeout=20,
            check=False,
        )
        if done.returncode == 0:
            return done.stderr.decode(errors="replace").rsplit("mean_volume:", 1)[-1]
        time.sleep(0.5 * (attempt + 1))
    return ""


async def measure(url):
    """Return the mean loudness of a preview clip."""
    clip = await fetch_preview(url)
    return (await asyncio.to_thread(_loudness, clip)).strip()


async def unlink(community):
    """Forget the account of a community."""
    await store.db().execute(
        "DELETE FROM music_accounts WHERE community_id = $1", community
    )
    await store.cache().delete(f"spotify:access:{community}")
    event("AUDIT", "unlink", community=community)
