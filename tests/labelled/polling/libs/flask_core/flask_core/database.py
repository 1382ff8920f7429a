"""PyDAL for coroutines: statements run on a small thread pool, one transaction a call."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Optional, Sequence

from pydal import DAL


class AsyncDAL:
    """Owner of one DAL and the threads that talk to it."""

    def __init__(self, uri: str, pool_size: int = 8, statement_timeout_ms: int = 15_000) -> None:
        """Keep the settings; nothing is opened before connect()."""
        self._uri = uri
        self._pool_size = pool_size
        self._timeout = int(statement_timeout_ms)
        self._dal: Optional[DAL] = None
        self._threads = ThreadPoolExecutor(max_workers=pool_size, thread_name_prefix="dal")

    @property
    def raw(self) -> DAL:
        """The synchronous DAL itself, for scripts and migrations."""
        if self._dal is None:
            raise RuntimeError("not connected")
        return self._dal

    async def connect(self) -> None:
        """Open the pool."""
        await self._submit(self._open)

    async def close(self) -> None:
        """Close the pool and let the threads go."""
        if self._dal is not None:
            await self._submit(self._dal.close)
            self._dal = None
        self._threads.shutdown(wait=False)

    async def executesql(
        self, sql: str, placeholders: Optional[Sequence[Any]] = None, as_dict: bool = False
    ) -> Any:
        """Run one statement and commit; rows are returned when there are any."""
        return await self._submit(partial(self._one, sql, placeholders, as_dict))

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement for many rows in a single transaction; returns how many."""
        if not rows:
            return 0
        return await self._submit(partial(self._many, sql, rows))

    async def ping(self) -> bool:
        """Tell whether the database answers."""
        return bool(await self.executesql("SELECT 1"))

    async def _submit(self, call: Any) -> Any:
        """Run a callable on the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _open(self) -> None:
        """Create the DAL, without migrations."""
        self._dal = DAL(
            self._uri,
            pool_size=self._pool_size,
            migrate=False,
            driver_args={"options": f"-c statement_timeout={self._timeout}"},
        )

    def _one(self, sql: str, placeholders: Optional[Sequence[Any]], as_dict: bool) -> Any:
        """Run in a worker thread."""
        dal = self.raw
        dal._adapter.reconnect()
        try:
            rows = dal.executesql(sql, placeholders=placeholders, as_dict=as_dict)
            dal.commit()
            return rows
        except Exception:
            dal.rollback()
            raise

    def _many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run in a worker thread."""
        dal = self.raw
        dal._adapter.reconnect()
        try:
            dal._adapter.cursor.executemany(sql, rows)
            dal.commit()
            return len(rows)
        except Exception:
            dal.rollback()
            raise
