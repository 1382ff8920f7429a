"""Database access: one DAL for the process and a few SQL helpers."""

from flask_core.database import AsyncDAL

from config import settings

dal = AsyncDAL(settings.database_url)

SCHEMA = """
CREATE TABLE IF NOT EXISTS labels (
    id BIGSERIAL PRIMARY KEY,
    community_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    color TEXT NOT NULL DEFAULT '#888888',
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_by TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (community_id, category, name)
);
CREATE TABLE IF NOT EXISTS entity_labels (
    label_id BIGINT NOT NULL REFERENCES labels(id) ON DELETE CASCADE,
    community_id BIGINT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    applied_by TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (label_id, entity_type, entity_id)
);
"""

TABLES = ("labels", "entity_labels")


async def rows(sql, *params):
    """Every row of a query."""
    return await dal.fetch_all(sql, params)


async def one(sql, *params):
    """First row of a query, or None."""
    return await dal.fetch_one(sql, params)


async def run(sql, *params):
    """Execute a statement; returns the number of affected rows."""
    tag = await dal.execute(sql, params)
    tail = tag.rsplit(" ", 1)[-1]
    return int(tail) if tail.isdigit() else 0


async def page(sql, params, order, limit, offset):
    """Run ``sql`` with ordering and paging appended."""
    n = len(params)
    paged = f"{sql} ORDER BY {order} LIMIT ${n + 1} OFFSET ${n + 2}"
    return await rows(paged, *params, limit, offset)


async def table_sizes():
    """Row count per table, for the admin page."""
    sizes = {}
    for table in TABLES:
        found = await one(f"SELECT count(*) AS n FROM {table}")
        sizes[table] = found["n"]
    return sizes


async def migrate():
    """Create the tables on first start."""
    await dal.execute(SCHEMA)
