"""Pages of rows: each begins after the last row of the one before, however rows come.

A cursor holds that row's place, not its number, so rows that are added or deleted
meanwhile are neither repeated nor skipped.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import ColumnElement, UnaryExpression, and_, or_, tuple_
from sqlalchemy.sql import operators

from flask_core.errors import ApiError
from flask_core.tables import Base, plain

M = TypeVar("M", bound=Base)
_DOWN = (operators.desc_op, operators.neg)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, and where the next ones begin."""

    items: Sequence[M]
    next: str | None

    def to_dict(self) -> dict[str, object]:
        """The page as an answer."""
        return {"items": [row.to_dict() for row in self.items], "next": self.next}


@dataclass(frozen=True, slots=True)
class Order:
    """Sorted by one column, and by id among equals; rows without a value come last."""

    column: Any
    id: Any
    descending: bool

    @classmethod
    def of(cls, model: type[Base], given: Any) -> "Order":
        """The order that `Model.column`, `-Model.column` or `.desc()` stands for."""
        if given is None:
            return cls(model.id, model.id, False)
        if isinstance(given, UnaryExpression):
            down = given.modifier in _DOWN or given.operator is operators.neg
            return cls(_attribute(model, given.element), model.id, down)
        return cls(given, model.id, False)

    def clauses(self) -> tuple[Any, ...]:
        """What ORDER BY says."""
        if self.descending:
            return (self.column.desc().nulls_last(), self.id.desc())
        return (self.column.asc().nulls_last(), self.id.asc())

    def after(self, cursor: str) -> ColumnElement[bool]:
        """The condition for rows behind a cursor; raises 400 for what is none."""
        value, identifier = _read(cursor, self.column)
        behind: Any = operators.lt if self.descending else operators.gt
        if value is None:
            return and_(self.column.is_(None), behind(self.id, identifier))
        place = tuple_(self.column, self.id)
        beyond: ColumnElement[bool] = behind(place, tuple_(value, identifier))
        return or_(beyond, self.column.is_(None)) if _nullable(self.column) else beyond

    def cursor(self, row: Base) -> str:
        """The place of a row, as an opaque text."""
        value = getattr(row, self.column.key)
        value = str(value) if isinstance(value, Decimal) else plain(value)
        return base64.urlsafe_b64encode(orjson.dumps([value, row.id])).decode()


def _attribute(model: type[Base], element: Any) -> Any:
    """The model's attribute behind `-Model.column` or `.desc()`."""
    return next(
        getattr(model, each.key)
        for each in model.__mapper__.column_attrs
        if each.columns[0].shares_lineage(element)
    )


def _nullable(column: Any) -> bool:
    """Whether rows may have no value in a column."""
    return bool(getattr(column.property.columns[0], "nullable", True))


def _read(cursor: str, column: Any) -> tuple[Any, int]:
    """The value and the id in a cursor."""
    try:
        value, identifier = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        if type(identifier) is int and abs(identifier) < 2**63:
            return _typed(value, column.type.python_type), identifier
    except (ValueError, TypeError, ArithmeticError):
        pass
    raise ApiError(400, "invalid_input", "after: not the `next` of a page")


def _typed(value: Any, kind: type) -> Any:
    """A cursor's value as its column has it."""
    if value is None or type(value) is kind:
        return value
    if kind in (datetime, date) and isinstance(value, str):
        parse: Any = kind
        return parse.fromisoformat(value.replace("Z", "+00:00"))
    if kind in (Decimal, uuid.UUID) and isinstance(value, str):
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    raise ValueError(kind)
