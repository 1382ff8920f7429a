"""Write the Alembic migration from a module's former tables to those its spec has now.

Each step is marked: safe beside running replicas, locking (the table waits, or old replicas
fail meanwhile), or destructive (data is lost). Renames are taken from `renamed_from` and
never guessed. A migration is written once and then belongs to the user.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from waddlegen.filters import doc, py, py_ascii, python
from waddlegen.spec import ColumnSpec, ColumnType, Constraint, ModuleSpec, TableSpec

FOLDER = PurePosixPath("migrations/versions")


class Mark(StrEnum):
    """What a step means for a running fleet."""

    SAFE = "safe"
    LOCKING = "locking"
    DESTRUCTIVE = "destructive"


@dataclass(frozen=True, slots=True)
class Move:
    """One step: a line for people, and the statements."""

    mark: Mark
    text: str
    code: str


def moves(old: ModuleSpec, new: ModuleSpec) -> tuple[Move, ...]:
    """The steps from the old tables to the new ones."""
    return tuple(_moves(old, new, _renames(old.tables, new.tables)))


def _renames(old: Iterable[TableSpec], new: Iterable[TableSpec]) -> dict[str, str]:
    """The tables that have another name: the former one to today's."""
    before, after = {t.name for t in old}, {t.name for t in new}
    return {
        table.renamed_from: table.name
        for table in new
        if table.renamed_from in before - after and table.name not in before
    }


def _back(old: ModuleSpec, new: ModuleSpec) -> tuple[Move, ...]:
    """The steps back: the same from new to old, with every rename turned round."""
    renames = _renames(old.tables, new.tables)
    former = {now: before for before, now in renames.items()}
    later = {table.name: table for table in new.tables}
    tables = []
    for table in old.tables:
        match = later.get(renames.get(table.name, table.name))
        columns = table.columns
        if match is not None:
            now = _column_renames(table, match)
            columns = tuple(
                replace_from(column, now.get(column.name)) for column in table.columns
            )
        source = renames.get(table.name)
        tables.append(
            table.model_copy(update={"renamed_from": source, "columns": columns})
        )
    target = old.model_copy(update={"tables": tuple(tables)})
    return tuple(_moves(new, target, former))


def replace_from(column: ColumnSpec, former: str | None) -> ColumnSpec:
    """A column that had another name before."""
    return column.model_copy(update={"renamed_from": former})


def _moves(
    old: ModuleSpec, new: ModuleSpec, renames: Mapping[str, str]
) -> Iterator[Move]:
    """Renames, then new tables, changed ones, and last those that go."""
    before = {renames.get(table.name, table.name): table for table in old.tables}
    after = {table.name: table for table in new.tables}
    for former, name in renames.items():
        yield Move(
            Mark.LOCKING,
            f"rename table {former} to {name}; replicas of the old version fail",
            f"op.rename_table({py(former)}, {py(name)})",
        )
    for table in new.ordered_tables:
        if table.name not in before:
            yield Move(Mark.SAFE, f"create table {table.name}", _create(table))
    for table in new.ordered_tables:
        if table.name in before:
            yield from _changed(before[table.name], table)
    for table in reversed(old.ordered_tables):
        if renames.get(table.name, table.name) not in after:
            text = f"drop table {table.name} with its rows"
            yield Move(Mark.DESTRUCTIVE, text, f"op.drop_table({py(table.name)})")


def _column_renames(old: TableSpec, new: TableSpec) -> dict[str, str]:
    """The columns that have another name: the former one to today's."""
    before, after = {c.name for c in old.columns}, {c.name for c in new.columns}
    return {
        column.renamed_from: column.name
        for column in new.columns
        if column.renamed_from in before - after and column.name not in before
    }


