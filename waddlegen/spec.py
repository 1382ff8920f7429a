"""The spec of a module: everything the generator knows about it, as frozen values.

A spec is what `module_specs/<id>.yaml` says. The classes below are the language:
a field's description is its documentation, in the JSON Schema and in editors.
What a spec implies (package name, class names, image name) is a property, so that
templates never compute. References between parts are checked in `consistency`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from waddlegen import names

ModuleId = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
]
Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, min_length=1)
]
VariableName = Annotated[
    str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=60)
]
EventName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$", max_length=60),
]
Path = Annotated[
    str,
    StringConstraints(
        pattern=r"^/([A-Za-z0-9_.~-]+|\{[a-z][a-z0-9_]*\})(/([A-Za-z0-9_.~-]+|\{[a-z][a-z0-9_]*\}))*$",
        max_length=200,
    ),
]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Port = Annotated[int, Field(ge=1024, le=65535)]
Version = Annotated[
    str, StringConstraints(pattern=r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$", max_length=40)
]
Quantity = Annotated[
    str, StringConstraints(pattern=r"^[1-9][0-9]*(m|Ki|Mi|Gi)?$", max_length=12)
]
Scalar = bool | int | float | Text


class Part(BaseModel):
    """Any part of a spec: frozen, and strict about unknown keys and types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, protected_namespaces=()
    )


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable a module reads, built in or of its own."""

    name: str
    value: bool | int | float | str | None = None
    secret: bool = False
    required: bool = True
    description: str = ""

    @property
    def text(self) -> str:
        """The value as the environment holds it."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return "" if self.value is None else str(self.value)


class Category(StrEnum):
    """What a module is for: takes events in, acts on request, or serves the platform."""

    TRIGGER = "trigger"
    ACTION = "action"
    CORE = "core"


class Role(StrEnum):
    """The scope an API key must have; `admin` implies every other."""

    TRIGGER = "trigger"
    ACTION = "action"
    CORE = "core"
    ADMIN = "admin"
    USER = "user"


class Need(StrEnum):
    """How much a module depends on a server."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class ValueType(StrEnum):
    """The type of a parameter, an event field or a result field."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    OBJECT = "object"
    ARRAY = "array"


class ColumnType(StrEnum):
    """The type of a table's column."""

    STRING = "string"
    TEXT = "text"
    INTEGER = "integer"
    BIGINT = "bigint"
    NUMBER = "number"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    JSON = "json"
    UUID = "uuid"


Origin = Annotated[
    str,
    StringConstraints(
        pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$", max_length=300
    ),
]


class VariableType(StrEnum):
    """The type of a configuration variable."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    URL = "url"


class WithoutRedis(StrEnum):
    """What a rate limit does while Redis, which counts for all replicas, is gone."""

    LOCAL = "local"
    REFUSE = "refuse"


class Verifier(StrEnum):
    """How a webhook's sender proves itself; each is implemented in flask_core.webhooks."""

    TWITCH_EVENTSUB = "twitch_eventsub"
    DISCORD_INTERACTIONS = "discord_interactions"
    SLACK_V0 = "slack_v0"
    KICK_RSA = "kick_rsa"
    KICK_HMAC_LEGACY = "kick_hmac_legacy"
    YOUTUBE_WEBSUB = "youtube_websub"
    GENERIC_HMAC = "generic_hmac"


class FieldSpec(Part):
    """One parameter, event field or result field."""

    name: Name = Field(description="Name as callers write it.")
    type: ValueType = Field(
        ValueType.STRING, strict=False, description="Type of the value."
    )
    required: bool = Field(False, description="Whether the value must be given.")
    default: Scalar | None = Field(None, description="Value used when none is given.")
    description: Text = Field(
        "", description="What the value means, for the documentation."
    )
    choices: tuple[Text, ...] = Field(
        (), strict=False, description="The only allowed texts."
    )
    min_length: int | None = Field(
        None, ge=0, le=1_000_000, description="Shortest text."
    )
    max_length: int | None = Field(
        None, ge=1, le=1_000_000, description="Longest text; 1000 unless said."
    )
    pattern: Text | None = Field(
        None, description="Regular expression the whole text must match."
    )
    minimum: int | float | None = Field(None, description="Smallest number.")
    maximum: int | float | None = Field(None, description="Largest number.")
    items: Literal["string", "integer", "number", "boolean", "object"] = Field(
        "string", description="Type of an array's items."
    )
    max_items: int | None = Field(
        None, ge=1, le=10_000, description="Longest array; 100 unless said."
    )
    secret: bool = Field(False, description="Never logged and never echoed.")
    example: Scalar | None = Field(
        None,
        description="A value that shows the form; needed where `pattern` is given.",
    )

    @property
    def whole_pattern(self) -> str | None:
        """The pattern, held to the whole text: pydantic and JSON Schema only search."""
        return None if self.pattern is None else f"^(?:{self.pattern})$"

    @property
    def attribute(self) -> str:
        """The Python attribute that holds the value."""
        return names.field_name(self.name)


