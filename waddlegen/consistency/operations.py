"""Check that each operation can be carried out with its parameters, tables and events."""

from collections.abc import Iterator, Mapping

from waddlegen.consistency.facts import (
    Facts,
    Issue,
    Loc,
    Site,
    all_columns,
    declared_columns,
)
from waddlegen.spec import (
    AdjustSpec,
    CallModuleOperation,
    CallOperation,
    ColumnSpec,
    ColumnType,
    CreateOperation,
    DeleteOperation,
    EnqueueOperation,
    FieldSpec,
    GetOperation,
    ListOperation,
    Need,
    PublishOperation,
    TableSpec,
    UpdateOperation,
    ValueType,
    WithoutRedis,
)
from waddlegen.wording import unknown

TableOperation = (
    CreateOperation | GetOperation | ListOperation | UpdateOperation | DeleteOperation
)
_TEXTS = (ColumnType.STRING, ColumnType.TEXT, ColumnType.UUID)
_NUMBERS = (
    ColumnType.INTEGER,
    ColumnType.BIGINT,
    ColumnType.NUMBER,
    ColumnType.DECIMAL,
)
_FITS = {
    ValueType.STRING: _TEXTS,
    ValueType.INTEGER: _NUMBERS,
    ValueType.NUMBER: (ColumnType.NUMBER, ColumnType.DECIMAL),
    ValueType.BOOLEAN: (ColumnType.BOOLEAN,),
    ValueType.DATETIME: (ColumnType.DATETIME,),
    ValueType.OBJECT: (ColumnType.JSON,),
    ValueType.ARRAY: (ColumnType.JSON,),
}


def check(facts: Facts) -> Iterator[Issue]:
    """Every issue of operations."""
    for site in facts.sites():
        # pydantic puts the kind of a tagged part into a loc, and so do we.
        loc = (*site.loc, "operation", site.endpoint.operation.do)
        match site.endpoint.operation:
            case (
                CreateOperation()
                | GetOperation()
                | ListOperation()
                | UpdateOperation()
                | DeleteOperation()
            ) as operation:
                yield from _on_table(facts, site, operation, loc)
            case CallOperation() as operation:
                yield from _call(facts, site, operation, loc)
            case CallModuleOperation(module=module):
                known = [call.module for call in facts.spec.calls]
                if module not in known:
                    yield (*loc, "module"), unknown("module", module, known, "calls")
                if not site.has_community:
                    yield (
                        *loc,
                        "do",
                    ), "another module is called for a community; this route has none"
            case PublishOperation(event=event):
                yield from facts.event((*loc, "event"), event)
            case EnqueueOperation(event=event):
                yield from facts.event((*loc, "event"), event)
                if event in facts.events and not facts.events[event].durable:
                    yield (
                        *loc,
                        "event",
                    ), f"{event} is not durable; say `durable: true` there"
        yield from _needs_redis(facts, site)


def _needs_redis(facts: Facts, site: Site) -> Iterator[Issue]:
    """What cannot work without Redis."""
    if facts.spec.dependencies.redis is not Need.NONE:
        return
    if isinstance(site.endpoint.operation, PublishOperation | EnqueueOperation):
        yield (*site.loc, "operation"), "events need Redis; say `redis: required`"
    if site.endpoint.idempotent and facts.spec.dependencies.postgres is Need.NONE:
        yield (
            *site.loc,
            "idempotent",
        ), "idempotency needs PostgreSQL or Redis; say `postgres: required`"
    if site.endpoint.emits:
        yield (*site.loc, "emits"), "events need Redis; say `redis: required`"
    if site.endpoint.rate_limit.on_failure is WithoutRedis.REFUSE:
        yield (
            *site.loc,
            "rate_limit",
            "on_failure",
        ), "`refuse` is for when Redis is gone; say `redis: required`"


def _on_table(
    facts: Facts, site: Site, operation: TableOperation, loc: Loc
) -> Iterator[Issue]:
    """An operation on a table of this module."""
    table = facts.tables.get(operation.table)
    if table is None:
        yield from facts.table((*loc, "table"), operation.table)
        return
    if table.community_scoped and not site.has_community:
        yield (
            *loc,
            "table",
        ), f"{table.name} belongs to communities; this route has none"
    match operation:
        case CreateOperation():
            yield from _writes(facts, site, operation, table, loc)
            yield from _complete(site, operation, table, loc)
        case UpdateOperation():
            yield from _where(site, operation.where, table, (*loc, "where"), True)
            yield from _writes(facts, site, operation, table, loc)
            for column in operation.expect:
                if column not in declared_columns(table):
                    yield (*loc, "expect", column), unknown(
                        "column", column, declared_columns(table), table.name
                    )
        case ListOperation():
            yield from _where(site, operation.where, table, (*loc, "where"), False)
            yield from _where(site, operation.search, table, (*loc, "search"), False)
            yield from _list(operation, table, loc)
        case _:
            yield from _where(site, operation.where, table, (*loc, "where"), True)


def _list(operation: ListOperation, table: TableSpec, loc: Loc) -> Iterator[Issue]:
    """A list's order, search and added parameters."""
    columns = all_columns(table)
    order = operation.order_by.removeprefix("-")
    if order not in columns:
        yield (*loc, "order_by"), unknown("column", order, columns, table.name)
    elif (
        columns[order].nullable
        or columns[order].type is ColumnType.JSON
        or columns[order].encrypted
    ):
        yield (
            *loc,
            "order_by",
        ), f"{order} may be empty or has no order; sort by another column"
    for column in operation.search:
        if column in columns and columns[column].type not in (
            ColumnType.STRING,
            ColumnType.TEXT,
        ):
            yield (*loc, "search", column), f"{column} is not a text; use `where`"