def _changed(old: TableSpec, new: TableSpec) -> Iterator[Move]:
    """The steps of one table that stays."""
    name, renames = new.name, _column_renames(old, new)
    before = {renames.get(column.name, column.name): column for column in old.columns}
    after = {column.name: column for column in new.columns}
    kept = _kept_constraints(old, new, renames)
    for constraint in old.constraints:
        if constraint not in kept:
            yield _drop_constraint(name, constraint)
    if old.community_scoped and not new.community_scoped:
        yield _drop_scope(name, old.name)
    for former, now in renames.items():
        yield Move(
            Mark.LOCKING,
            f"rename {name}.{former} to {now}; replicas of the old version fail",
            f"op.alter_column({py(name)}, {py(former)}, new_column_name={py(now)})",
        )
    if old.community_scoped and new.community_scoped and old.name != name:
        yield _rename_index(f"ix_{old.name}_community_id", f"ix_{name}_community_id")
    for was, constraint in kept.items():
        if was.name != constraint.name:
            yield _rename_constraint(name, was, constraint)
    for column in old.columns:
        if renames.get(column.name, column.name) not in after:
            yield _drop_column(name, column.name)
    yield from _changed_stamps(name, old.timestamps, new.timestamps)
    if new.community_scoped and not old.community_scoped:
        yield _add_scope(name)
    for column in new.columns:
        if column.name not in before:
            yield _add_column(name, column)
        else:
            yield from _changed_column(old.name, name, before[column.name], column)
    there = set(kept.values())
    for constraint in new.constraints:
        if constraint not in there:
            yield _add_constraint(name, constraint)


def _kept_constraints(
    old: TableSpec, new: TableSpec, renames: Mapping[str, str]
) -> dict[Constraint, Constraint]:
    """The constraints that stay, each with what it is called now."""
    wanted = {_content(each): each for each in new.constraints}
    kept = {}
    for constraint in old.constraints:
        columns = tuple(renames.get(name, name) for name in constraint.columns)
        check = constraint.check
        for former, now in renames.items():
            if check is not None and check.startswith(f'"{former}" '):
                check = f'"{now}"' + check[len(former) + 2 :]
        moved = replace(constraint, columns=columns, check=check)
        if _content(moved) in wanted:
            kept[constraint] = wanted[_content(moved)]
    return kept


def _content(constraint: Constraint) -> Constraint:
    """A constraint without its name."""
    return replace(constraint, name="")


def _drop_constraint(table: str, constraint: Constraint) -> Move:
    """Take away an index or a constraint."""
    if constraint.kind == "index":
        code = f"op.drop_index({py(constraint.name)}, table_name={py(table)})"
    else:
        code = (
            f"op.drop_constraint({py(constraint.name)}, {py(table)},"
            f" type_={py(constraint.kind)})"
        )
    return Move(Mark.SAFE, f"drop {constraint.kind} {constraint.name}", code)


def _add_constraint(table: str, constraint: Constraint) -> Move:
    """Add an index or a constraint; the rows there are have to be read."""
    name, columns = py(constraint.name), _list(constraint.columns)
    if constraint.kind == "index":
        code = f"op.create_index({name}, {py(table)}, {columns})"
    elif constraint.kind == "unique":
        code = f"op.create_unique_constraint({name}, {py(table)}, {columns})"
    else:
        check = py_ascii(constraint.check or "")
        code = f"op.create_check_constraint({name}, {py(table)}, {check})"
    text = f"add {constraint.kind} {constraint.name}; writes wait while rows are read"
    return Move(Mark.LOCKING, text, code)


def _list(names: Sequence[str]) -> str:
    """Names as a list in Python."""
    return "[" + ", ".join(py(name) for name in names) + "]"


def _rename_index(former: str, name: str) -> Move:
    """Give an index another name."""
    sql = f'ALTER INDEX "{former}" RENAME TO "{name}"'
    return Move(Mark.SAFE, f"rename index {former}", f"op.execute({py(sql)})")


def _rename_constraint(table: str, former: Constraint, now: Constraint) -> Move:
    """Give a constraint another name."""
    if now.kind == "index":
        return _rename_index(former.name, now.name)
    sql = f'ALTER TABLE "{table}" RENAME CONSTRAINT "{former.name}" TO "{now.name}"'
    return Move(Mark.SAFE, f"rename {now.kind} {former.name}", f"op.execute({py(sql)})")


def _drop_column(table: str, column: str) -> Move:
    """Take a column away."""
    text = f"drop column {table}.{column} with its values"
    return Move(Mark.DESTRUCTIVE, text, f"op.drop_column({py(table)}, {py(column)})")


