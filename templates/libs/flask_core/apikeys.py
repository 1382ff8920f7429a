"""API keys: found by their HMAC, never stored themselves."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, DateTime, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flask_core.config import ModuleSettings
from flask_core.context import all_communities
from flask_core.database import AsyncDAL, Base
from flask_core.datamodels import Principal

KEPT_SECONDS = 30.0
MAX_KEPT = 10_000


class PlatformBase(Base):
    """Tables of the platform, which no module's migration makes."""

    __abstract__ = True
    metadata = Base.metadata.__class__()


class ApiKey(PlatformBase):
    """One key: what it may do, for which communities, and until when."""

    __tablename__ = "api_keys"

    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    scopes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    is_active: Mapped[bool] = mapped_column(Boolean, server_default="true")
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )


class KeyStore:
    """Looks keys up: the bootstrap key of the environment, then the table."""

    def __init__(self, settings: ModuleSettings, db: AsyncDAL | None) -> None:
        self.db = db
        self._secret = settings.api_key_secret.get_secret_value().encode()
        self._kept: dict[str, tuple[float, Principal | None]] = {}
        self._bootstrap = self._bootstrap_key(settings)

    def digest(self, key: str) -> str:
        """What is stored of a key."""
        data = key.encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, data, hashlib.sha256).hexdigest()

    def _bootstrap_key(self, settings: ModuleSettings) -> tuple[str, Principal] | None:
        """The key a fresh installation begins with."""
        if settings.bootstrap_api_key is None:
            return None
        given = settings.bootstrap_communities
        numbers = frozenset(int(part) for part in given.split(",") if part.isdigit())
        communities = None if given == "*" else numbers
        principal = Principal("bootstrap", frozenset({"admin"}), communities)
        return self.digest(settings.bootstrap_api_key.get_secret_value()), principal

    def forget(self) -> None:
        """Ask the table again for every key."""
        self._kept.clear()

    async def find(self, key: str) -> Principal | None:
        """The principal of a key, or None; raises DependencyUnavailable without database."""
        digest = self.digest(key)
        if self._bootstrap and hmac.compare_digest(self._bootstrap[0], digest):
            return self._bootstrap[1]
        kept = self._kept.get(digest)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        principal = await self._look_up(digest)
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[digest] = (time.monotonic() + KEPT_SECONDS, principal)
        return principal

    async def _look_up(self, digest: str) -> Principal | None:
        """Ask the table."""
        if self.db is None:
            return None
        with all_communities("a key is looked up before its community is known"):
            row = await self.db.get(ApiKey, key_hash=digest, is_active=True)
        if row is None or (row.expires_at and row.expires_at <= datetime.now(UTC)):
            return None
        return Principal(
            f"key:{row.id}", frozenset({row.role}), _communities(row.scopes)
        )

    async def add(
        self,
        key: str,
        name: str,
        role: str,
        communities: list[int] | None,
        expires_at: datetime | None = None,
    ) -> int:
        """Store a key's digest and return its id; None stands for all communities."""
        if self.db is None:
            raise RuntimeError("keys are kept in PostgreSQL")
        scopes = {"communities": "*" if communities is None else communities}
        with all_communities("keys belong to the platform"):
            row = await self.db.create(
                ApiKey,
                key_hash=self.digest(key),
                name=name,
                role=role,
                scopes=scopes,
                expires_at=expires_at,
            )
        return row.id


def _communities(scopes: dict[str, Any]) -> frozenset[int] | None:
    """The communities a key may act for; anything malformed is none."""
    given = scopes.get("communities")
    if given == "*":
        return None
    if not isinstance(given, list):
        return frozenset()
    return frozenset(each for each in given if isinstance(each, int))
