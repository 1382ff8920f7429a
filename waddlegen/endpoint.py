"""An endpoint: one HTTP operation of a module, with everything that follows from its spec.

Actions, their aliases, routes and CRUD shorthands all become endpoints, so that handlers,
OpenAPI, tests and README speak of the same list.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from waddlegen import names
from waddlegen.spec import (
    ActionSpec,
    AdjustSpec,
    CallModuleOperation,
    CallOperation,
    ColumnSpec,
    ColumnType,
    CreateOperation,
    CrudSpec,
    CustomOperation,
    DeleteOperation,
    FeatureSpec,
    FieldSpec,
    GetOperation,
    ListOperation,
    ModuleSpec,
    Operation,
    RateLimitSpec,
    Role,
    RouteSpec,
    TableSpec,
    UpdateOperation,
    ValueType,
)

LIMIT = FieldSpec(
    name="limit",
    type=ValueType.INTEGER,
    default=50,
    minimum=1,
    maximum=100,
    description="How many rows a page has at most.",
)
AFTER = FieldSpec(
    name="after",
    type=ValueType.STRING,
    max_length=500,
    description="The `next` of the page before.",
)

_VALUE_TYPES = {
    ColumnType.STRING: ValueType.STRING,
    ColumnType.TEXT: ValueType.STRING,
    ColumnType.UUID: ValueType.STRING,
    ColumnType.INTEGER: ValueType.INTEGER,
    ColumnType.BIGINT: ValueType.INTEGER,
    ColumnType.NUMBER: ValueType.NUMBER,
    ColumnType.DECIMAL: ValueType.NUMBER,
    ColumnType.BOOLEAN: ValueType.BOOLEAN,
    ColumnType.DATETIME: ValueType.DATETIME,
    ColumnType.JSON: ValueType.OBJECT,
}

Example = bool | int | float | str | list[object] | dict[str, object]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One column an operation writes, and where its value comes from."""

    attribute: str
    param: str | None = None
    given: bool = True
    literal: bool | int | float | str | None = None
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One column an operation looks at, and the parameter or value it is compared with."""

    attribute: str
    param: str | None = None
    required: bool = True
    literal: bool | int | float | str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """The column a list is sorted by, and which way."""

    attribute: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A number an operation changes beside its own row; sources are Python expressions."""

    class_name: str
    attribute: str
    where: tuple[tuple[str, str], ...]
    amount: str
    subtract: bool
    minimum: int | None


