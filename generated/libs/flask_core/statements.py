"""The SELECT of one row by a key, compiled once: what it asks and what its columns become.

Reading by a key is what modules do most. It is held to the community like every other
statement: the condition is part of the compiled text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Float,
    Integer,
    bindparam,
    cast,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from flask_core.tables import Base

OWNER, PLACE = "waddlebot_community", "waddlebot_place"
_FLOAT8, _NUMERIC = 701, 1700
_make: Any = dialect
_DIALECT = _make()
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled SELECT: its text, its parameters in order, and what its columns become.

    Its first parameter is a number, which comes back as the last column of its row: so
    rows are told apart where several are asked for at once.
    """

    text: str
    parameters: tuple[tuple[str, Convert | None], ...]
    attributes: tuple[str, ...]
    conversions: tuple[tuple[str, Convert], ...]


@functools.lru_cache(maxsize=1024)
def statement(model: type[Base], names: tuple[str, ...], held: bool) -> Statement:
    """The SELECT of a model's first row by these attributes, held to a community or not."""
    mapper: Any = inspect(model)
    columns = {each.key: each.columns[0] for each in mapper.column_attrs}
    conditions = [columns[n] == bindparam(n, type_=columns[n].type) for n in names]
    if held:
        owner = bindparam(OWNER, type_=BigInteger)
        conditions.append(columns["community_id"] == owner)
    place = cast(bindparam(PLACE, type_=Integer), Integer)
    query = select(*columns.values(), place).where(*conditions)
    compiled: Any = query.limit(literal_column("1")).compile(dialect=_DIALECT)
    binds = [(name, compiled.binds[name].type) for name in compiled.positiontup]
    converts = {
        key: _implementation(c.type).result_processor(_DIALECT, _oid(c.type))
        for key, c in columns.items()
    }
    return Statement(
        str(compiled),
        tuple((n, _implementation(t).bind_processor(_DIALECT)) for n, t in binds[1:]),
        tuple(columns),
        tuple((key, convert) for key, convert in converts.items() if convert),
    )


def _implementation(kind: Any) -> Any:
    """A column's type as PostgreSQL's dialect has it."""
    return kind.dialect_impl(_DIALECT)


def _oid(kind: Any) -> int:
    """PostgreSQL's number of a numeric type; that of the others is not asked for."""
    return _FLOAT8 if isinstance(kind, Float) else _NUMERIC