class VariableSpec(Part):
    """One configuration variable, read from the environment."""

    name: VariableName = Field(description="Name of the environment variable.")
    type: VariableType = Field(
        VariableType.STRING, strict=False, description="Type of the value."
    )
    default: Scalar | None = Field(
        None, description="Value used when the variable is unset; never for a secret."
    )
    required: bool | None = Field(
        None,
        description="Whether the module refuses to start without it; by default, when it has no default.",
    )
    secret: bool = Field(
        False,
        description="Comes from a Kubernetes Secret, is never logged and has no default.",
    )
    choices: tuple[Text, ...] = Field(
        (), strict=False, description="The only allowed texts."
    )
    description: Text = Field("", description="What the variable decides.")

    @property
    def attribute(self) -> str:
        """The attribute of the module's Settings."""
        return names.field_name(self.name.lower())

    @property
    def is_required(self) -> bool:
        """Whether the module refuses to start without the variable."""
        return self.default is None if self.required is None else self.required


class ColumnSpec(Part):
    """One column of a table."""

    name: Name = Field(description="Name of the column.")
    renamed_from: Name | None = Field(
        None,
        description="Name the column had before; what was edited by hand travels along.",
    )
    type: ColumnType = Field(
        ColumnType.STRING, strict=False, description="Type of the column."
    )
    length: int | None = Field(
        None,
        ge=1,
        le=10_485_760,
        description="Longest text of a `string` column; 255 unless said.",
    )
    precision: int | None = Field(
        None, ge=1, le=1000, description="Digits of a `decimal` column; 12 unless said."
    )
    scale: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="Digits after the point of a `decimal` column; 2 unless said.",
    )
    nullable: bool = Field(False, description="Whether the column may be empty.")
    default: Scalar | None = Field(
        None,
        description="Value of a new row that gives none; `now` for a datetime, `{}` or `[]` for json.",
    )
    unique: bool = Field(
        False,
        description="No two rows (of one community, in a community's table) share a value.",
    )
    index: bool = Field(
        False, description="Whether look-ups by this column are indexed."
    )
    references: Name | None = Field(
        None, description="Table whose id this column holds."
    )
    choices: tuple[Text, ...] = Field(
        (), strict=False, description="The only allowed texts."
    )
    minimum: int | float | None = Field(
        None, description="Smallest number, held by the database."
    )
    encrypted: bool = Field(
        False, description="Stored encrypted, never returned; for tokens."
    )
    description: Text = Field("", description="What the column means.")

    @property
    def attribute(self) -> str:
        """The attribute of the model class."""
        return names.column_attribute(self.name)

    @property
    def sql_type(self) -> str:
        """The column's type as SQLAlchemy's Python expression."""
        if self.encrypted:
            return "EncryptedText()"
        match self.type:
            case ColumnType.STRING:
                return f"String({self.length or 255})"
            case ColumnType.DECIMAL:
                scale = 2 if self.scale is None else self.scale
                return f"Numeric({self.precision or 12}, {scale})"
            case ColumnType.DATETIME:
                return "DateTime(timezone=True)"
        return _SQL_TYPES[self.type]

    @property
    def server_default(self) -> str | None:
        """The default as the text of an SQL literal; `now` for the time of the insert."""
        if isinstance(self.default, bool):
            return "true" if self.default else "false"
        return None if self.default is None else str(self.default)


_SQL_TYPES = {
    ColumnType.TEXT: "Text()",
    ColumnType.INTEGER: "Integer()",
    ColumnType.BIGINT: "BigInteger()",
    ColumnType.NUMBER: "Float()",
    ColumnType.BOOLEAN: "Boolean()",
    ColumnType.JSON: "JSONB()",
    ColumnType.UUID: "UUID()",
}


class IndexSpec(Part):
    """An index over several columns of a table."""

    columns: tuple[Name, ...] = Field(
        strict=False, min_length=1, description="The columns, in order."
    )
    unique: bool = Field(False, description="Whether no two rows share these values.")


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint or an index of a table: `unique`, `index` or `check`."""

    kind: str
    name: str
    columns: tuple[str, ...] = ()
    check: str | None = None


class TableSpec(Part):
    """One table the module owns; `id` is added, and unless switched off `community_id`, `created_at` and `updated_at`."""

    name: Name = Field(description="Name of the table.")
    renamed_from: Name | None = Field(
        None,
        description="Name the table had before; what was edited by hand travels along.",
    )
    model: (
        Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=60)]
        | None
    ) = Field(
        None,
        description="Name of the model class; guessed from the table's name unless said.",
    )
    description: Text = Field("", description="What a row is.")
    community_scoped: bool = Field(
        True,
        description="Whether each row belongs to one community and is seen by no other.",
    )
    timestamps: bool = Field(
        True, description="Whether rows carry created_at and updated_at."
    )
    columns: tuple[ColumnSpec, ...] = Field(
        strict=False, min_length=1, description="The columns."
    )
    indexes: tuple[IndexSpec, ...] = Field(
        (), strict=False, description="Indexes over several columns."
    )

    @property
    def class_name(self) -> str:
        """The name of the model class."""
        return self.model or names.class_of_table(self.name)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Unique constraints, checks and indexes, each with the name the database knows."""
        return tuple(_constraints(self))


