"""Labels: CRUD, applying them to entities, reporting."""

import asyncio
import csv
import io
import time
from collections import OrderedDict
from contextlib import suppress

import aiohttp
import requests

import db
from config import settings

CATEGORIES = ("user", "channel", "message", "event")
UPDATABLE = ("name", "color", "is_active")
CACHE_SECONDS = 60
CACHE_LIMIT = 500

_list_cache: OrderedDict = OrderedDict()
_name_cache: dict = {}


class LabelError(ValueError):
    """Request cannot be fulfilled; carries the HTTP status."""

    def __init__(self, message, status=400):
        """Keep the status for the controllers."""
        super().__init__(message)
        self.status = status


def _remember(key, value):
    """Cache ``value``, evicting the oldest entries."""
    _list_cache[key] = (time.monotonic() + CACHE_SECONDS, value)
    while len(_list_cache) > CACHE_LIMIT:
        _list_cache.popitem(last=False)


def _recall(key):
    """Cached value or None."""
    expires, value = _list_cache.get(key, (0.0, None))
    return value if expires > time.monotonic() else None


def _forget(community_id):
    """Drop what is cached for a community."""
    for key in [k for k in _list_cache if k[0] == community_id]:
        del _list_cache[key]


async def list_labels(community_id, category=None):
    """Active labels of a community."""
    key = (community_id, category)
    cached = _recall(key)
    if cached is not None:
        return cached
    sql = (
        "SELECT id, name, category, color FROM labels "
        "WHERE community_id = $1 AND is_active"
    )
    params = [community_id]
    if category is not None:
        sql += " AND category = $2"
        params.append(category)
    found = await db.rows(sql + " ORDER BY category, name", *params)
    _remember(key, found)
    return found


async def search(community_id, text, sort, limit, offset):
    """Labels whose name contains ``text``."""
    base = (
        "SELECT id, name, category, color, created_at FROM labels "
        "WHERE community_id = $1 AND name ILIKE '%' || $2 || '%'"
    )
    found = await db.page(base, [community_id, text], sort, limit, offset)
    for row in found:
        row["created_at"] = row["created_at"].isoformat()
    return found


async def label_id_for(community_id, name):
    """Resolve a label name to its id."""
    if name in _name_cache:
        return _name_cache[name]
    row = await db.one(
        "SELECT id FROM labels WHERE community_id = $1 AND lower(name) = lower($2)",
        community_id,
        name,
    )
    if row is None:
        raise LabelError(f"no label named {name!r}", 404)
    _name_cache[name] = row["id"]
    return row["id"]


async def create(community_id, data, user_id):
    """Create a label; names are unique per category."""
    row = await db.one(
        "INSERT INTO labels (community_id, name, category, color, created_by) "
        "VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (community_id, category, name) DO NOTHING RETURNING id",
        community_id,
        data["name"].strip(),
        data["category"],
        data.get("color", "#888888"),
        user_id,
    )
    if row is None:
        raise LabelError("a label with that name exists", 400)
    _forget(community_id)
    return row["id"]


async def update(community_id, label_id, changes):
    """Change the given columns of a label."""
    columns = [c for c in UPDATABLE if c in changes]
    if not columns:
        raise LabelError("nothing to change")
    assignments = ", ".join(f"{c} = ${i}" for i, c in enumerate(columns, start=3))
    touched = await db.run(
        f"UPDATE labels SET {assignments} WHERE community_id = $1 AND id = $2",
        community_id,
        label_id,
        *(changes[c] for c in columns),
    )
    if touched == 0:
        raise LabelError("label not found", 404)
    _forget(community_id)


async def remove(community_id, label_id):
    """Delete a label together with its applications."""
    touched = await db.run("DELETE FROM labels WHERE id = $1", label_id)
    if touched == 0:
        raise LabelError("label not found", 404)
    _forget(community_id)


async def usage(community_id, label_id):
    """How often a label is applied."""
    row = await db.one(
        "SELECT count(*) AS n FROM entity_labels "
        "WHERE community_id = $1 AND label_id = $2",
        community_id,
        label_id,
    )
    return row["n"]


