"""Prove from a statement's SQL that it reads and changes one community's rows alone.

The statement is compiled once more by a compiler that keeps account: in every SELECT,
UPDATE and DELETE, however deep, each community's table that is named must also be held
by `community_id = :isolated_community`. What nobody can see through is refused: raw SQL,
tables without a model, functions that run SQL. So a way to write a query that the filter
does not know is an error here, not a leak.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BindParameter

from flask_core.errors import IsolationError

BIND = "isolated_community"
_RUNS_SQL = re.compile(
    r".*(query|table|schema|database|cursor)_to_xml.*|dblink.*|ts_stat|set_config"
    r"|pg_read.*|pg_ls.*|lo_.*",
    re.IGNORECASE,
)
_OPERATOR = re.compile(r"(?!.*(--|/\*))[-+*/<>=~!@#%^&|`?]{1,8}")
_PLAIN_LITERAL = re.compile(r"\*|\d+")


_Dialect: Any = postgresql.dialect
_Compiler: Any = _Dialect.statement_compiler


@dataclass(slots=True)
class Frame:
    """What one SELECT, UPDATE or DELETE names, and what of it is held."""

    named: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    def settle(self) -> None:
        """Raise IsolationError when something named is not held."""
        if loose := sorted(set(self.named) - self.held):
            raise IsolationError(
                f"{', '.join(loose)}: not held to the community; write it with the model"
            )


class ProvingCompiler(_Compiler):  # type: ignore[misc]
    """Compiles as PostgreSQL's compiler does, and keeps account."""

    tables: Mapping[str, bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Compile and settle."""
        self.frames = [Frame()]
        self.touches_scoped = False
        super().__init__(*args, **kwargs)
        self.frames[0].settle()

    @contextmanager
    def _frame(self) -> Iterator[Frame]:
        """An account of its own for a part of the statement."""
        frame = Frame()
        self.frames.append(frame)
        try:
            yield frame
        finally:
            self.frames.pop()

    def _is_scoped(self, name: str) -> bool:
        """Whether a table is a community's; raises for one that no model stands for."""
        if name not in self.tables:
            raise IsolationError(f"{name} is not the table of a model")
        if self.tables[name]:
            self.touches_scoped = True
        return self.tables[name]

    def visit_select(self, *args: Any, **kwargs: Any) -> str:
        """Keep account of a SELECT."""
        with self._frame() as frame:
            text: str = super().visit_select(*args, **kwargs)
        frame.settle()
        return text

    def visit_update(self, update_stmt: Any, *args: Any, **kwargs: Any) -> str:
        """Keep account of an UPDATE; no row may move to another community."""
        with self._frame() as frame:
            text: str = super().visit_update(update_stmt, *args, **kwargs)
        frame.settle()
        # SET is rendered without blanks around the sign, a condition with them.
        if self._is_scoped(update_stmt.table.name) and "community_id=" in text:
            raise IsolationError("a row cannot move to another community")
        return text

    def visit_delete(self, *args: Any, **kwargs: Any) -> str:
        """Keep account of a DELETE."""
        with self._frame() as frame:
            text: str = super().visit_delete(*args, **kwargs)
        frame.settle()
        return text

    def visit_insert(self, insert_stmt: Any, *args: Any, **kwargs: Any) -> str:
        """Refuse to insert into a community's table: only new models are stamped."""
        if self._is_scoped(insert_stmt.table.name):
            raise IsolationError("insert rows of a community's table with create()")
        text: str = super().visit_insert(insert_stmt, *args, **kwargs)
        return text

    def visit_table(
        self, table: Any, asfrom: bool = False, *args: Any, **kwargs: Any
    ) -> str:
        """Note a table that is read from or changed."""
        text: str = super().visit_table(table, asfrom, *args, **kwargs)
        if asfrom and self._is_scoped(table.name):
            self.frames[-1].named.append(text)
        return text

    def visit_alias(self, alias: Any, *args: Any, **kwargs: Any) -> str:
        """Note an alias instead of the table behind it."""
        named = self.frames[-1].named
        before = len(named)
        text: str = super().visit_alias(alias, *args, **kwargs)
        if len(named) > before:
            named[before:] = [text.rpartition(" AS ")[2]]
        return text

    def visit_join(self, join: Any, *args: Any, **kwargs: Any) -> str:
        """Keep account of a join: an outer one's condition holds its right side only."""
        if not (join.full or join.isouter):
            return str(super().visit_join(join, *args, **kwargs))
        with self._frame() as left:
            join.left._compiler_dispatch(self, **{**kwargs, "asfrom": True})
        with self._frame() as whole:
            text = str(super().visit_join(join, *args, **kwargs))
        loose = set(whole.named) if join.full else set(left.named) - left.held
        self.frames[-1].named += whole.named
        self.frames[-1].held |= whole.held - loose
        return text

    def visit_binary(self, binary: Any, *args: Any, **kwargs: Any) -> str:
        """Note the condition that holds a table."""
        _check_operator(binary.operator)
        right = binary.right
        if isinstance(right, BindParameter) and right.key == BIND:
            column = self.process(binary.left)
            if binary.operator is operators.eq and column.endswith(".community_id"):
                self.frames[-1].held.add(column.removesuffix(".community_id"))
        return str(super().visit_binary(binary, *args, **kwargs))

    def visit_unary(self, unary: Any, *args: Any, **kwargs: Any) -> str:
        """Refuse operators that are more than operators."""
        _check_operator(unary.operator)
        _check_operator(unary.modifier)
        return str(super().visit_unary(unary, *args, **kwargs))

    def visit_column(self, column: Any, *args: Any, **kwargs: Any) -> str:
        """Refuse columns that are raw SQL."""
        if column.is_literal and not _PLAIN_LITERAL.fullmatch(column.name):
            raise _raw_sql()
        return str(super().visit_column(column, *args, **kwargs))

    def visit_function(self, func: Any, *args: Any, **kwargs: Any) -> str:
        """Refuse functions that run SQL or read files."""
        if _RUNS_SQL.fullmatch(func.name):
            raise IsolationError(f"{func.name}() needs all_communities()")
        return str(super().visit_function(func, *args, **kwargs))

    def visit_textclause(self, *args: Any, **kwargs: Any) -> str:
        """Refuse raw SQL: nobody can tell which rows it reaches."""
        raise _raw_sql()

    def get_statement_hint_text(self, hint_texts: Any) -> str:
        """Refuse hints: they are raw SQL."""
        raise _raw_sql()


def _check_operator(operator: Any) -> None:
    """Raise when an operator of one's own is more than an operator."""
    given = getattr(operator, "opstring", None)
    if given is not None and not _OPERATOR.fullmatch(given):
        raise _raw_sql()


def _raw_sql() -> IsolationError:
    """The error for raw SQL."""
    return IsolationError("raw SQL needs all_communities()")


def prove(statement: Any, tables: Mapping[str, bool]) -> bool:
    """Whether a statement touches a community's table; raises when it is not held.

    `tables` maps each model's table to whether its rows belong to communities.
    """
    if not (statement.is_select or statement.is_dml):
        raise _raw_sql()
    dialect = _Dialect()
    dialect.statement_compiler = type(
        "Compiler", (ProvingCompiler,), {"tables": tables}
    )
    return bool(statement.compile(dialect=dialect).touches_scoped)
