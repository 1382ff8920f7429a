"""Hold every statement to the community acted for; refuse what cannot be held to it.

Reads, updates and deletes of a community's table get the community's condition,
wherever in the statement the table stands, and `proof` checks that they did. New rows
are stamped, rows of other communities refused. Serves "Community Isolation".
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, event, inspect, select
from sqlalchemy.orm import (
    Mapped,
    Mapper,
    ORMExecuteState,
    Session,
    UOWTransaction,
    mapped_column,
    with_loader_criteria,
)
from sqlalchemy.sql import bindparam
from sqlalchemy.sql.schema import Table

from flask_core.context import (
    community_or_none,
    crosses_communities,
    current_community,
)
from flask_core.errors import ApiError, IsolationError
from flask_core.proof import BIND, prove

MAX_PROVEN = 5_000
TABLES: dict[str, bool] = {}
_mappers: dict[str, Mapper[Any]] = {}
_proven: dict[Any, bool] = {}


class CommunityScoped:
    """A row belongs to one community, and no other sees it."""

    community_id: Mapped[int] = mapped_column(
        BigInteger, index=True, nullable=False, sort_order=-9
    )


# The value is asked for when the statement is executed, so one compiled statement
# serves every community.
_OWNER = bindparam(BIND, callable_=current_community, type_=BigInteger)
_HELD = with_loader_criteria(
    CommunityScoped,
    lambda model: model.community_id == _OWNER,
    include_aliases=True,
)


class IsolatedSession(Session):
    """A session in which no statement crosses the border of a community."""

    def connection(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to hand out what executes without being held."""
        if not crosses_communities():
            raise IsolationError("a bare connection needs all_communities()")
        return super().connection(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Check first: a row that is loaded already comes without a statement."""
        check_scope(self)
        return super().get(*args, **kwargs)

    def bulk_save_objects(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: it stamps nothing."""
        raise IsolationError("use create_many()")

    def bulk_insert_mappings(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: it stamps nothing."""
        raise IsolationError("use create_many()")

    def bulk_update_mappings(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: it updates by primary key alone."""
        raise IsolationError("use update()")


def scope() -> int | str | None:
    """Whom the caller acts for: a community, "all", or nobody."""
    return "all" if crosses_communities() else community_or_none()


@event.listens_for(Mapper, "after_mapper_constructed")
def _remember(mapper: Mapper[Any], model: type) -> None:
    """Note the table of a model, and whether its rows belong to communities."""
    if isinstance(mapper.local_table, Table):
        TABLES[mapper.local_table.name] = issubclass(model, CommunityScoped)
        _mappers[mapper.local_table.name] = mapper


@event.listens_for(IsolatedSession, "do_orm_execute")
def _hold(state: ORMExecuteState) -> None:
    """Filter or refuse one statement before it is executed."""
    check_scope(state.session)
    if crosses_communities():
        return
    if state.is_update or state.is_insert:
        _refuse_parameters(state.statement, state.parameters)
    statement: Any = state.statement
    if hasattr(statement, "options"):
        statement = statement.options(_HELD)
    if state.is_column_load:
        statement = _refresh_held(statement, state.bind_mapper)
    if _touches_scoped(statement):
        current_community()
    state.statement = statement


def _refresh_held(statement: Any, mapper: Mapper[Any] | None) -> Any:
    """Hold the reloading of a row, which knows no criteria, by a plain condition."""
    if mapper is None or not issubclass(mapper.class_, CommunityScoped):
        return statement
    return statement.where(mapper.class_.community_id == _OWNER)


def check_scope(session: Session) -> None:
    """Raise when a transaction goes on for somebody else than it began for.

    The rows it has loaded already would be handed to the other community.
    """
    if session.info.setdefault("scope", scope()) != scope():
        raise IsolationError("the community changed within a transaction")


def _touches_scoped(statement: Any) -> bool:
    """As `prove`, once for statements of the same shape."""
    key = statement._generate_cache_key()
    if key is None:
        return prove(statement, TABLES)
    if key.key not in _proven:
        if len(_proven) >= MAX_PROVEN:
            _proven.clear()
        _proven[key.key] = prove(statement, TABLES)
    return _proven[key.key]


def _refuse_parameters(statement: Any, parameters: Any) -> None:
    """Refuse values beside the statement that the proof cannot see."""
    if not TABLES.get(statement.table.name, True):
        return
    if isinstance(parameters, list) and parameters:
        raise IsolationError("update rows by condition, not in bulk by primary key")
    if "community_id" in (parameters or {}):
        raise IsolationError("a row cannot move to another community")


@event.listens_for(IsolatedSession, "before_flush")
def _stamp(session: Session, context: UOWTransaction, instances: Any) -> None:
    """Give new rows their community, and refuse rows of another one."""
    check_scope(session)
    if crosses_communities():
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, CommunityScoped):
            community = current_community()
            if row in session.new and row.community_id is None:
                row.community_id = community
            if row.community_id != community or _moved(row):
                raise IsolationError("a row of another community")
        if row not in session.deleted:
            _check_references(session, row)


def _moved(row: Any) -> bool:
    """Whether the community of a stored row was changed."""
    state: Any = inspect(row)
    return bool(state.persistent and state.attrs.community_id.history.has_changes())


def _check_references(session: Session, row: Any) -> None:
    """Refuse a foreign key to a row of another community; PostgreSQL accepts it."""
    state: Any = inspect(row)
    for attribute in state.mapper.column_attrs:
        value = getattr(row, attribute.key, None)
        if value is None or not state.attrs[attribute.key].history.has_changes():
            continue
        for key in attribute.columns[0].foreign_keys:
            check_reference(session, key, value)


def check_reference(session: Session, key: Any, value: Any) -> None:
    """Raise 400 when a value refers to no row of this community."""
    target = key.column
    mapper = _mappers.get(target.table.name)
    if mapper is None or not issubclass(mapper.class_, CommunityScoped):
        return
    column = mapper.get_property_by_column(target).class_attribute
    with session.no_autoflush:
        found = session.scalar(select(column).where(column == value).limit(1))
    if found is None:
        raise dangling()


def dangling() -> ApiError:
    """The error for a reference to nothing."""
    return ApiError(400, "invalid_input", "it refers to something that does not exist")
