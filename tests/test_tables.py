"""A changed table becomes a migration: marked, written once, and true on a real PostgreSQL."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
import black
import pytest

from flask_core import migrate
from flask_core.testing.postgres_server import run_sql
from flask_core.testing.servers import Postgres
from tests.fleets import LEAST, Sandbox, sandbox
from tests.helpers import build_tree, spec
from waddlegen import tables
from waddlegen.context import module_context
from waddlegen.render import Renderer
from waddlegen.spec import ModuleSpec
from waddlegen.templates import TemplateTree
from tests.helpers import ROOT

MODULE = Renderer(TemplateTree(ROOT / "templates" / "module"))
LIBS = Path(migrate.__file__).parents[1]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """The server."""
    with Postgres() as server:
        yield server


def columns(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """Some columns."""
    return [{"name": "label", "length": 100}, *more]


def table(name: str = "items", *more: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A table with a label and more columns."""
    return {"name": name, "columns": columns(*more), **changes}


def of(*every: dict[str, Any]) -> ModuleSpec:
    """A module with these tables."""
    return spec(tables=list(every))


OTHER = table("owners")
CASES: dict[str, tuple[ModuleSpec, ModuleSpec, list[str]]] = {
    "a table comes and one goes": (
        of(table("items"), table("old_ones")),
        of(table("items"), table("new_ones", {"name": "item_id", "type": "bigint", "references": "items", "index": True}, {"name": "state", "choices": ["a", "it's"], "default": "a", "unique": True})),
        ["safe", "destructive"],
    ),
    "columns come and go": (
        of(table("items", {"name": "old", "type": "integer", "index": True, "minimum": 0})),
        of(
            table(
                "items",
                {"name": "note", "type": "text", "nullable": True},
                {"name": "count", "type": "integer", "default": 3, "minimum": 1},
                {"name": "seen_at", "type": "datetime", "default": "now"},
                {"name": "data", "type": "json", "default": "{}"},
                {"name": "secret", "type": "text", "encrypted": True, "nullable": True},
                {"name": "must", "type": "uuid"},
            )
        ),
        ["safe", "safe", "destructive", "safe", "safe", "safe", "safe", "safe", "locking", "locking"],
    ),
    "a column has another name": (
        of(table("items", {"name": "old", "choices": ["a"], "unique": True, "index": True, "default": "a"})),
        of(table("items", {"name": "new", "renamed_from": "old", "choices": ["a"], "unique": True, "index": True, "default": "a"})),
        ["locking", "safe", "safe", "safe"],
    ),
    "a table has another name": (
        of(table("items", {"name": "old", "minimum": 0, "type": "integer", "unique": True})),
        of(table("things", {"name": "new", "renamed_from": "old", "minimum": 0, "type": "integer", "unique": True}, renamed_from="items")),
        ["locking", "locking", "safe", "safe", "safe"],
    ),
    "types change": (
        of(table("items", {"name": "a", "type": "integer", "default": 1}, {"name": "b", "length": 10}, {"name": "c", "type": "text"}, {"name": "d", "type": "bigint", "nullable": True})),
        of(table("items", {"name": "a", "type": "bigint", "default": 2}, {"name": "b", "length": 20, "nullable": True}, {"name": "c", "length": 5, "default": "x"}, {"name": "d", "type": "decimal", "precision": 9, "scale": 3, "nullable": True})),
        ["locking", "safe", "safe", "destructive", "destructive"],
    ),
    "indexes and defaults change": (
        of(table("items", {"name": "a", "index": True}, {"name": "b", "default": "x"}, indexes=[{"columns": ["label", "a"]}])),
        of(table("items", {"name": "a", "unique": True}, {"name": "b", "default": "y", "choices": ["y"]}, indexes=[{"columns": ["label", "a"], "unique": True}])),
        ["safe", "safe", "safe", "locking", "locking", "locking"],
    ),
    "references change": (
        of(OTHER, table("items", {"name": "a", "type": "bigint", "references": "owners"}, {"name": "b", "type": "bigint"})),
        of(OTHER, table("items", {"name": "a", "type": "bigint"}, {"name": "b", "type": "bigint", "references": "owners"})),
        ["safe", "locking"],
    ),
    "community and time stamps come": (
        of(table("items", community_scoped=False, timestamps=False)),
        of(table("items")),
        ["safe", "safe", "locking"],
    ),
    "community and time stamps go": (
        of(table("items", {"name": "a", "unique": True})),
        of(table("items", {"name": "a", "unique": True}, community_scoped=False, timestamps=False)),
        ["safe", "destructive", "destructive", "destructive", "locking"],
    ),
}  # fmt: skip


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """The address of a database with nothing in it."""
    name = f"fresh_{secrets.token_hex(4)}"
    owner = urlsplit(postgres.url).username
    run_sql(postgres.admin_url, (f"CREATE DATABASE {name} OWNER {owner}",))
    yield urlsplit(postgres.url)._replace(path=f"/{name}").geturl()
    run_sql(postgres.admin_url, (f"DROP DATABASE {name} WITH (FORCE)",))


