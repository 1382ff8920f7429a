"""Tables for the tests of the data layer."""

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    Connection,
    DateTime,
    ForeignKey,
    Numeric,
    String,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flask_core.crypto import EncryptedText
from flask_core.database import Base, CommunityScoped, Timestamped


class Item(CommunityScoped, Timestamped, Base):
    """Something a community has."""

    __tablename__ = "t_items"
    __table_args__ = (UniqueConstraint("community_id", "name"),)

    name: Mapped[str] = mapped_column(String(20))
    stock: Mapped[int] = mapped_column(server_default="0")
    price: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    code: Mapped[uuid.UUID | None]
    due: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    details: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    secret: Mapped[str | None] = mapped_column(EncryptedText)
    tags: Mapped[list["Tag"]] = relationship(back_populates="item")


class Tag(CommunityScoped, Base):
    """Something said about an item."""

    __tablename__ = "t_tags"

    item_id: Mapped[int] = mapped_column(ForeignKey("t_items.id"))
    word: Mapped[str] = mapped_column(String(20))
    item: Mapped[Item] = relationship(back_populates="tags")


class Setting(Base):
    """Something that belongs to no community."""

    __tablename__ = "t_settings"

    name: Mapped[str] = mapped_column(String(20), unique=True)


NAMES = ("t_items", "t_tags", "t_settings")


def create(connection: Connection) -> None:
    """Make the tables."""
    tables = [Base.metadata.tables[name] for name in NAMES]
    Base.metadata.create_all(connection, tables=tables)
