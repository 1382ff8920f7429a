"""API keys: found by their HMAC, never stored themselves."""

from __future__ import annotations

import contextlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import Boolean, DateTime, String, func, or_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flask_core.config import ModuleSettings
from flask_core.context import all_communities
from flask_core.database import AsyncDAL, Base
from flask_core.datamodels import Principal
from flask_core.errors import ApiError, DependencyUnavailable

KEPT_SECONDS = 30.0
STALE_SECONDS = 300.0
USED_SECONDS = 60
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


@dataclass(frozen=True, slots=True)
class Known:
    """What was found for a key, and how long that may be believed."""

    principal: Principal | None
    expires_at: datetime | None
    asked: float

    def is_within(self, seconds: float) -> bool:
        """Whether it was asked for so recently, and the key has not expired since."""
        expired = self.expires_at is not None and self.expires_at <= datetime.now(UTC)
        return not expired and time.monotonic() - self.asked < seconds


class KeyStore:
    """Looks keys up: the bootstrap key of the environment, then the table.

    What was found is believed for half a minute: that is how long a revoked key lives.
    While the database is away a key that was known is believed for five.
    """

    def __init__(self, settings: ModuleSettings, db: AsyncDAL | None) -> None:
        """`db` is None in a module without PostgreSQL: it knows the bootstrap key."""
        self.db = db
        self._secret = settings.api_key_secret.get_secret_value().encode()
        self._salt = secrets.token_bytes(32)
        self._kept: dict[bytes, Known] = {}
        self._bootstrap = self._bootstrap_key(settings)

    def digest(self, key: str) -> str:
        """What is stored of a key."""
        data = key.encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, data, "sha256").hex()

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
        """The principal of a key, or None; raises DependencyUnavailable."""
        name = self._name(key)
        known = self._kept.get(name)
        if known is None or not known.is_within(KEPT_SECONDS):
            try:
                known = await self._look_up(self.digest(key))
            except DependencyUnavailable:
                if not (known and known.principal and known.is_within(STALE_SECONDS)):
                    raise
            self._keep(name, known)
        return known.principal

    def _name(self, key: str) -> bytes:
        """What a key is remembered by; nobody else can compute it, and it is quick."""
        data = key.encode("utf-8", "surrogatepass")
        return blake2b(data, key=self._salt, digest_size=16).digest()

    def _keep(self, name: bytes, known: Known) -> None:
        """Remember, but not without bound."""
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[name] = known

    async def _look_up(self, digest: str) -> Known:
        """Compare with the bootstrap key, then ask the table."""
        asked = time.monotonic()
        if self._bootstrap and hmac.compare_digest(self._bootstrap[0], digest):
            return Known(self._bootstrap[1], None, asked)
        if self.db is None:
            return Known(None, None, asked)
        with all_communities("a key is looked up before its community is known"):
            row = await self.db.get(ApiKey, key_hash=digest, is_active=True)
            if row is None or (row.expires_at and row.expires_at <= datetime.now(UTC)):
                return Known(None, None, asked)
            await self._note_use(self.db, row)
        roles = frozenset({row.role})
        principal = Principal(f"key:{row.id}", roles, _communities(row.scopes))
        return Known(principal, row.expires_at, asked)

    async def _note_use(self, db: AsyncDAL, row: ApiKey) -> None:
        """Write down that a key is in use, at most once a minute."""
        now = datetime.now(UTC)
        since = now - timedelta(seconds=USED_SECONDS)
        stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < since)
        # The note is a convenience: a key is no less valid when it cannot be written.
        with contextlib.suppress(ApiError):
            await db.update(ApiKey, {"last_used_at": now}, ApiKey.id == row.id, stale)

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
    return frozenset(each for each in given if type(each) is int and each > 0)