@dataclass(frozen=True)
class Endpoint:
    """One HTTP operation; `id` is its handler, `function` the service method it calls."""

    feature: FeatureSpec
    id: str
    function: str
    kind: str
    method: str
    path: str
    description: str
    role: Role
    params: tuple[FieldSpec, ...]
    operation: Operation
    result: tuple[FieldSpec, ...] = ()
    public: str | None = None
    community: bool = True
    produces: str = "json"
    cache_seconds: int | None = None
    emits: str | None = None
    rate_limit: RateLimitSpec = RateLimitSpec()
    timeout_seconds: int | float = 10
    idempotent: bool = False
    table: TableSpec | None = None
    tables: tuple[TableSpec, ...] = ()

    @property
    def params_class(self) -> str:
        """The name of the class that validates the parameters."""
        return f"{names.pascal(self.function)}Params"

    @property
    def path_params(self) -> tuple[FieldSpec, ...]:
        """The parameters that stand in the path."""
        inside = set(re.findall(r"{(\w+)}", self.path))
        return tuple(param for param in self.params if param.name in inside)

    @property
    def other_params(self) -> tuple[FieldSpec, ...]:
        """The parameters that stand in the query string or the body."""
        inside = set(re.findall(r"{(\w+)}", self.path))
        return tuple(param for param in self.params if param.name not in inside)

    @property
    def quart_path(self) -> str:
        """The path as Quart writes it: `/labels/<int:label_id>`."""
        integers = {p.name for p in self.params if p.type is ValueType.INTEGER}
        return re.sub(
            r"{(\w+)}",
            lambda m: f"<int:{m[1]}>" if m[1] in integers else f"<{m[1]}>",
            self.path,
        )

    @property
    def reads(self) -> str:
        """The function of flask_core.requests that reads the parameters."""
        if self.kind == "action":
            return "read_action"
        if self.kind == "alias":
            return "read_flat"
        return "read_body" if self.method in ("POST", "PUT", "PATCH") else "read_query"

    @property
    def has_body(self) -> bool:
        """Whether the request carries a JSON body."""
        return self.reads != "read_query"

    @property
    def mutating(self) -> bool:
        """Whether the endpoint may change something, so that it is audited."""
        return self.method not in ("GET", "WEBSOCKET")

    @property
    def unfinished(self) -> bool:
        """Whether the work is left to hand-written code."""
        return isinstance(self.operation, CustomOperation)

    @property
    def calls_others(self) -> bool:
        """Whether all it does is to ask another service."""
        return isinstance(self.operation, CallOperation | CallModuleOperation)

    @property
    def refusals(self) -> tuple[int, ...]:
        """The error statuses a caller may get, in the order of their numbers."""
        does = self.operation.do
        statuses = {400, 429, 500, 503}
        statuses |= set() if self.public else {401, 403}
        if self.path_params or does in ("custom", "create", "get", "update", "delete"):
            statuses.add(404)
        if self.has_body or self.idempotent:
            statuses |= {408, 413}
        if self.has_body:
            statuses.add(415)
        if self.idempotent or does in ("custom", "create", "update", "delete"):
            statuses.add(409)
        if self.idempotent:
            statuses.add(422)
        if self.unfinished:
            statuses.add(501)
        return tuple(sorted(statuses))

    @property
    def summary(self) -> str:
        """The first line of the description, or the name in words."""
        first = self.description.strip().split("\n", 1)[0].strip()
        return first or self.function.replace("_", " ").capitalize() + "."

    @property
    def example(self) -> dict[str, object]:
        """A valid value of each required parameter that is not in the path."""
        return {p.name: example(p) for p in self.other_params if p.required}

    @property
    def example_body(self) -> dict[str, object]:
        """A valid body."""
        if self.kind == "action":
            return {"user_id": "discord:123456", "params": self.example}
        if self.kind == "alias":
            return {"user_id": "discord:123456", **self.example}
        return self.example

    @property
    def example_url(self) -> str:
        """The path with its parameters filled in, and the query string it needs."""
        url = self.path
        for param in self.path_params:
            url = url.replace(f"{{{param.name}}}", quote(str(example(param)), safe=""))
        query = {} if self.has_body else self.example
        return f"{url}?{urlencode(query)}" if query else url

    @property
    def row_url(self) -> str | None:
        """The path with `{id}` for a row's id, where only that decides which row is meant."""
        conditions = self.conditions
        if self.kind != "route" or len(conditions) != 1 or self.example:
            return None
        if conditions[0].attribute != "id" or len(self.path_params) != 1:
            return None
        return self.path.replace(f"{{{self.path_params[0].name}}}", "{id}")

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """The columns a create or update writes."""
        match self.operation:
            case CreateOperation() | UpdateOperation() as operation if self.table:
                return tuple(_assignments(operation, self.params, self.table))
        return ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The columns that say which rows are meant."""
        match self.operation:
            case (
                GetOperation() | ListOperation() | UpdateOperation() | DeleteOperation()
            ):
                by_name = {param.name: param for param in self.params}
                return tuple(
                    Condition(
                        names.column_attribute(column),
                        param=by_name[param].attribute,
                        required=by_name[param].required,
                    )
                    for column, param in self.operation.where.items()
                )
        return ()

    @property
    def expectations(self) -> tuple[Condition, ...]:
        """The values columns must have before an update."""
        match self.operation:
            case UpdateOperation():
                return tuple(
                    Condition(names.column_attribute(column), literal=value)
                    for column, value in self.operation.expect.items()
                )
        return ()

    @property
    def searches(self) -> tuple[Condition, ...]:
        """The columns a list is searched by."""
        match self.operation:
            case ListOperation():
                return tuple(
                    Condition(
                        names.column_attribute(column),
                        param=names.field_name(param),
                        required=False,
                    )
                    for column, param in self.operation.search.items()
                )
        return ()

    @property
    def order(self) -> Order | None:
        """The column a list is sorted by."""
        match self.operation:
            case ListOperation(order_by=column):
                attribute = names.column_attribute(column.removeprefix("-"))
                return Order(attribute, column.startswith("-"))
        return None

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """The numbers changed in the same transaction."""
        match self.operation:
            case CreateOperation() | UpdateOperation() as operation:
                return tuple(self._adjustment(adjust) for adjust in operation.adjust)
        return ()

    def _adjustment(self, adjust: AdjustSpec) -> Adjustment:
        """Resolve one adjustment against the tables of the module."""
        table = next(table for table in self.tables if table.name == adjust.table)
        return Adjustment(
            class_name=table.class_name,
            attribute=names.column_attribute(adjust.column),
            where=tuple(
                (names.column_attribute(column), _source(source))
                for column, source in adjust.where.items()
            ),
            amount=_source(adjust.by),
            subtract=adjust.subtract,
            minimum=adjust.minimum,
        )


def _source(source: str) -> str:
    """Spell the source of an adjustment as Python: a parameter, or a column of the row."""
    if source.startswith("row."):
        return f"row.{names.column_attribute(source.removeprefix('row.'))}"
    return f"params.{names.field_name(source)}"


def _assignments(
    operation: CreateOperation | UpdateOperation,
    params: tuple[FieldSpec, ...],
    table: TableSpec,
) -> Iterator[Assignment]:
    """Pair the columns of a table with parameters, fixed values and facts of the call."""
    columns = {column.name for column in table.columns}
    where = operation.where.values() if isinstance(operation, UpdateOperation) else ()
    for param in params:
        column = operation.columns.get(param.name, param.name)
        if column in columns and param.name not in where:
            given = param.required or param.default is not None
            yield Assignment(
                names.column_attribute(column), param=param.attribute, given=given
            )
    for column, value in operation.set.items():
        yield Assignment(names.column_attribute(column), literal=value)
    for column, fact in operation.stamp.items():
        yield Assignment(names.column_attribute(column), stamp=fact)


def example(field: FieldSpec) -> Example:
    """A valid value of a field, the same in documentation and tests."""
    if field.example is not None:
        return field.example
    if field.default is not None:
        return field.default
    if field.choices:
        return field.choices[0]
    match field.type:
        case ValueType.INTEGER | ValueType.NUMBER:
            return _number(field)
        case ValueType.BOOLEAN:
            return True
        case ValueType.DATETIME:
            return "2030-01-31T12:00:00Z"
        case ValueType.OBJECT:
            return {"key": "value"}
        case ValueType.ARRAY:
            return [_ITEMS[field.items]]
        case ValueType.STRING:
            return _text(field)


_ITEMS: dict[str, object] = {
    "string": "text",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "object": {"key": "value"},
}


def _number(field: FieldSpec) -> int | float:
    """The number nearest to one that the bounds allow."""
    low = field.minimum if field.minimum is not None else min(1, field.maximum or 1)
    value = max(low, 1) if field.maximum is None else min(max(low, 1), field.maximum)
    return int(value) if field.type is ValueType.INTEGER else value


def _text(field: FieldSpec) -> str:
    """The field's name, cut or stretched to the length the bounds allow."""
    text = f"{field.name} text"[: field.max_length]
    return text.ljust(field.min_length or 0, "x")