def _changed_stamps(table: str, before: bool, after: bool) -> Iterator[Move]:
    """The columns created_at and updated_at, where they come or go."""
    for name in ("created_at", "updated_at") if before != after else ():
        if before:
            yield _drop_column(table, name)
        else:
            column = (
                f"Column({py(name)}, DateTime(timezone=True), nullable=False,"
                " server_default=func.now())"
            )
            code = f"op.add_column({py(table)}, {column})"
            yield Move(Mark.SAFE, f"add column {table}.{name}", code)


def _drop_scope(table: str, former: str) -> Move:
    """Let rows belong to no community any more."""
    code = (
        f"op.execute({py(f'DROP POLICY community ON {_quoted(table)}')})\n"
        f"op.execute({py(f'ALTER TABLE {_quoted(table)} NO FORCE ROW LEVEL SECURITY')})\n"
        f"op.execute({py(f'ALTER TABLE {_quoted(table)} DISABLE ROW LEVEL SECURITY')})\n"
        f'op.drop_column({py(table)}, "community_id")'
    )
    return Move(Mark.DESTRUCTIVE, f"drop column {table}.community_id", code)


def _quoted(table: str) -> str:
    """A table's name in SQL."""
    return f'"{table}"'


def _add_scope(table: str) -> Move:
    """Let each row belong to one community; those there are have none, so there may be none."""
    code = (
        f"op.add_column({py(table)},"
        ' Column("community_id", BigInteger(), nullable=False, index=True))\n'
        f'op.create_index({py(f"ix_{table}_community_id")}, {py(table)}, ["community_id"])\n'
        f"enable_row_level_security({py(table)})"
    ).replace(", index=True", "")
    text = f"add column {table}.community_id; fails where the table has rows"
    return Move(Mark.LOCKING, text, code)


def _add_column(table: str, column: ColumnSpec) -> Move:
    """Add a column; without a default, rows there are could not fill it."""
    code = f"op.add_column({py(table)}, {_column(column)})"
    text = f"add column {table}.{column.name}"
    if column.nullable or column.default is not None:
        mark = Mark.LOCKING if column.references else Mark.SAFE
        return Move(mark, text, code)
    return Move(
        Mark.LOCKING,
        f"{text}; fails where the table has rows: give it a default or fill it here",
        code,
    )


def _changed_column(
    old_table: str, table: str, old: ColumnSpec, new: ColumnSpec
) -> Iterator[Move]:
    """The steps of one column that stays."""
    where = f"{py(table)}, {py(new.name)}"
    if old.references != new.references and old.references:
        constraint = f"{old_table}_{old.name}_fkey"
        code = f'op.drop_constraint({py(constraint)}, {py(table)}, type_="foreignkey")'
        yield Move(Mark.SAFE, f"let {table}.{new.name} refer to no table", code)
    if old.sql_type != new.sql_type:
        yield from _changed_type(table, where, old, new)
    elif _default(old) != _default(new):
        code = f"op.alter_column({where}, server_default={_default(new)})"
        yield Move(Mark.SAFE, f"change the default of {table}.{new.name}", code)
    if old.nullable != new.nullable:
        code = f"op.alter_column({where}, nullable={new.nullable})"
        text = f"let {table}.{new.name} be empty"
        if not new.nullable:
            text = f"let {table}.{new.name} never be empty; fails where it is"
        yield Move(Mark.SAFE if new.nullable else Mark.LOCKING, text, code)
    if old.references != new.references and new.references:
        code = (
            f"op.create_foreign_key({py(f'{table}_{new.name}_fkey')}, {py(table)},"
            f' {py(new.references)}, [{py(new.name)}], ["id"], ondelete="CASCADE")'
        )
        text = f"let {table}.{new.name} refer to {new.references}; rows are read"
        yield Move(Mark.LOCKING, text, code)