RUN = """
import asyncio, sys
from pathlib import Path
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine
from flask_core.migrate import configuration
folder, url, direction, target = sys.argv[1:]
sys.path.insert(0, folder)

def run(connection):
    getattr(command, direction)(configuration(Path(folder), connection), target)

async def main():
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()

asyncio.run(main())
"""


def go(folder: Path, url: str, direction: str, target: str) -> None:
    """Run a module's migrations as a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), url, direction, target],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(LIBS)},
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stderr[-3000:]


def module(folder: Path, of_spec: ModuleSpec) -> Path:
    """A rendered module."""
    files = MODULE.render(module_context(of_spec))
    return build_tree(folder, {str(path): text for path, text in files.items()})


SCHEMA = (
    "SELECT table_name, column_name, data_type, character_maximum_length,"
    " numeric_precision, numeric_scale, is_nullable, column_default, is_identity"
    " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND contype IN ('u', 'c') ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'p') ORDER BY 1, 2",
    "SELECT tablename, regexp_replace(indexdef, '^.* USING', '') FROM pg_indexes"
    " WHERE schemaname = 'public' ORDER BY 1, 2",
    "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public'"
    " AND indexname NOT LIKE '%pkey' ORDER BY 1, 2",
    "SELECT tablename, policyname, qual FROM pg_policies ORDER BY 1, 2",
    "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1",
)


async def schema(url: str) -> list[list[tuple[Any, ...]]]:
    """Everything that makes the tables of a database."""
    connection = await asyncpg.connect(url)
    found = [
        [tuple(row) for row in await connection.fetch(query) if "alembic" not in row[0]]
        for query in SCHEMA
    ]
    await connection.close()
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_database_is_what_a_fresh_one_would_be(
    case: tuple[ModuleSpec, ModuleSpec, list[str]], url: str, tmp_path: Path
) -> None:
    """After the upgrade as the new 0001 makes it, after the downgrade as the old one did."""
    old, new, marks = case
    before, after = module(tmp_path / "old", old), module(tmp_path / "new", new)
    go(after, url, "upgrade", "head")
    wanted = await schema(url)
    go(after, url, "downgrade", "base")
    go(before, url, "upgrade", "head")
    original = await schema(url)
    first = before / "migrations/versions/0001_initial.py"
    written = tables.migration(
        old, new, {tables.FOLDER / first.name: first.read_text()}
    )
    assert written is not None
    build_tree(before, {str(written[0]): written[1]})

    assert marks == [move.mark for move in tables.moves(old, new)]
    go(before, url, "upgrade", "head")
    assert wanted == await schema(url)
    go(before, url, "downgrade", "0001")
    assert original == await schema(url)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_migration_is_laid_out_as_black_does(
    case: tuple[ModuleSpec, ModuleSpec, list[str]],
) -> None:
    """And says of each step what it means."""
    old, new, _ = case
    written = tables.migration(old, new, {})
    assert written is not None
    mode = black.Mode(target_versions={black.TargetVersion.PY311})

    with pytest.raises(black.NothingChanged):
        black.format_file_contents(written[1], fast=False, mode=mode)
    for move in tables.moves(old, new):
        assert f"# {move.mark}: {move.text}" in written[1]


async def test_rows_outlive_a_rename(url: str, tmp_path: Path) -> None:
    """Values stay under the new names, in both directions."""
    old, new, _ = CASES["a table has another name"]
    folder = module(tmp_path / "old", old)
    go(folder, url, "upgrade", "head")
    run_sql(url, ["INSERT INTO items (community_id, label, old) VALUES (1, 'a', 7)"])
    written = tables.migration(old, new, {})
    assert written is not None
    build_tree(folder, {str(written[0]): written[1]})
    go(folder, url, "upgrade", "head")
    connection = await asyncpg.connect(url)
    value = await connection.fetchval("SELECT new FROM things")
    await connection.close()
    go(folder, url, "downgrade", "0001")

    assert 7 == value


TABLES = """\
tables:
  - name: items
    columns:
      - {{name: label}}{more}
"""


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """A project whose module has a table."""
    made = sandbox(tmp_path / "box")
    made.spec(LEAST.format(id="demo", port=8100) + TABLES.format(more=""))
    (made.module("")).rename(tmp_path / "aside")
    made.update()
    return made


def test_an_update_writes_the_migration_once(box: Sandbox) -> None:
    """0001 stays as first rendered, and each change of the tables adds one file."""
    first = box.read("migrations/versions/0001_initial.py")
    for number, more in enumerate(["count", "size"], start=2):
        column = f"\n      - {{name: {more}, type: integer, default: 0}}"
        spec_text = (box.root / "module_specs/demo.yaml").read_text().rstrip("\n")
        box.spec(spec_text + column + "\n")
        path = f"migrations/versions/{number:04}_add_column_items_{more}.py"

        assert "create" == box.update()[f"demo/{path}"]
        assert f'down_revision = "{number - 1:04}"' in box.read(path)
        assert {} == box.update()
    assert first == box.read("migrations/versions/0001_initial.py")
    assert "size" in box.read("models.py")