def _constraints(table: TableSpec) -> Iterator[Constraint]:
    """What the columns and the indexes of a table demand; unique means per community."""
    scope = ("community_id",) if table.community_scoped else ()
    for column in table.columns:
        quoted, tail = f'"{column.name}"', f"{table.name}_{column.name}"
        if column.unique:
            columns = (*scope, column.name)
            yield Constraint("unique", names.identifier(f"uq_{tail}"), columns)
        if column.index:
            columns = (*scope, column.name)
            yield Constraint("index", names.identifier(f"ix_{tail}"), columns)
        if column.choices:
            listed = ", ".join(map(_sql_text, column.choices))
            check = f"{quoted} IN ({listed})"
            yield Constraint("check", names.identifier(f"ck_{tail}"), check=check)
        if column.minimum is not None:
            name = names.identifier(f"ck_{tail}_minimum")
            yield Constraint("check", name, check=f"{quoted} >= {column.minimum}")
    for index in table.indexes:
        name = (
            f"{'uq' if index.unique else 'ix'}_{table.name}_{'_'.join(index.columns)}"
        )
        kind = "unique" if index.unique else "index"
        yield Constraint(kind, names.identifier(name), (*scope, *index.columns))


def _sql_text(text: str) -> str:
    """A text as an SQL literal; SQLAlchemy would read a bare colon as a parameter."""
    doubled = text.replace("'", "''").replace(":", "\\:")
    return f"'{doubled}'"


class AdjustSpec(Part):
    """A number changed in the same transaction, refused when it would fall below a minimum."""

    table: Name = Field(description="Table of the number.")
    column: Name = Field(description="Column that holds it.")
    where: dict[Name, str] = Field(
        description="Which row: column to parameter, or to `row.<column>` of the row just written."
    )
    by: str = Field(description="How much: a parameter, or `row.<column>`.")
    subtract: bool = Field(False, description="Whether the amount is taken away.")
    minimum: int | None = Field(
        None,
        description="The number may not fall below this; the request is then refused with 409.",
    )


class CustomOperation(Part):
    """Logic written by hand in the service; answered with 501 until it is."""

    do: Literal["custom"] = Field(description="The kind of operation.")


class CreateOperation(Part):
    """Insert one row from the parameters of the same names."""

    do: Literal["create"] = Field(description="The kind of operation.")
    table: Name = Field(description="Table the row goes to.")
    columns: dict[Name, Name] = Field(
        {}, description="Parameter to column, where their names differ."
    )
    set: dict[Name, Scalar] = Field({}, description="Column to fixed value.")
    stamp: dict[Name, Literal["user_id", "platform", "now"]] = Field(
        {}, description="Column to a fact of the call."
    )
    adjust: tuple[AdjustSpec, ...] = Field(
        (), strict=False, description="Numbers changed in the same transaction."
    )


class GetOperation(Part):
    """Read one row; 404 when there is none."""

    do: Literal["get"] = Field(description="The kind of operation.")
    table: Name = Field(description="Table the row is in.")
    where: dict[Name, Name] = Field(
        min_length=1, description="Which row: column to parameter."
    )


class ListOperation(Part):
    """Read rows page by page; parameters `limit` and `after` are added."""

    do: Literal["list"] = Field(description="The kind of operation.")
    table: Name = Field(description="Table the rows are in.")
    where: dict[Name, Name] = Field(
        {},
        description="Which rows: column to parameter; a parameter not given filters nothing.",
    )
    search: dict[Name, Name] = Field(
        {}, description="Column to parameter whose text the column must contain."
    )
    order_by: Annotated[str, StringConstraints(pattern=r"^-?[a-z][a-z0-9_]*$")] = Field(
        "id", description="Column to sort by; `-` in front for descending."
    )


class UpdateOperation(Part):
    """Change one row; 404 when there is none, 409 when `expect` does not hold."""

    do: Literal["update"] = Field(description="The kind of operation.")
    table: Name = Field(description="Table the row is in.")
    where: dict[Name, Name] = Field(
        min_length=1, description="Which row: column to parameter."
    )
    columns: dict[Name, Name] = Field(
        {}, description="Parameter to column, where their names differ."
    )
    set: dict[Name, Scalar] = Field({}, description="Column to fixed value.")
    stamp: dict[Name, Literal["user_id", "platform", "now"]] = Field(
        {}, description="Column to a fact of the call."
    )
    expect: dict[Name, Scalar] = Field(
        {}, description="Column to the value it must have before the change."
    )
    adjust: tuple[AdjustSpec, ...] = Field(
        (), strict=False, description="Numbers changed in the same transaction."
    )