def field_of_column(column: ColumnSpec, required: bool) -> FieldSpec:
    """The parameter that writes a column."""
    return FieldSpec(
        name=column.name,
        type=_VALUE_TYPES[column.type],
        required=required,
        description=column.description,
        choices=column.choices,
        min_length=1 if column.type is ColumnType.STRING and required else None,
        max_length=_max_length(column),
        minimum=column.minimum,
        pattern=_UUID if column.type is ColumnType.UUID else None,
        example=_UUID_EXAMPLE if column.type is ColumnType.UUID else None,
    )


_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_UUID_EXAMPLE = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def _max_length(column: ColumnSpec) -> int | None:
    """The longest text a column takes."""
    if column.type is ColumnType.STRING:
        return column.length or 255
    return 10_000 if column.type is ColumnType.TEXT else None


def endpoints(spec: ModuleSpec) -> tuple[Endpoint, ...]:
    """Every endpoint of a module, feature by feature in the order of the spec."""
    tables = {table.name: table for table in spec.tables}
    return tuple(
        endpoint
        for feature in spec.features
        for endpoint in _of_feature(feature, tables)
    )


def _of_feature(
    feature: FeatureSpec, tables: dict[str, TableSpec]
) -> Iterator[Endpoint]:
    """The endpoints of one feature: actions and aliases, routes, CRUD."""
    for action in feature.actions:
        yield from _of_action(feature, action, tables)
    for route in feature.routes:
        yield _of_route(feature, route, tables)
    for crud in feature.crud:
        yield from _of_crud(feature, crud, tables)


def _params(
    params: tuple[FieldSpec, ...], operation: Operation
) -> tuple[FieldSpec, ...]:
    """The parameters of an endpoint; a list takes a page size and a cursor as well."""
    if isinstance(operation, ListOperation):
        return (*params, LIMIT, AFTER)
    return params


