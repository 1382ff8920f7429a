"""Delivers formatted messages to the router."""

import asyncio
import random

import aiohttp

import config
from services import store
from services.events import FORMATTERS
from services.log import log

ROUTES = config.load_routes()


class DispatchError(RuntimeError):
    """The router did not take the message."""


def communities_for(repo: str, extra: list[int] = []) -> list[int]:
    """Community ids subscribed to a repository."""
    extra.extend(ROUTES.get(repo.lower(), ()))
    return extra


async def post_message(community_id: int, text: str) -> None:
    """Hand one message to the router, trying three times."""
    body = {
        "source": config.MODULE_NAME,
        "community_id": community_id,
        "message": text[:1900],
    }
    headers = {
        "X-API-Key": config.ROUTER_API_KEY,
        "X-Community-ID": str(community_id),
    }
    url = f"{config.ROUTER_URL}/api/v1/messages"
    for attempt in range(3):
        try:
            async with aiohttp.ClientSession() as http:
                async with http.post(url, json=body, headers=headers) as resp:
                    if resp.status == 200:
                        return
                    log.error(f"router answered {resp.status}", action="post_message")
        except aiohttp.ClientError as exc:
            log.error(repr(exc), action="post_message", community=community_id)
        await asyncio.sleep(0.5 * 2**attempt + random.random() * 0.2)
    raise DispatchError(f"router refused a message for community {community_id}")


async def deliver(delivery_id: str, event: str, payload: dict) -> int:
    """Format a payload and send it to every subscribed community."""
    formatter = FORMATTERS.get(event)
    if formatter is None:
        log.debug(f"no formatter for {event}")
        return 0
    text = await formatter(payload)
    if text is None:
        return 0
    repo = payload["repository"]["full_name"]
    await store.count(repo)
    targets = communities_for(repo)
    outcomes = await asyncio.gather(
        *(post_message(cid, text) for cid in targets), return_exceptions=True
    )
    for cid, outcome in zip(targets, outcomes):
        result = "failure" if isinstance(outcome, Exception) else "success"
        log.audit("deliver", "github", cid, result, delivery=delivery_id)
    return len(targets)