class DeleteOperation(Part):
    """Delete one row; 404 when there is none."""

    do: Literal["delete"] = Field(description="The kind of operation.")
    table: Name = Field(description="Table the row is in.")
    where: dict[Name, Name] = Field(
        min_length=1, description="Which row: column to parameter."
    )


class CallOperation(Part):
    """Call an external API with the parameters and return what it answers."""

    do: Literal["call"] = Field(description="The kind of operation.")
    api: Name = Field(description="The external API's id.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        "GET", description="HTTP method."
    )
    path: Path = Field(
        description="Path under the base URL; `{name}` is filled from the parameter."
    )
    query: tuple[Name, ...] = Field(
        (), strict=False, description="Parameters sent in the query string."
    )
    body: tuple[Name, ...] = Field(
        (), strict=False, description="Parameters sent as a JSON object."
    )


class CallModuleOperation(Part):
    """Call an action of another module with the parameters and return its result."""

    do: Literal["call_module"] = Field(description="The kind of operation.")
    module: ModuleId = Field(description="The other module's id.")
    action: Name = Field(description="The other module's action.")


class PublishOperation(Part):
    """Publish an event whose payload is the parameters."""

    do: Literal["publish"] = Field(description="The kind of operation.")
    event: EventName = Field(description="The event, declared under `publishes`.")


class EnqueueOperation(Part):
    """Put a durable event on its stream; the payload is the parameters."""

    do: Literal["enqueue"] = Field(description="The kind of operation.")
    event: EventName = Field(
        description="The event, declared under `publishes` as durable."
    )


Operation = Annotated[
    CustomOperation
    | CreateOperation
    | GetOperation
    | ListOperation
    | UpdateOperation
    | DeleteOperation
    | CallOperation
    | CallModuleOperation
    | PublishOperation
    | EnqueueOperation,
    Field(discriminator="do"),
]


class RateLimitSpec(Part):
    """How often one caller may call."""

    max_requests: int = Field(
        100, ge=1, le=1_000_000, description="Requests allowed in one window."
    )
    window_seconds: int = Field(
        60, ge=1, le=86_400, description="Length of the window."
    )
    on_failure: WithoutRedis = Field(
        WithoutRedis.LOCAL,
        strict=False,
        description="While Redis is gone: `local` lets each replica count for itself, "
        "`refuse` answers 503.",
    )


class EndpointPart(Part):
    """What actions and routes have in common."""

    id: Name = Field(
        description="Name of the endpoint; also the handler's and the service's function."
    )
    renamed_from: Name | None = Field(
        None, description="Id it had before; what was edited by hand travels along."
    )
    description: Text = Field("", description="What it does, for the documentation.")
    role: Role = Field(
        Role.ACTION, strict=False, description="Scope a caller's key must have."
    )
    params: tuple[FieldSpec, ...] = Field(
        (), strict=False, description="The parameters."
    )
    operation: Operation = Field(
        CustomOperation(do="custom"),
        description="What happens; by default hand-written code.",
    )
    result: tuple[FieldSpec, ...] = Field(
        (), strict=False, description="Fields of the result, for hand-written code."
    )
    emits: EventName | None = Field(
        None,
        description="Event published after success, filled from the result and the parameters.",
    )
    rate_limit: RateLimitSpec = Field(
        RateLimitSpec(), description="How often one caller may call."
    )
    timeout_seconds: int | float = Field(
        10, gt=0, le=600, description="Time after which the caller gets 503."
    )
    idempotent: bool = Field(
        False, description="Whether an Idempotency-Key makes a repeated call harmless."
    )


class ActionSpec(EndpointPart):
    """`POST /api/v1/action/{id}`, as the standard has it."""

    alias: Path | None = Field(
        None,
        description="A second path, where parameters stand at the top level of the body.",
    )


