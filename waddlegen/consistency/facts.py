"""What the checks ask about a spec: its parts by name, and where each stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from waddlegen.spec import (
    ActionSpec,
    ColumnSpec,
    ColumnType,
    EventSpec,
    FeatureSpec,
    FieldSpec,
    ModuleSpec,
    RouteSpec,
    TableSpec,
    VariableSpec,
)
from waddlegen.wording import unknown

Loc = tuple[str | int, ...]
Issue = tuple[Loc, str]


@dataclass(frozen=True, slots=True)
class Site:
    """An action or a route, and where it stands."""

    loc: Loc
    endpoint: ActionSpec | RouteSpec

    @property
    def params(self) -> dict[str, FieldSpec]:
        """The parameters by name."""
        return {param.name: param for param in self.endpoint.params}

    @property
    def has_community(self) -> bool:
        """Whether a request always names a community."""
        match self.endpoint:
            case RouteSpec(public=public, community=community):
                return community and public is None
        return True


@dataclass(frozen=True, slots=True)
class Facts:
    """A spec, and its parts by name."""

    spec: ModuleSpec
    tables: Mapping[str, TableSpec]
    events: Mapping[str, EventSpec]
    variables: Mapping[str, VariableSpec]

    @classmethod
    def of(cls, spec: ModuleSpec) -> Facts:
        """Look a spec's parts up by name."""
        return cls(
            spec,
            tables={table.name: table for table in spec.tables},
            events={event.name: event for event in spec.publishes},
            variables={variable.name: variable for variable in spec.config},
        )

    def features(self) -> Iterator[tuple[Loc, FeatureSpec]]:
        """The features and where they stand."""
        for index, feature in enumerate(self.spec.features):
            yield ("features", index), feature

    def sites(self) -> Iterator[Site]:
        """The actions and routes of all features."""
        for loc, feature in self.features():
            for index, action in enumerate(feature.actions):
                yield Site((*loc, "actions", index), action)
            for index, route in enumerate(feature.routes):
                yield Site((*loc, "routes", index), route)

    def variable(self, loc: Loc, name: str) -> Iterator[Issue]:
        """Object to a configuration variable that is not declared."""
        if name not in self.variables:
            yield loc, unknown("variable", name, self.variables, "config")

    def event(self, loc: Loc, name: str) -> Iterator[Issue]:
        """Object to a published event that is not declared."""
        if name not in self.events:
            yield loc, unknown("event", name, self.events, "publishes")

    def table(self, loc: Loc, name: str) -> Iterator[Issue]:
        """Object to a table that is not declared."""
        if name not in self.tables:
            yield loc, unknown("table", name, self.tables, "tables")


def added_columns(table: TableSpec) -> dict[str, ColumnSpec]:
    """The columns a table has without declaring them."""
    added = {"id": ColumnSpec(name="id", type=ColumnType.BIGINT)}
    if table.community_scoped:
        added["community_id"] = ColumnSpec(name="community_id", type=ColumnType.BIGINT)
    if table.timestamps:
        for name in ("created_at", "updated_at"):
            added[name] = ColumnSpec(name=name, type=ColumnType.DATETIME)
    return added


def declared_columns(table: TableSpec) -> dict[str, ColumnSpec]:
    """The columns a spec declares, by name: those that can be written."""
    return {column.name: column for column in table.columns}


def all_columns(table: TableSpec) -> dict[str, ColumnSpec]:
    """Every column of a table, by name: those that can be looked at."""
    return added_columns(table) | declared_columns(table)


def repeated(loc: Loc, named: Iterable[tuple[str, Loc]], kind: str) -> Iterator[Issue]:
    """Object to the second use of a name; each comes with the loc below `loc`."""
    seen: set[str] = set()
    for name, tail in named:
        if name in seen:
            yield (*loc, *tail), f'{kind} "{name}" is declared twice; rename one'
        seen.add(name)