def _of_action(
    feature: FeatureSpec, action: ActionSpec, tables: dict[str, TableSpec]
) -> Iterator[Endpoint]:
    """The endpoint of an action, and that of its alias."""
    paths = [("action", action.id, f"/api/v1/action/{action.id}")]
    if action.alias:
        paths.append(("alias", f"{action.id}_alias", action.alias))
    for kind, handler, path in paths:
        yield Endpoint(
            feature=feature,
            id=handler,
            function=action.id,
            kind=kind,
            method="POST",
            path=path,
            description=action.description,
            role=action.role,
            params=_params(action.params, action.operation),
            operation=action.operation,
            result=action.result,
            emits=action.emits,
            rate_limit=action.rate_limit,
            timeout_seconds=action.timeout_seconds,
            idempotent=action.idempotent,
            table=tables.get(getattr(action.operation, "table", "")),
            tables=tuple(tables.values()),
        )


def _of_route(
    feature: FeatureSpec, route: RouteSpec, tables: dict[str, TableSpec]
) -> Endpoint:
    """The endpoint of a route."""
    return Endpoint(
        feature=feature,
        id=route.id,
        function=route.id,
        kind="route",
        method=route.method,
        path=route.path,
        description=route.description,
        role=route.role,
        params=_params(route.params, route.operation),
        operation=route.operation,
        result=route.result,
        public=route.public,
        community=route.community and route.public is None,
        produces=route.produces,
        cache_seconds=route.cache_seconds,
        emits=route.emits,
        rate_limit=route.rate_limit,
        timeout_seconds=route.timeout_seconds,
        idempotent=route.idempotent,
        table=tables.get(getattr(route.operation, "table", "")),
        tables=tuple(tables.values()),
    )


def crud_ids(table: str) -> dict[str, str]:
    """The function of each CRUD operation of a table: `list` is `list_labels`."""
    one = names.snake(
        "_".join([*table.split("_")[:-1], names.singular(table.split("_")[-1])])
    )
    return {
        "list": f"list_{table}",
        "create": f"create_{one}",
        "get": f"get_{one}",
        "update": f"update_{one}",
        "delete": f"delete_{one}",
    }


_ROW_ID = FieldSpec(
    name="id",
    type=ValueType.INTEGER,
    required=True,
    minimum=1,
    description="The row's id.",
)


def _of_crud(
    feature: FeatureSpec, crud: CrudSpec, tables: dict[str, TableSpec]
) -> Iterator[Endpoint]:
    """The endpoints of a CRUD shorthand, in the order the spec lists them."""
    table = tables[crud.table]
    ids = crud_ids(crud.table)
    thing = names.singular(crud.table.replace("_", " "))
    by_id = {"id": "id"}
    writable = tuple(column for column in table.columns)
    filters = tuple(
        field_of_column(column, required=False).model_copy(update={"min_length": None})
        for column in table.columns
        if column.name in crud.filter
    )
    creates = tuple(
        field_of_column(c, required=not c.nullable and c.default is None)
        for c in writable
    )
    changes = tuple(field_of_column(c, required=False) for c in writable)
    plans: dict[str, tuple[str, str, str, tuple[FieldSpec, ...], Operation]] = {
        "list": (
            "GET",
            crud.path,
            f"List {crud.table.replace('_', ' ')}, page by page.",
            _params(filters, ListOperation(do="list", table=crud.table)),
            ListOperation(
                do="list",
                table=crud.table,
                where={name: name for name in crud.filter},
                order_by=crud.order_by,
            ),
        ),
        "create": (
            "POST",
            crud.path,
            f"Create one of {crud.table.replace('_', ' ')}.",
            creates,
            CreateOperation(do="create", table=crud.table),
        ),
        "get": (
            "GET",
            f"{crud.path}/{{id}}",
            f"Read one {thing}.",
            (_ROW_ID,),
            GetOperation(do="get", table=crud.table, where=by_id),
        ),
        "update": (
            "PATCH",
            f"{crud.path}/{{id}}",
            f"Change the given fields of one {thing}.",
            (_ROW_ID, *changes),
            UpdateOperation(do="update", table=crud.table, where=by_id),
        ),
        "delete": (
            "DELETE",
            f"{crud.path}/{{id}}",
            f"Delete one {thing}.",
            (_ROW_ID,),
            DeleteOperation(do="delete", table=crud.table, where=by_id),
        ),
    }
    for operation in crud.operations:
        method, path, description, params, does = plans[operation]
        yield Endpoint(
            feature=feature,
            id=ids[operation],
            function=ids[operation],
            kind="route",
            method=method,
            path=path,
            description=description,
            role=crud.read_role if method == "GET" else crud.write_role,
            params=params,
            operation=does,
            table=table,
            tables=tuple(tables.values()),
        )