class RouteSpec(EndpointPart):
    """A further REST route."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "WEBSOCKET"] = Field(
        description="HTTP method, or WEBSOCKET."
    )
    path: Path = Field(description="Path; `{name}` is a parameter of that name.")
    role: Role = Field(
        Role.USER, strict=False, description="Scope a caller's key must have."
    )
    public: Annotated[str, StringConstraints(min_length=10, max_length=500)] | None = (
        Field(
            None, description="Reason why no key is needed; leave out to require one."
        )
    )
    community: bool = Field(
        True, description="Whether the caller must name a community."
    )
    produces: Literal["json", "html", "text", "redirect"] = Field(
        "json", description="What the route answers with."
    )
    cache_seconds: int | None = Field(
        None,
        ge=1,
        le=300,
        description="How long an answer may be served again (reads only).",
    )


class CrudSpec(Part):
    """REST routes over one table: list, create, get, update, delete."""

    table: Name = Field(description="The table.")
    path: Path = Field(
        description="Path of the collection; one row is at `<path>/{id}`."
    )
    operations: tuple[Literal["list", "create", "get", "update", "delete"], ...] = (
        Field(
            ("list", "create", "get", "update", "delete"),
            strict=False,
            min_length=1,
            description="Which of the five.",
        )
    )
    read_role: Role = Field(
        Role.USER, strict=False, description="Scope for list and get."
    )
    write_role: Role = Field(
        Role.ACTION, strict=False, description="Scope for create, update and delete."
    )
    filter: tuple[Name, ...] = Field(
        (), strict=False, description="Columns the list can be filtered by."
    )
    order_by: Annotated[str, StringConstraints(pattern=r"^-?[a-z][a-z0-9_]*$")] = Field(
        "id", description="Column the list is sorted by; `-` in front for descending."
    )


class WebhookSpec(Part):
    """A route a platform calls, verified before anything is read."""

    id: Name = Field(
        description="Name of the webhook; also the handler's and the service's function."
    )
    path: Path = Field(description="Path the platform calls.")
    verifier: Verifier = Field(
        strict=False, description="How the sender proves itself."
    )
    secret: VariableName = Field(
        description="Configuration variable with the shared secret or public key."
    )
    verify_token: VariableName | None = Field(
        None,
        description="Configuration variable with the token of a WebSub subscription.",
    )
    description: Text = Field("", description="What arrives here.")


class EventSpec(Part):
    """An event the module publishes."""

    name: EventName = Field(description="`domain.verb`, as in `inventory.checked_out`.")
    durable: bool = Field(
        False,
        description="Whether it is kept on a stream until consumed, instead of fanned out.",
    )
    description: Text = Field("", description="When it happens.")
    payload: tuple[FieldSpec, ...] = Field(
        (), strict=False, description="Fields of the event."
    )


class ConsumeSpec(Part):
    """An event a feature reacts to; the reaction is hand-written in the service."""

    event: EventName = Field(description="Name of the event.")
    durable: bool = Field(False, description="Whether it is read from a stream.")
    types: tuple[Text, ...] = Field(
        (), strict=False, description="Only events whose `type` is one of these."
    )
    description: Text = Field("", description="What the module does about it.")

    @property
    def function(self) -> str:
        """The handler's and the service's function."""
        return f"on_{names.snake(self.event)}"


class JobSpec(Part):
    """Work done again and again in the background; hand-written in the service."""

    id: Name = Field(description="Name of the job; also the service's function.")
    every_seconds: int | float | None = Field(
        None, gt=0, le=86_400, description="Time between two runs."
    )
    every: VariableName | None = Field(
        None,
        description="Configuration variable with the time between two runs, instead.",
    )
    exclusive: bool = Field(True, description="Whether one replica at a time runs it.")
    description: Text = Field("", description="What it does.")


class FeatureSpec(Part):
    """One feature: one handler file and one service."""

    id: Name = Field(
        description="Name of the feature; the files are handlers/<id>.py and services/<id>_service.py."
    )
    renamed_from: Name | None = Field(
        None,
        description="Id the feature had before; what was edited by hand travels along.",
    )
    description: Text = Field("", description="What the feature is for.")
    actions: tuple[ActionSpec, ...] = Field(
        (), strict=False, description="Actions other modules call."
    )
    routes: tuple[RouteSpec, ...] = Field(
        (), strict=False, description="Further REST routes."
    )
    crud: tuple[CrudSpec, ...] = Field(
        (), strict=False, description="REST routes over tables."
    )
    webhooks: tuple[WebhookSpec, ...] = Field(
        (), strict=False, description="Routes that platforms call."
    )
    consumes: tuple[ConsumeSpec, ...] = Field(
        (), strict=False, description="Events the feature reacts to."
    )
    jobs: tuple[JobSpec, ...] = Field((), strict=False, description="Background work.")

    @property
    def class_name(self) -> str:
        """The name of the service class."""
        return f"{names.pascal(self.id)}Service"


class HeaderSpec(Part):
    """A header sent with every call of an external API, filled from a secret."""

    name: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=60)
    ] = Field(description="Name of the header.")
    variable: VariableName = Field(description="Configuration variable with the value.")
    prefix: Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=20)] = (
        Field("", description="Text before the value, such as `Bearer `.")
    )


class ExternalApiSpec(Part):
    """An HTTP API outside the platform."""

    id: Name = Field(description="Name of the API in this spec and in the code.")
    base_url: (
        Annotated[
            str,
            StringConstraints(
                pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_.~/-]*)?$",
                max_length=300,
            ),
        ]
        | None
    ) = Field(None, description="Base URL, where it is the same everywhere.")
    base_url_from: VariableName | None = Field(
        None, description="Configuration variable with the base URL, instead."
    )
    headers: tuple[HeaderSpec, ...] = Field(
        (), strict=False, description="Headers with credentials."
    )
    timeout_seconds: int | float = Field(
        5, gt=0, le=600, description="Time one call may take in all."
    )
    attempts: int = Field(
        2, ge=1, le=5, description="How often a harmless call is tried."
    )
    breaker_threshold: int = Field(
        5, ge=1, le=1000, description="Failures in a row after which calls stop."
    )
    breaker_reset_seconds: int | float = Field(
        30, gt=0, le=3600, description="Time until one call probes again."
    )
    description: Text = Field("", description="What the API is for.")


class ModuleCallSpec(Part):
    """Another module this one calls; its address and key come from the environment."""

    module: ModuleId = Field(description="The other module's id.")
    base_url: Origin = Field(description="Where it is reached inside the cluster.")
    timeout_seconds: int | float = Field(
        5, gt=0, le=600, description="Time one call may take in all."
    )

    @property
    def url_variable(self) -> str:
        """The environment variable with the address."""
        return f"{names.upper(self.module)}_URL"

    @property
    def key_variable(self) -> str:
        """The environment variable with the API key."""
        return f"{names.upper(self.module)}_API_KEY"


class DependenciesSpec(Part):
    """The servers a module needs; `required` makes it unhealthy without them."""

    postgres: Need = Field(Need.REQUIRED, strict=False, description="PostgreSQL.")
    redis: Need = Field(Need.REQUIRED, strict=False, description="Redis.")


class TracingSpec(Part):
    """OpenTelemetry: a span for each request, call, event and job."""

    endpoint: Origin = Field(
        description="The collector, as OTLP over HTTP, like http://otel-collector:4318."
    )


class SloSpec(Part):
    """What the module promises, over 30 days; alerts are derived from it."""

    availability_percent: int | float = Field(
        99.9,
        gt=0,
        lt=100,
        description="Share of requests answered without a server error.",
    )
    latency_ms: int = Field(
        500,
        ge=1,
        le=60_000,
        description="A request is fast when it takes at most this.",
    )
    latency_percent: int | float = Field(
        95, gt=0, lt=100, description="Share of requests that are fast."
    )

    @property
    def error_budget(self) -> float:
        """Share of requests that may fail."""
        return round(1 - self.availability_percent / 100, 9)

    @property
    def fast_burn(self) -> float:
        """Share of failures that spends 2 % of the month's budget in an hour."""
        return round(min(14.4 * self.error_budget, 0.99), 9)

    @property
    def slow_burn(self) -> float:
        """Share of failures that spends 5 % of the month's budget in six hours."""
        return round(min(6 * self.error_budget, 0.99), 9)

    @property
    def latency_share(self) -> float:
        """Share of requests that are fast."""
        return round(self.latency_percent / 100, 6)

    @property
    def latency_bucket(self) -> str:
        """The histogram's bucket that is at least the promised latency, in seconds."""
        seconds = self.latency_ms / 1000
        bucket = next((each for each in LATENCY_BUCKETS if each >= seconds), 30.0)
        return str(bucket)

    @property
    def latency_bucket_ms(self) -> int:
        """That bucket in milliseconds: what is really measured."""
        return round(float(self.latency_bucket) * 1000)