def _where(
    site: Site, where: Mapping[str, str], table: TableSpec, loc: Loc, required: bool
) -> Iterator[Issue]:
    """Columns that are looked at, and the parameters they are compared with."""
    columns = all_columns(table)
    for column, name in where.items():
        param = site.params.get(name)
        if column not in columns:
            yield (*loc, column), unknown("column", column, columns, table.name)
        elif columns[column].encrypted:
            yield (*loc, column), f"{column} is encrypted and cannot be compared"
        if param is None:
            yield (*loc, column), unknown("parameter", name, site.params, "params")
        elif required and not param.required:
            yield (
                *loc,
                column,
            ), f"the parameter {name} says which row; make it `required: true`"
        elif column in columns:
            yield from _fit(param, columns[column], (*loc, column))


def _fit(param: FieldSpec, column: ColumnSpec, loc: Loc) -> Iterator[Issue]:
    """A parameter's type fits its column's."""
    if column.type not in _FITS[param.type]:
        yield loc, (
            f"the parameter {param.name} is of type {param.type.value}, the column"
            f" {column.name} of type {column.type.value}; make them fit"
        )


def _writes(
    facts: Facts,
    site: Site,
    operation: CreateOperation | UpdateOperation,
    table: TableSpec,
    loc: Loc,
) -> Iterator[Issue]:
    """What a create or an update writes, column by column."""
    columns = declared_columns(table)
    for name, column in operation.columns.items():
        if name not in site.params:
            yield (*loc, "columns", name), unknown(
                "parameter", name, site.params, "params"
            )
        if column not in columns:
            yield (*loc, "columns", name), unknown(
                "column", column, columns, table.name
            )
    for key in ("set", "stamp"):
        for column in getattr(operation, key):
            if column not in columns:
                yield (*loc, key, column), unknown(
                    "column", column, columns, table.name
                )
    looked_at = (
        operation.where.values() if isinstance(operation, UpdateOperation) else ()
    )
    for index, param in enumerate(site.endpoint.params):
        column = operation.columns.get(param.name, param.name)
        if column in columns and param.name not in looked_at:
            yield from _fit(
                param, columns[column], (*site.loc, "params", index, "type")
            )
    for index, adjust in enumerate(operation.adjust):
        yield from _adjust(facts, site, adjust, table, (*loc, "adjust", index))


def _complete(
    site: Site, operation: CreateOperation, table: TableSpec, loc: Loc
) -> Iterator[Issue]:
    """A create gives every column that cannot be empty."""
    given = {
        operation.columns.get(name, name)
        for name, param in site.params.items()
        if param.required or param.default is not None
    }
    given |= {*operation.set, *operation.stamp}
    for name, column in declared_columns(table).items():
        if not column.nullable and column.default is None and name not in given:
            yield (*loc, "table"), (
                f"the column {name} of {table.name} must have a value; add a required"
                " parameter, `set` or `stamp` it, or give the column a default"
            )


def _adjust(
    facts: Facts, site: Site, adjust: AdjustSpec, row: TableSpec, loc: Loc
) -> Iterator[Issue]:
    """A number changed beside the row."""
    table = facts.tables.get(adjust.table)
    if table is None:
        yield from facts.table((*loc, "table"), adjust.table)
        return
    columns = declared_columns(table)
    if adjust.column not in columns:
        yield (*loc, "column"), unknown("column", adjust.column, columns, table.name)
    elif columns[adjust.column].type not in _NUMBERS:
        yield (*loc, "column"), f"{adjust.column} is not a number"
    for column, source in adjust.where.items():
        if column not in all_columns(table):
            yield (*loc, "where", column), unknown(
                "column", column, all_columns(table), table.name
            )
        yield from _source(site, source, row, (*loc, "where", column))
    yield from _source(site, adjust.by, row, (*loc, "by"))


def _source(site: Site, source: str, row: TableSpec, loc: Loc) -> Iterator[Issue]:
    """A parameter that is always there, or `row.<column>`."""
    if source.startswith("row."):
        name = source.removeprefix("row.")
        if name not in all_columns(row):
            yield loc, unknown("column", name, all_columns(row), row.name)
    elif source not in site.params:
        yield loc, unknown("parameter", source, site.params, "params")
    elif not site.params[source].required and site.params[source].default is None:
        yield loc, f"the parameter {source} may be missing; make it `required: true` or give it a default"


def _call(
    facts: Facts, site: Site, operation: CallOperation, loc: Loc
) -> Iterator[Issue]:
    """A call of an external API."""
    import re

    known = [api.id for api in facts.spec.external_apis]
    if operation.api not in known:
        yield (*loc, "api"), unknown("API", operation.api, known, "external_apis")
    for name in re.findall(r"{(\w+)}", operation.path):
        if name not in site.params:
            yield (*loc, "path"), unknown("parameter", name, site.params, "params")
        elif not site.params[name].required:
            yield (
                *loc,
                "path",
            ), f"the parameter {name} stands in the path; make it `required: true`"
    for key in ("query", "body"):
        for index, name in enumerate(getattr(operation, key)):
            if name not in site.params:
                yield (*loc, key, index), unknown(
                    "parameter", name, site.params, "params"
                )
    if operation.body and operation.method in ("GET", "DELETE"):
        yield (*loc, "body"), f"{operation.method} sends no body; use `query`"
