"""Migrations: one at a time, each module for itself, with the wall beneath."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
import pytest

from flask_core import migrate
from flask_core.testing.postgres_server import run_sql
from flask_core.testing.servers import Postgres
from tests.flask_core.conftest import PLATFORM_TABLES

LIBS = Path(migrate.__file__).parents[1]
MODELS = """
from flask_core.database import Base, CommunityScoped


class Note(CommunityScoped, Base):
    __tablename__ = "{table}"
"""
ENVIRONMENT = """
from flask_core.database import Base
from flask_core.migrate import run_environment

import models

assert models
run_environment(Base.metadata, "{package}")
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
from flask_core.migrate import enable_row_level_security

revision = "0001"
down_revision = None


def upgrade():
    op.execute("SELECT pg_sleep(0.3)")
    op.create_table(
        "{table}",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("community_id", sa.BigInteger(), nullable=False, index=True),
    )
    enable_row_level_security("{table}")


def downgrade():
    op.drop_table("{table}")
"""


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The address of a database with nothing in it."""
    name = f"fresh_{secrets.token_hex(4)}"
    owner = urlsplit(postgres.url).username
    run_sql(postgres.admin_url, (f"CREATE DATABASE {name} OWNER {owner}",))
    yield urlsplit(postgres.url)._replace(path=f"/{name}").geturl()
    run_sql(postgres.admin_url, (f"DROP DATABASE {name} WITH (FORCE)",))


def module(folder: Path, package: str, table: str) -> Path:
    """A module with one table, on disk."""
    root = folder / package
    (root / "migrations/versions").mkdir(parents=True)
    (root / "models.py").write_text(MODELS.format(table=table))
    (root / "migrations/env.py").write_text(ENVIRONMENT.format(package=package))
    (root / "migrations/script.py.mako").write_text("")
    (root / "migrations/versions/0001.py").write_text(FIRST.format(table=table))
    return root


def start(folder: Path, url: str, *words: str) -> "subprocess.Popen[str]":
    """Run the command in a module's folder."""
    parts = urlsplit(url)
    return subprocess.Popen(
        [sys.executable, "-m", "flask_core.migrate", *words],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(LIBS),
            "DB_HOST": parts.hostname or "",
            "DB_PORT": str(parts.port),
            "DB_NAME": parts.path.strip("/"),
            "DB_USER": parts.username or "",
            "DB_PASSWORD": parts.password or "",
        },
    )


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for the command; it must succeed."""
    output, errors = process.communicate(timeout=60)
    assert 0 == process.returncode, errors
    return output


async def tables(url: str) -> set[str]:
    """The tables of a database."""
    connection = await asyncpg.connect(url)
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    rows = await connection.fetch(query)
    await connection.close()
    return {row[0] for row in rows}


async def test_replicas_that_migrate_at_once_do_it_once(
    tmp_path: Path, database: str
) -> None:
    """They wait for each other; the second finds nothing to do."""
    folder = module(tmp_path, "notes_core", "notes")
    running = [start(folder, database) for _ in range(3)]
    outputs = [finish(process) for process in running]

    assert ["migrated notes_core\n"] * 3 == outputs
    platform = set(PLATFORM_TABLES.split(", "))
    assert {"notes", "alembic_version_notes_core"} | platform == await tables(database)


async def test_modules_share_a_database_and_nothing_else(
    tmp_path: Path, database: str
) -> None:
    """Each has a version table of its own; the keys are the platform's."""
    one = module(tmp_path, "one", "firsts")
    two = module(tmp_path, "two", "seconds")
    for process in [start(one, database), start(two, database)]:
        finish(process)
    finish(start(one, database, "base"))
    left = await tables(database)

    assert {"seconds", "api_keys"} <= left and "firsts" not in left


async def test_row_level_security_holds_a_table_to_one_community(
    tmp_path: Path, database: str
) -> None:
    """Even its owner sees and writes but the community that was named."""
    finish(start(module(tmp_path, "notes_core", "notes"), database))
    connection = await asyncpg.connect(database)
    await connection.execute("INSERT INTO notes (community_id) VALUES (1), (2), (2)")
    seen = {}
    for community in ("1", "2", "3", "0", ""):
        async with connection.transaction():
            query = "SELECT set_config('app.community_id', $1, true)"
            await connection.execute(query, community)
            seen[community] = await connection.fetchval("SELECT count(*) FROM notes")
    for change in (
        "UPDATE notes SET community_id = 2",
        "INSERT INTO notes (community_id) VALUES (2)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute("SET LOCAL app.community_id = 1")
                await connection.execute(change)
    await connection.close()

    assert {"1": 1, "2": 2, "3": 0, "0": 0, "": 3} == seen


def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    """And an exit code, so that the job is tried again; no password in it."""
    url = "postgresql://user:hunter2@127.0.0.1:1/nothing"
    process = start(module(tmp_path, "notes_core", "notes"), url)
    output, errors = process.communicate(timeout=60)

    assert 1 == process.returncode and "" == output
    assert "database is unavailable, try again later\n" == errors


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    """Before anything is connected."""
    process = start(module(tmp_path, "m", "notes"), "postgresql://u@127.0.0.1:1/n")
    _, errors = process.communicate(timeout=60)

    assert 1 == process.returncode and "DB_PASSWORD" in errors


async def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, database: str
) -> None:
    """Every step of it is in one transaction."""
    folder = module(tmp_path, "notes_core", "notes")
    path = folder / "migrations/versions/0001.py"
    path.write_text(
        path.read_text().replace("    enable_row", "    1 / 0\n    enable_row")
    )
    process = start(folder, database)
    process.communicate(timeout=60)
    left = await tables(database)

    assert 1 == process.returncode and "notes" not in left