# The bounds of flask_core.metrics' histogram, as Prometheus writes them.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ResourcesSpec(Part):
    """What one replica may use."""

    cpu_request: Quantity = Field("100m", description="CPU set aside.")
    cpu_limit: Quantity = Field("500m", description="CPU at most.")
    memory_request: Quantity = Field("256Mi", description="Memory set aside.")
    memory_limit: Quantity = Field("512Mi", description="Memory at most.")


class AutoscalingSpec(Part):
    """How many replicas run, by load."""

    min_replicas: int = Field(3, ge=1, le=1000, description="Fewest replicas.")
    max_replicas: int = Field(10, ge=1, le=1000, description="Most replicas.")
    cpu_percent: int = Field(70, ge=1, le=100, description="CPU load aimed at.")


class DeploymentSpec(Part):
    """How the module runs in the cluster."""

    replicas: int = Field(
        3,
        ge=1,
        le=1000,
        description="Replicas when nothing scales them; a singleton has one.",
    )
    resources: ResourcesSpec = Field(
        ResourcesSpec(), description="What one replica may use."
    )
    autoscaling: AutoscalingSpec | None = Field(
        AutoscalingSpec(), description="Scaling by load; null for none."
    )
    namespace: ModuleId = Field("waddlebot", description="Kubernetes namespace.")
    row_level_security: bool = Field(
        False,
        description="Whether PostgreSQL itself filters by community beneath the data layer.",
    )
    drain_seconds: int = Field(
        25, ge=1, le=600, description="Time requests in flight get at a stop."
    )

    @property
    def grace_seconds(self) -> int:
        """Time Kubernetes gives a replica to stop: the drain, and its delay with a reserve."""
        return self.drain_seconds + 15


