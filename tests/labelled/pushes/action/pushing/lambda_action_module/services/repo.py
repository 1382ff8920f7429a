"""lambda_invocations."""

import datetime as dt
from typing import Any, Dict, List, Optional

from sqlalchemy import JSON, Boolean, DateTime, Integer, String, Text, func, select
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

STATEMENT_TIMEOUT_MS = 10_000
RESULTS = ("pending", "success", "failure")


class Base(DeclarativeBase):
    """Declarative base."""


class Invocation(Base):
    """One call of a function."""

    __tablename__ = "lambda_invocations"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    community_id: Mapped[int] = mapped_column(Integer, index=True)
    function_name: Mapped[str] = mapped_column(String(255))
    invocation_type: Mapped[str] = mapped_column(String(32))
    result: Mapped[str] = mapped_column(String(16), default="pending")
    success: Mapped[bool] = mapped_column(Boolean, default=False)
    status_code: Mapped[Optional[int]] = mapped_column(Integer)
    response_payload: Mapped[Any] = mapped_column(JSON, nullable=True)
    error_message: Mapped[Optional[str]] = mapped_column(Text)
    invoked_at: Mapped[dt.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class Repo:
    """Queries; every one names the community."""

    def __init__(self, url: str, engine: Optional[AsyncEngine] = None) -> None:
        self.engine = engine or create_async_engine(url, pool_pre_ping=True)
        self._session = async_sessionmaker(self.engine, expire_on_commit=False)

    async def ping(self) -> bool:
        """True if the database answers."""
        async with self.engine.connect() as conn:
            return (await conn.execute(text("SELECT 1"))).scalar_one() == 1

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()

    async def start(self, community_id: int, name: str, kind: str) -> int:
        """Row for a call that is about to be made; returns its id."""
        async with self._session() as session, session.begin():
            row = Invocation(
                community_id=community_id, function_name=name, invocation_type=kind
            )
            session.add(row)
            await session.flush()
            return row.id

    async def finish(
        self, community_id: int, row_id: int, reply: Dict[str, Any]
    ) -> None:
        """Outcome of a call."""
        ok = not reply.get("error") and not reply.get("function_error")
        async with self._session() as session, session.begin():
            await session.execute(
                update(Invocation)
                .where(Invocation.id == row_id, Invocation.community_id == community_id)
                .values(
                    success=ok,
                    result="success" if ok else "failure",
                    status_code=reply.get("status_code"),
                    response_payload=reply.get("payload"),
                    error_message=reply.get("error") or reply.get("function_error"),
                )
            )

    async def recent(self, community_id: int, limit: int) -> List[Dict[str, Any]]:
        """Newest calls."""
        stmt = (
            select(Invocation)
            .where(Invocation.community_id == community_id)
            .order_by(Invocation.id.desc())
            .limit(limit)
        )
        async with self._session() as session:
            rows = (await session.scalars(stmt)).all()
        return [
            {
                "id": r.id,
                "function_name": r.function_name,
                "result": r.result,
                "status_code": r.status_code,
                "error": r.error_message,
                "invoked_at": r.invoked_at.isoformat(),
            }
            for r in rows
        ]

    async def usage(self, community_id: int) -> Dict[str, int]:
        """Number of calls for each result."""
        counts: Dict[str, int] = {}
        async with self._session() as session:
            await session.execute(
                text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            )
            for result in RESULTS:
                counts[result] = await session.scalar(
                    select(func.count())
                    .select_from(Invocation)
                    .where(
                        Invocation.community_id == community_id,
                        Invocation.result == result,
                    )
                )
        return counts
