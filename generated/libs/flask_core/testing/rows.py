"""Make a row of any model for a test; what is not said is filled in, with parents."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Column
from sqlalchemy.sql.schema import CheckConstraint

from flask_core.context import community_scope
from flask_core.database import AsyncDAL, Base

COMMUNITY = 4001
OTHER_COMMUNITY = 4002
M = TypeVar("M", bound=Base)
_numbers = itertools.count(1)


async def make_row(
    db: AsyncDAL, model: type[M], community: int = COMMUNITY, **values: Any
) -> M:
    """Insert one row of a community; columns without default get a value that fits."""
    for attribute in model.__mapper__.column_attrs:
        column: Any = attribute.columns[0]
        if attribute.key not in values and _must_be_given(column):
            values[attribute.key] = await _value(db, model, column, community)
    with community_scope(community):
        return await db.create(model, **values)


def _must_be_given(column: Column[Any]) -> bool:
    """Whether an insert without this column would fail."""
    filled = column.nullable or column.server_default is not None
    return not (filled or column.primary_key or column.name == "community_id")


async def _value(
    db: AsyncDAL, model: type[Base], column: Column[Any], community: int
) -> Any:
    """A value that fits a column; for a foreign key, the id of a new parent."""
    for key in column.foreign_keys:
        parent = _model_of(key.column.table.name)
        return (await make_row(db, parent, community)).id
    if chosen := _first_choice(model, column):
        return chosen
    number = next(_numbers)
    kind = column.type.python_type
    plain: dict[type, Any] = {
        int: number,
        float: float(number),
        Decimal: Decimal(number % 100),
        bool: True,
        datetime: datetime.now(UTC),
        uuid.UUID: uuid.uuid4(),
        dict: {},
    }
    length = getattr(column.type, "length", None) or 100
    return plain.get(kind, f"{column.name} {number}"[-length:])


def _model_of(table: str) -> type[Base]:
    """The model of a table."""
    for mapper in Base.registry.mappers:
        if getattr(mapper.local_table, "name", None) == table:
            found: type[Base] = mapper.class_
            return found
    raise LookupError(table)


def _first_choice(model: type[Base], column: Column[Any]) -> str | None:
    """The first of the texts a check allows, or None."""
    for constraint in model.__table__.constraints:  # type: ignore[attr-defined]
        if isinstance(constraint, CheckConstraint):
            words = str(constraint.sqltext)
            if words.startswith(f'"{column.name}" IN (\''):
                return words.split("'")[1]
    return None