class ModuleSpec(Part):
    """One module of the platform."""

    id: ModuleId = Field(
        description="The module's id, also the name of its image and of this file."
    )
    title: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] = Field(
        description="Name for people."
    )
    description: Text = Field("", description="What the module is for.")
    category: Category = Field(strict=False, description="trigger, action or core.")
    version: Version = Field("0.2.0", description="Version of the module.")
    port: Port = Field(description="HTTP port, unique in the fleet.")
    grpc_port: Port | None = Field(
        None,
        description="gRPC port reserved for the module in the fleet; nothing listens on it yet.",
    )
    deploy_name: ModuleId | None = Field(
        None, description="Name in Kubernetes and DNS; `<category>-<id>` unless said."
    )
    owner: Text = Field("platform", description="Team that answers for the module.")
    singleton: bool = Field(False, description="Whether exactly one replica may run.")
    legacy_names: tuple[Name | ModuleId, ...] = Field(
        (), strict=False, description="Names the module had before."
    )
    image_registry: Annotated[
        str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9./_:-]*$", max_length=200)
    ] = Field(
        "ghcr.io/penguintechinc/waddlebot", description="Where the image is pushed."
    )
    dependencies: DependenciesSpec = Field(
        DependenciesSpec(), description="Servers the module needs."
    )
    config: tuple[VariableSpec, ...] = Field(
        (), strict=False, description="Configuration beyond what every module has."
    )
    tables: tuple[TableSpec, ...] = Field(
        (), strict=False, description="Tables the module owns."
    )
    external_apis: tuple[ExternalApiSpec, ...] = Field(
        (), strict=False, description="HTTP APIs outside the platform."
    )
    calls: tuple[ModuleCallSpec, ...] = Field(
        (), strict=False, description="Other modules this one calls."
    )
    publishes: tuple[EventSpec, ...] = Field(
        (), strict=False, description="Events the module publishes."
    )
    features: tuple[FeatureSpec, ...] = Field(
        strict=False, min_length=1, description="What the module does."
    )
    slo: SloSpec = Field(SloSpec(), description="What the module promises.")
    deployment: DeploymentSpec = Field(
        DeploymentSpec(), description="How the module runs."
    )
    tracing: TracingSpec | None = Field(
        None, description="Where its traces go; none are made where it is left out."
    )

    @property
    def package(self) -> str:
        """The folder under `generated/` and the name in log lines."""
        return names.snake(self.id)

    @property
    def kubernetes_name(self) -> str:
        """The name of the module's Kubernetes objects and its DNS name."""
        return self.deploy_name or f"{self.category}-{self.id}"

    @property
    def image(self) -> str:
        """The image without its tag; the tag is `v<version>`."""
        return f"{self.image_registry}/{self.id}"

    @property
    def uses_postgres(self) -> bool:
        """Whether the module talks to PostgreSQL."""
        return self.dependencies.postgres is not Need.NONE

    @property
    def uses_redis(self) -> bool:
        """Whether the module talks to Redis."""
        return self.dependencies.redis is not Need.NONE

    @property
    def is_called_from_outside(self) -> bool:
        """Whether browsers or platforms call the module, through the ingress."""
        return self.category is Category.TRIGGER or any(
            feature.webhooks or any(route.public for route in feature.routes)
            for feature in self.features
        )

    @property
    def outside_ports(self) -> tuple[int, ...]:
        """The ports of the servers and APIs the module calls, as configured."""
        defaults = {variable.name: variable.default for variable in self.config}
        ports = {
            _port(api.base_url or str(defaults.get(api.base_url_from or "")))
            for api in self.external_apis
        }
        ports |= {_port(self.tracing.endpoint)} if self.tracing else set()
        ports |= {5432} if self.uses_postgres else set()
        ports |= {6379} if self.uses_redis else set()
        return tuple(sorted(ports))

    @property
    def uses_encryption(self) -> bool:
        """Whether a column is stored encrypted."""
        return any(
            column.encrypted for table in self.tables for column in table.columns
        )

    @property
    def environment(self) -> tuple[Variable, ...]:
        """Every variable the module reads, in the order of its documentation."""
        return (
            *_core_variables(self),
            *(_POSTGRES if self.uses_postgres else ()),
            *((_row_level_security(self),) if self.uses_postgres else ()),
            *(_REDIS if self.uses_redis else ()),
            *(_ENCRYPTION if self.uses_encryption else ()),
            *(each for call in self.calls for each in _call_variables(call)),
            *(_tracing(self.tracing) if self.tracing else ()),
            *(_own_variable(variable) for variable in self.config),
        )

    @property
    def plain_variables(self) -> tuple[Variable, ...]:
        """The variables a ConfigMap holds."""
        values = (each for each in self.environment if not each.secret)
        return tuple(each for each in values if each.value is not None)

    @property
    def secret_variables(self) -> tuple[Variable, ...]:
        """The variables a Secret holds, the database's password apart."""
        secrets = (each for each in self.environment if each.secret)
        return tuple(each for each in secrets if each.name != "DB_PASSWORD")

    @property
    def ordered_tables(self) -> tuple[TableSpec, ...]:
        """The tables, each after those it refers to."""
        waiting: list[TableSpec] = list(self.tables)
        done: list[TableSpec] = []
        while waiting:
            names_done = {table.name for table in done}
            ready = [table for table in waiting if _refers_to(table) <= names_done]
            done += ready or waiting
            waiting = [table for table in waiting if table not in done]
        return tuple(done)

    @property
    def replicas(self) -> int:
        """How many replicas the Deployment starts with."""
        return 1 if self.singleton else self.deployment.replicas


