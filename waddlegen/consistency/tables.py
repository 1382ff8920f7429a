"""Check that tables, columns and indexes fit each other."""

from collections.abc import Iterator

from waddlegen.consistency.facts import (
    Facts,
    Issue,
    Loc,
    added_columns,
    all_columns,
    repeated,
)
from waddlegen.spec import ColumnSpec, ColumnType, Need, TableSpec
from waddlegen.wording import unknown

_NUMBERS = (
    ColumnType.INTEGER,
    ColumnType.BIGINT,
    ColumnType.NUMBER,
    ColumnType.DECIMAL,
)
_ONLY = {
    "length": (ColumnType.STRING,),
    "precision": (ColumnType.DECIMAL,),
    "scale": (ColumnType.DECIMAL,),
    "minimum": _NUMBERS,
    "choices": (ColumnType.STRING, ColumnType.TEXT),
    "encrypted": (ColumnType.STRING, ColumnType.TEXT),
}


def check(facts: Facts) -> Iterator[Issue]:
    """Every issue of tables."""
    if facts.spec.tables and facts.spec.dependencies.postgres is Need.NONE:
        yield ("tables",), "tables need PostgreSQL; say `postgres: required`"
    for index, table in enumerate(facts.spec.tables):
        loc: Loc = ("tables", index)
        names = [(c.name, (i, "name")) for i, c in enumerate(table.columns)]
        yield from repeated((*loc, "columns"), names, "column")
        for number, column in enumerate(table.columns):
            yield from _column(facts, table, column, (*loc, "columns", number))
        yield from _indexes(table, loc)


def _column(
    facts: Facts, table: TableSpec, column: ColumnSpec, loc: Loc
) -> Iterator[Issue]:
    """What one column's options allow."""
    if column.name in added_columns(table):
        yield (*loc, "name"), f'"{column.name}" is added by itself; leave it out'
    for option, types in _ONLY.items():
        if (
            getattr(column, option) not in (None, (), False)
            and column.type not in types
        ):
            listed = " or ".join(each.value for each in types)
            yield (*loc, option), f"`{option}` is for a column of type {listed}"
    if column.references is not None:
        if column.references not in facts.tables:
            yield (*loc, "references"), unknown(
                "table", column.references, facts.tables, "tables"
            )
        if column.type is not ColumnType.BIGINT:
            yield (*loc, "references"), "an id is a bigint; say `type: bigint`"
    if column.encrypted and (
        column.unique or column.index or column.choices or column.default
    ):
        yield (
            *loc,
            "encrypted",
        ), "an encrypted column cannot be compared: no unique, index, choices or default"
    if column.precision is not None and (column.scale or 0) > column.precision:
        yield (*loc, "scale"), "`scale` is above `precision`"


def _indexes(table: TableSpec, loc: Loc) -> Iterator[Issue]:
    """Indexes name columns, each once."""
    known = all_columns(table)
    for number, index in enumerate(table.indexes):
        here = (*loc, "indexes", number, "columns")
        for position, name in enumerate(index.columns):
            if name not in known:
                yield (*here, position), unknown("column", name, known, "columns")
            elif known[name].encrypted:
                yield (*here, position), f"{name} is encrypted and cannot be indexed"
            elif name in index.columns[:position]:
                yield (*here, position), f"{name} stands in the index twice"
