"""Thin wrappers: AsyncDB over asyncpg, SyncDB over a psycopg2 pool."""

from contextlib import asynccontextmanager, contextmanager
from typing import Any, AsyncIterator, Dict, Iterator, List, Optional, Sequence


class AsyncDB:
    """asyncpg pool; positional parameters are $1, $2, ..."""

    def __init__(self, dsn: str, *, min_size: int = 1, max_size: int = 10):
        self._dsn = dsn
        self._min, self._max = min_size, max_size
        self._pool: Any = None

    async def connect(self) -> None:
        """Open the pool."""
        import asyncpg

        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=self._min,
            max_size=self._max,
            command_timeout=15,
        )

    async def close(self) -> None:
        """Close the pool if open."""
        if self._pool is not None:
            await self._pool.close()

    async def fetch(self, sql: str, *args: Any) -> List[Dict[str, Any]]:
        """All rows as dictionaries."""
        return [dict(r) for r in await self._pool.fetch(sql, *args)]

    async def fetchrow(self, sql: str, *args: Any) -> Optional[Dict[str, Any]]:
        """First row or None."""
        row = await self._pool.fetchrow(sql, *args)
        return dict(row) if row else None

    async def execute(self, sql: str, *args: Any) -> str:
        """Run a statement; returns its status."""
        return await self._pool.execute(sql, *args)

    async def ping(self) -> bool:
        """True if the database answers."""
        return await self._pool.fetchval("SELECT 1") == 1

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A connection inside a transaction."""
        async with self._pool.acquire() as conn:
            async with conn.transaction():
                yield conn


class SyncDB:
    """psycopg2 ThreadedConnectionPool; parameters are %s."""

    def __init__(self, dsn: str, *, minconn: int = 1, maxconn: int = 10):
        from psycopg2.pool import ThreadedConnectionPool

        self._pool = ThreadedConnectionPool(
            minconn,
            maxconn,
            dsn,
            connect_timeout=5,
            options="-c statement_timeout=15000",
        )

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Dictionary cursor; commits at the end, rolls back on error."""
        from psycopg2.extras import RealDictCursor

        conn = self._pool.getconn()
        try:
            with conn, conn.cursor(cursor_factory=RealDictCursor) as cur:
                yield cur
        finally:
            self._pool.putconn(conn)

    def query(self, sql: str, params: Sequence[Any] = ()) -> List[Dict[str, Any]]:
        """All rows."""
        with self.cursor() as cur:
            cur.execute(sql, params)
            return [dict(r) for r in cur.fetchall()]

    def query_one(
        self, sql: str, params: Sequence[Any] = ()
    ) -> Optional[Dict[str, Any]]:
        """First row or None."""
        with self.cursor() as cur:
            cur.execute(sql, params)
            row = cur.fetchone()
            return dict(row) if row else None

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run a statement; returns the row count."""
        with self.cursor() as cur:
            cur.execute(sql, params)
            return cur.rowcount

    def ping(self) -> bool:
        """True if the database answers."""
        return bool(self.query_one("SELECT 1 AS one"))
