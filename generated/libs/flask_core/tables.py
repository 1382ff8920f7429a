"""What every table of a module has in common."""

from __future__ import annotations

import functools
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import BigInteger, DateTime, Identity, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_core.crypto import EncryptedText
from flask_core.isolation import CommunityScoped

__all__ = ["Base", "CommunityScoped", "Timestamped", "plain"]


_PLAIN = frozenset({str, int, float, bool, type(None)})


class Base(DeclarativeBase):
    """What every model has: an id of its own, and itself as plain values."""

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(), primary_key=True, sort_order=-10
    )

    def to_dict(self) -> dict[str, object]:
        """The row as JSON-ready values by column name, without encrypted columns."""
        return {name: plain(getattr(self, key)) for name, key in _readable(type(self))}


@functools.cache
def _readable(model: type[Base]) -> tuple[tuple[str, str], ...]:
    """The columns that an answer may show: their names and attributes."""
    return tuple(
        (str(each.columns[0].name), each.key)
        for each in model.__mapper__.column_attrs
        if not isinstance(each.columns[0].type, EncryptedText)
    )


class Timestamped:
    """A row knows when it was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), sort_order=100
    )
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True),
        server_default=func.now(),
        onupdate=func.now(),
        sort_order=101,
    )


def plain(value: object) -> object:
    """A column's value as JSON has it; a decimal becomes a number."""
    if type(value) in _PLAIN:
        return value
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case Decimal():
            return float(value)
        case uuid.UUID():
            return str(value)
    return value