def _changed_type(
    table: str, where: str, old: ColumnSpec, new: ColumnSpec
) -> Iterator[Move]:
    """Another type: the default goes first, as PostgreSQL casts none, and comes back."""
    mark, note = _weigh(old, new)
    sql = _SQL.get(new.type, "text").format(
        length=new.length or 255,
        precision=new.precision or 12,
        scale=2 if new.scale is None else new.scale,
    )
    using = f'"{new.name}"::{"text" if new.encrypted else sql}'
    code = [
        f"op.alter_column({where}, type_={new.sql_type}, postgresql_using={py(using)})"
    ]
    if old.default is not None:
        code.insert(0, f"op.alter_column({where}, server_default=None)")
    if new.default is not None:
        code.append(f"op.alter_column({where}, server_default={_default(new)})")
    text = f"change {table}.{new.name} from {old.sql_type} to {new.sql_type}{note}"
    yield Move(mark, text, "\n".join(code))


_SQL = {
    ColumnType.STRING: "varchar({length})",
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "integer",
    ColumnType.BIGINT: "bigint",
    ColumnType.NUMBER: "double precision",
    ColumnType.DECIMAL: "numeric({precision}, {scale})",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATETIME: "timestamptz",
    ColumnType.JSON: "jsonb",
    ColumnType.UUID: "uuid",
}
_WIDER = {
    (ColumnType.INTEGER, ColumnType.BIGINT),
    (ColumnType.INTEGER, ColumnType.DECIMAL),
    (ColumnType.INTEGER, ColumnType.NUMBER),
}


def _weigh(old: ColumnSpec, new: ColumnSpec) -> tuple[Mark, str]:
    """How much a change of type costs, and what to say of it."""
    if old.encrypted or new.encrypted:
        return Mark.DESTRUCTIVE, "; values are not encrypted or decrypted"
    texts = (ColumnType.STRING, ColumnType.TEXT)
    if old.type in texts and new.type in texts:
        longest = [
            c.length or 255 if c.type is texts[0] else 1 << 40 for c in (old, new)
        ]
        if longest[0] <= longest[1]:
            return Mark.SAFE, ""
        return Mark.DESTRUCTIVE, "; longer texts are cut"
    if new.type is ColumnType.TEXT or (old.type, new.type) in _WIDER:
        return Mark.LOCKING, "; every row is written anew"
    return Mark.DESTRUCTIVE, "; fails or loses digits where a value does not fit"


def _default(column: ColumnSpec) -> str:
    """A column's default as Python."""
    if column.default is None:
        return "None"
    if column.server_default == "now" and column.type is ColumnType.DATETIME:
        return "func.now()"
    return py(column.server_default)


def _column(column: ColumnSpec) -> str:
    """A column as SQLAlchemy's Python expression."""
    parts = [py(column.name), column.sql_type]
    if column.references:
        parts.append(f'ForeignKey({py(f"{column.references}.id")}, ondelete="CASCADE")')
    parts.append(f"nullable={column.nullable}")
    if column.default is not None:
        parts.append(f"server_default={_default(column)}")
    return f"Column({', '.join(parts)})"


def _create(table: TableSpec) -> str:
    """A whole new table."""
    parts = [py(table.name), 'Column("id", BigInteger(), Identity(), primary_key=True)']
    if table.community_scoped:
        parts.append('Column("community_id", BigInteger(), nullable=False, index=True)')
    parts += [_column(column) for column in table.columns]
    if table.timestamps:
        for name in ("created_at", "updated_at"):
            parts.append(
                f"Column({py(name)}, DateTime(timezone=True), nullable=False,"
                " server_default=func.now())"
            )
    for each in table.constraints:
        if each.kind == "check":
            parts.append(
                f"CheckConstraint({py_ascii(each.check or '')}, name={py(each.name)})"
            )
        elif each.kind == "unique":
            columns = ", ".join(py(name) for name in each.columns)
            parts.append(f"UniqueConstraint({columns}, name={py(each.name)})")
    lines = ["op.create_table(", *(f"    {part}," for part in parts), ")"]
    for each in table.constraints:
        if each.kind == "index":
            columns = _list(each.columns)
            lines.append(
                f"op.create_index({py(each.name)}, {py(table.name)}, {columns})"
            )
    if table.community_scoped:
        lines.append(f"enable_row_level_security({py(table.name)})")
    return "\n".join(lines)


