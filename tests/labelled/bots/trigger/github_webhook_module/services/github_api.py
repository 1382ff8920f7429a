"""Calls back to GitHub for details the payload leaves out."""

import asyncio
from typing import Optional

import aiohttp

import config
from services.log import log

_session: Optional[aiohttp.ClientSession] = None


def session() -> aiohttp.ClientSession:
    """Shared session, created on first use inside the loop."""
    global _session
    if _session is None or _session.closed:
        _session = aiohttp.ClientSession(
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {config.GITHUB_TOKEN}",
            },
            timeout=aiohttp.ClientTimeout(total=8, connect=3),
        )
    return _session


async def commit_stats(repo: str, sha: str) -> dict[str, int]:
    """Additions and deletions of a commit; zeros if GitHub does not answer."""
    url = f"{config.GITHUB_API}/repos/{repo}/commits/{sha}"
    try:
        async with session().get(url) as resp:
            if resp.status != 200:
                log.error(f"github answered {resp.status}", action="commit_stats")
                return {"additions": 0, "deletions": 0}
            body = await resp.json()
    except (aiohttp.ClientError, asyncio.TimeoutError) as exc:
        log.error(repr(exc), action="commit_stats")
        return {"additions": 0, "deletions": 0}
    found = body.get("stats", {})
    return {
        "additions": found.get("additions", 0),
        "deletions": found.get("deletions", 0),
    }


async def totals(repo: str, shas: list[str]) -> dict[str, int]:
    """Sum of the stats over the last few commits of a push."""
    each = await asyncio.gather(*(commit_stats(repo, sha) for sha in shas[-5:]))
    return {
        "additions": sum(item["additions"] for item in each),
        "deletions": sum(item["deletions"] for item in each),
    }


async def close() -> None:
    """Close the shared session."""
    if _session is not None:
        await _session.close()