def _core_variables(spec: ModuleSpec) -> tuple[Variable, ...]:
    """What every module reads."""
    return (
        Variable("MODULE_NAME", spec.id, description="The module's id."),
        Variable("MODULE_VERSION", spec.version, description="The module's version."),
        Variable("MODULE_PORT", spec.port, description="Port it listens on."),
        Variable("ROUTER_URL", "http://core-router:8000", description="The router."),
        Variable("ROUTER_API_KEY", None, True, description="Key for the router."),
        Variable(
            "API_KEY_SECRET", None, True, description="Hashes API keys; 32 characters."
        ),
        Variable("JWT_SECRET", None, True, description="Signs tokens; 32 characters."),
        Variable(
            "JWT_SECRET_PREVIOUS",
            None,
            True,
            False,
            "The one before, while tokens it signed are still about.",
        ),
        Variable(
            "BOOTSTRAP_API_KEY",
            None,
            True,
            False,
            "First admin key of a fresh installation; 32 characters.",
        ),
        Variable(
            "BOOTSTRAP_COMMUNITIES",
            "",
            description="Communities of that key: `*`, or numbers with commas.",
        ),
        Variable("LOG_LEVEL", "INFO", description="DEBUG, INFO, WARNING or ERROR."),
        Variable(
            "LOG_DIR", "/var/log/waddlebotlog", description="Where the log file goes."
        ),
        Variable("DRAIN_DELAY", 5, description="Seconds it still accepts at a stop."),
        Variable(
            "DRAIN_TIMEOUT",
            spec.deployment.drain_seconds,
            description="Seconds requests in flight get at a stop.",
        ),
        Variable("ENABLE_CACHE", True, description="Whether answers are kept."),
    )


_POSTGRES = (
    Variable(
        "DB_HOST", "postgres.default.svc.cluster.local", description="PostgreSQL."
    ),
    Variable("DB_PORT", 5432, description="Its port."),
    Variable("DB_NAME", "waddlebot", description="Its database."),
    Variable("DB_USER", "waddlebot", description="Its user."),
    Variable("DB_PASSWORD", None, True, description="That user's password."),
    Variable(
        "DB_POOL_SIZE", 3, description="Connections for changes, and as many for reads."
    ),
    Variable(
        "DB_REPLICA_HOSTS", "", description="Replicas to read from: host:port, host."
    ),
    Variable(
        "DB_POOLER",
        "none",
        description="`transaction` behind PgBouncer in transaction mode.",
    ),
)
_REDIS = (
    Variable("REDIS_HOST", "redis.default.svc.cluster.local", description="Redis."),
    Variable("REDIS_PORT", 6379, description="Its port."),
    Variable("REDIS_PASSWORD", None, True, False, "Its password, if it has one."),
)
_ENCRYPTION = (
    Variable(
        "ENCRYPTION_KEY", None, True, description="Encrypts columns; 32 characters."
    ),
    Variable(
        "ENCRYPTION_KEY_PREVIOUS",
        None,
        True,
        False,
        "The one before, while columns it encrypted are still about.",
    ),
)


def _tracing(tracing: TracingSpec) -> tuple[Variable, ...]:
    """Where traces go."""
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    return (Variable(name, tracing.endpoint, description="The collector of traces."),)


def _row_level_security(spec: ModuleSpec) -> Variable:
    """Whether the second wall beneath the data layer is switched on."""
    return Variable(
        "DB_RLS",
        spec.deployment.row_level_security,
        description="Whether PostgreSQL filters by community too.",
    )


def _call_variables(call: ModuleCallSpec) -> tuple[Variable, Variable]:
    """Where another module is reached, and with which key."""
    return (
        Variable(
            call.url_variable, call.base_url, description=f"The module {call.module}."
        ),
        Variable(call.key_variable, None, True, description=f"Key for {call.module}."),
    )


def _own_variable(variable: VariableSpec) -> Variable:
    """A variable of the spec."""
    return Variable(
        variable.name,
        variable.default,
        variable.secret,
        variable.is_required,
        variable.description,
    )


def _port(url: str) -> int:
    """The port of a URL; 443 where the URL is known to the environment alone."""
    found = re.match(r"(https?)://[^/:]+(?::(\d+))?(?:/|$)", url)
    if found and found[2]:
        return int(found[2])
    return 80 if found and found[1] == "http" else 443


def _refers_to(table: TableSpec) -> set[str]:
    """The other tables whose ids a table holds."""
    referred = {column.references for column in table.columns if column.references}
    return referred - {table.name}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec file, for editors."""
    schema = ModuleSpec.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "WaddleBot module spec",
        **{key: value for key, value in schema.items() if key != "title"},
    }