_HEAD = """\
from alembic import op
from flask_core.crypto import EncryptedText
from flask_core.migrate import enable_row_level_security
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Float, ForeignKey, Identity, Integer, Numeric, String, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB, UUID
"""
_REVISION = re.compile(r"^revision\s*(?::[^=]+)?=\s*[\"']([^\"']+)[\"']", re.M)
_DOWN = re.compile(r"^down_revision\s*(?::[^=]+)?=\s*[\"']([^\"']+)[\"']", re.M)


def migration(
    old: ModuleSpec, new: ModuleSpec, versions: Mapping[PurePosixPath, str]
) -> tuple[PurePosixPath, str] | None:
    """The next migration and its path; None where no table changes."""
    forward = moves(old, new)
    if not forward:
        return None
    down = _head(versions)
    taken = {path.name[:4] for path in versions}
    number = next(n for n in range(2, 10_000) if f"{n:04}" not in taken)
    slug = _slug(forward)
    path = FOLDER / f"{number:04}_{slug}.py"
    return path, _written(new, f"{number:04}", down, forward, _back(old, new))


def _head(versions: Mapping[PurePosixPath, str]) -> str:
    """The revision that no other one follows."""
    known = {
        found[1] for text in versions.values() if (found := _REVISION.search(text))
    }
    followed = {found[1] for text in versions.values() if (found := _DOWN.search(text))}
    return max(known - followed, default="0001")


def _slug(forward: Sequence[Move]) -> str:
    """A few words for the name of the file."""
    words = re.findall(r"[a-z0-9]+", forward[0].text.split(";")[0].lower())
    return "_".join(words)[:40].rstrip("_")


def _written(
    new: ModuleSpec,
    revision: str,
    down: str,
    forward: Sequence[Move],
    back: Sequence[Move],
) -> str:
    """The text of a migration."""
    worst = max((move.mark for move in forward), key=list(Mark).index)
    text = (
        f"# Written by waddlegen for module_specs/{new.id}.yaml; this file is yours.\n"
        f'"""{doc(f"The tables of {new.id} {new.version}: {worst}.")}"""\n\n'
        f"{_HEAD}\n"
        f"revision = {py(revision)}\ndown_revision = {py(down)}\n"
        "branch_labels = None\ndepends_on = None\n\n\n"
        'def upgrade() -> None:\n    """Go to the new tables."""\n'
        f"{_body(forward)}\n\n\n"
        'def downgrade() -> None:\n    """Go back to the former tables."""\n'
        f"{_body(back)}\n"
    )
    return _formatted(python(text))


def _body(moves: Sequence[Move]) -> str:
    """The statements of one direction, each under its mark."""
    lines: list[str] = []
    for move in moves:
        lines.append(f"# {move.mark}: {move.text}")
        lines += move.code.split("\n")
    return "\n".join(f"    {line}" for line in lines or ["op.get_bind()"])


def _formatted(text: str) -> str:
    """Calls too long for a line, one argument a line as black writes them."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += _broken(line) if len(line) > 88 and "#" not in line[:8] else [line]
    return "\n".join(lines)


def _broken(line: str) -> list[str]:
    """One call over several lines; what has no brackets stays as it is."""
    indent = len(line) - len(line.lstrip(" "))
    opening = line.find("(", indent)
    closing = line.rfind(")")
    if opening < 0 or closing < opening or line.lstrip().startswith(("from ", '"')):
        return [line]
    inside = _arguments(line[opening + 1 : closing])
    lines = [line[: opening + 1]]
    for argument in inside:
        part = f"{' ' * (indent + 4)}{argument},"
        lines += _broken(part) if len(part) > 88 else [part]
    return [*lines, f"{' ' * indent}{line[closing:]}"]


def _arguments(text: str) -> list[str]:
    """The arguments of a call, split at the commas outside brackets and quotes."""
    parts, depth, quote, start, skip = [], 0, "", 0, False
    for place, sign in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == "," and not depth:
            parts.append(text[start:place].strip())
            start = place + 1
    return [part for part in (*parts, text[start:].strip()) if part]