async def report(community_id):
    """Labels of a community with their usage."""
    labels = await list_labels(community_id)
    out = []
    for label in labels:
        out.append({**label, "used": await usage(community_id, label["id"])})
    return sorted(out, key=lambda item: item["used"], reverse=True)


async def labels_of(community_id, entity_type, entity_id):
    """Labels applied to one entity."""
    return await db.rows(
        "SELECT l.id, l.name, l.color, e.applied_by FROM entity_labels e "
        "JOIN labels l ON l.id = e.label_id "
        "WHERE e.community_id = $1 AND e.entity_type = $2 AND e.entity_id = $3 "
        "ORDER BY l.name",
        community_id,
        entity_type,
        entity_id,
    )


async def labels_of_many(community_id, entity_type, entity_ids):
    """Labels applied to several entities, grouped by entity."""
    marks = ", ".join(f"${i}" for i in range(3, 3 + len(entity_ids)))
    found = await db.rows(
        "SELECT e.entity_id, l.id, l.name FROM entity_labels e "
        "JOIN labels l ON l.id = e.label_id "
        "WHERE e.community_id = $1 AND e.entity_type = $2 "
        f"AND e.entity_id IN ({marks})",
        community_id,
        entity_type,
        *entity_ids,
    )
    grouped = {entity_id: [] for entity_id in entity_ids}
    for row in found:
        grouped[row["entity_id"]].append({"id": row["id"], "name": row["name"]})
    return grouped


async def apply(community_id, label_id, entity_type, entity_id, user_id):
    """Put a label on an entity unless it already has too many."""
    current = await labels_of(community_id, entity_type, entity_id)
    if any(row["id"] == label_id for row in current):
        return False
    if len(current) >= settings.max_labels:
        raise LabelError(f"at most {settings.max_labels} labels per entity")
    owned = await db.one(
        "SELECT 1 AS ok FROM labels WHERE community_id = $1 AND id = $2",
        community_id,
        label_id,
    )
    if owned is None:
        raise LabelError("label not found", 404)
    await db.run(
        "INSERT INTO entity_labels "
        "(label_id, community_id, entity_type, entity_id, applied_by) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        label_id,
        community_id,
        entity_type,
        entity_id,
        user_id,
    )
    return True


async def unapply(community_id, label_id, entity_type, entity_id):
    """Take a label off an entity."""
    touched = await db.run(
        "DELETE FROM entity_labels WHERE community_id = $1 AND label_id = $2 "
        "AND entity_type = $3 AND entity_id = $4",
        community_id,
        label_id,
        entity_type,
        entity_id,
    )
    if touched == 0:
        raise LabelError("label is not applied", 404)


def _render(rows):
    """CSV text of the export rows."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["entity_type", "entity_id", "label"])
    writer.writerows((r["entity_type"], r["entity_id"], r["name"]) for r in rows)
    return out.getvalue()


async def export(community_id):
    """All applications of a community as CSV."""
    found = await db.rows(
        "SELECT e.entity_type, e.entity_id, l.name FROM entity_labels e "
        "JOIN labels l ON l.id = e.label_id WHERE e.community_id = $1",
        community_id,
    )
    return await asyncio.to_thread(_render, found)


def _score(user_id):
    """Reputation score of a user."""
    resp = requests.get(f"{settings.reputation_url}/api/v1/score/{user_id}", timeout=4)
    resp.raise_for_status()
    return resp.json()["score"]


async def may_label(user_id):
    """Users below zero may not label; with no score available everybody may."""
    try:
        return await asyncio.to_thread(_score, user_id) >= 0
    except (requests.RequestException, KeyError, ValueError):
        return True


async def notify(community_id, action, label_id):
    """Tell the router; losing one of these is acceptable."""
    if not settings.notifications:
        return
    payload = {"community_id": community_id, "action": action, "label_id": label_id}
    timeout = aiohttp.ClientTimeout(total=3)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        with suppress(aiohttp.ClientError, asyncio.TimeoutError):
            await session.post(
                f"{settings.router_url}/api/v1/events",
                json=payload,
                headers={"X-API-Key": settings.router_api_key},
            )
