"""Thin asyncpg wrapper used by the modules."""

from typing import Any, Optional, Sequence

import asyncpg


class AsyncDAL:
    """Connection pool with the handful of calls the modules need."""

    def __init__(self, dsn: str, min_size: int = 1, max_size: int = 10):
        """Remember the DSN; nothing is opened until ``connect``."""
        self._dsn = dsn
        self._min_size = min_size
        self._max_size = max_size
        self._pool: Optional[asyncpg.Pool] = None

    async def connect(self) -> None:
        """Open the pool."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=self._min_size,
            max_size=self._max_size,
            command_timeout=15,
        )

    async def close(self) -> None:
        """Close the pool if it was opened."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def _require(self) -> asyncpg.Pool:
        """Return the pool or complain that connect() was never called."""
        if self._pool is None:
            raise RuntimeError("database pool is not connected")
        return self._pool

    async def fetch_all(self, sql: str, params: Sequence[Any] = ()) -> list[dict]:
        """Run a query and return every row as a dict."""
        rows = await self._require().fetch(sql, *params)
        return [dict(row) for row in rows]

    async def fetch_one(self, sql: str, params: Sequence[Any] = ()) -> Optional[dict]:
        """Run a query and return the first row or None."""
        row = await self._require().fetchrow(sql, *params)
        return dict(row) if row is not None else None

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> str:
        """Run a statement and return the command tag."""
        return await self._require().execute(sql, *params)

    async def ping(self) -> bool:
        """Cheap liveness probe."""
        try:
            await self._require().fetchval("SELECT 1")
        except (OSError, RuntimeError, asyncpg.PostgresError):
            return False
        return True
