"""A real PostgreSQL for tests and local runs, on 127.0.0.1, thrown away afterwards."""

import asyncio
import contextlib
import importlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from flask_core.testing.binaries import postgres_folder
from flask_core.testing.supervised import (
    Restartable,
    ServerError,
    Supervised,
    environment,
    give,
    identity,
    new_folder,
)

ATTEMPTS = 3
NAME = "waddlebot"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres(Restartable):
    """An own server, or an own database in the server of TEST_DATABASE_URL.

    `url` belongs to an ordinary user who owns the database: row-level security does
    not bind a superuser, so tests as one would prove nothing. `admin_url` may create
    databases. The user of TEST_DATABASE_URL must be allowed to create roles.
    """

    def __init__(self) -> None:
        """Nothing runs before `start`."""
        self.url = ""
        self.admin_url = ""
        self._server: Supervised | None = None
        self._drop: tuple[str, ...] = ()

    def start(self) -> "Postgres":
        """Start the server, or create the database, and return when it answers."""
        if outside := os.environ.get("TEST_DATABASE_URL"):
            self._create_in(outside.replace("+asyncpg", ""))
        else:
            self._start_own()
        return self

    def stop(self) -> None:
        """Stop the server and delete its files, or drop the database."""
        if self._server:
            self._server.stop()
            self._server = None
        if self._drop:
            run_sql(self.admin_url, self._drop)
            self._drop = ()

    def __enter__(self) -> "Postgres":
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @contextlib.contextmanager
    def replica(self) -> Iterator["Replica"]:
        """A streaming replica of our own server, which only reads."""
        if self._server is None:
            raise ServerError("only a server of our own can have a replica")
        replica = Replica(self.admin_url, self.url)
        try:
            yield replica
        finally:
            replica.stop()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 5432

    def _create_in(self, outside: str) -> None:
        """A user and a database of our own in somebody's server."""
        name, password = f"waddle_test_{secrets.token_hex(6)}", secrets.token_hex(16)
        self.admin_url = outside
        run_sql(
            outside,
            (
                f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
                f"GRANT {name} TO CURRENT_USER",
                f"CREATE DATABASE {name} OWNER {name}",
            ),
        )
        self._drop = (f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")
        parts = urlsplit(outside)
        place = parts.netloc.rpartition("@")[2]
        self.url = parts._replace(
            netloc=f"{name}:{password}@{place}", path=f"/{name}"
        ).geturl()

    def _start_own(self) -> None:
        """Make a cluster and serve it; again when another process snatched the port."""
        for attempt in range(ATTEMPTS):
            folder = new_folder()
            try:
                self._serve(folder, free_port())
                return
            except ServerError as error:
                shutil.rmtree(folder, ignore_errors=True)
                if (
                    "Address already in use" not in str(error)
                    or attempt == ATTEMPTS - 1
                ):
                    raise

    def _serve(self, folder: Path, port: int) -> None:
        """Start a server on this port and wait for it."""
        programs = postgres_folder(folder / "programs")
        admin, password = secrets.token_hex(16), secrets.token_hex(16)
        data = folder / "data"
        _initialise(programs, data, admin, password)
        words = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        for name, value in SETTINGS.items():
            words += ["-c", f"{name}={value}"]
        self._server = _supervised(words, folder)
        self._server.wait_until(lambda: _is_ready(data))
        self.url = f"postgresql://{NAME}:{password}@127.0.0.1:{port}/{NAME}"
        self.admin_url = f"postgresql://postgres:{admin}@127.0.0.1:{port}/postgres"


class Replica(Restartable):
    """A server that follows another one and answers questions."""

    def __init__(self, admin_url: str, url: str) -> None:
        """Copy the primary's cluster, and follow it."""
        folder, admin = new_folder(), urlsplit(admin_url)
        programs, data, self.port = (
            postgres_folder(folder / "programs"),
            folder / "data",
            free_port(),
        )
        place = f"host=127.0.0.1 port={admin.port} user={admin.username}"
        _run(
            [
                str(programs / "pg_basebackup"),
                *("-D", str(data), "--write-recovery-conf", "--no-sync"),
                *("--checkpoint=fast", "-d", f"{place} password={admin.password}"),
            ]
        )
        words = [str(programs / "postgres"), "-D", str(data), "-p", str(self.port)]
        for name, value in SETTINGS.items():
            words += ["-c", f"{name}={value}"]
        self._server = _supervised(words, folder)
        self._server.wait_until(lambda: _is_ready(data))
        parts = urlsplit(url)
        user = parts.netloc.rpartition("@")[0]
        self.url = parts._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", self.port

    def stop(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.stop()


def _supervised(words: Sequence[str], folder: Path) -> Supervised:
    """The server's process.

    SIGINT is PostgreSQL's fast shutdown, where SIGTERM would wait for the clients. SIGQUIT
    is its crash: `kill -9` would leave processes that keep a new server from starting.
    """
    return Supervised(words, folder, signal.SIGINT, signal.SIGQUIT)


def _initialise(programs: Path, data: Path, admin: str, password: str) -> None:
    """Make a cluster with our user and our database in it."""
    secret = data.parent / "password"
    secret.touch(0o600)
    secret.write_text(admin, encoding="ascii")
    give(secret)
    _run(
        [
            str(programs / "initdb"),
            *("-D", str(data), "-U", "postgres", f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
            "--no-sync",
        ]
    )
    secret.unlink()
    # Single-user mode needs no client library: one statement a line.
    statements = (
        f"CREATE ROLE {NAME} LOGIN PASSWORD '{password}'\n"
        f"CREATE DATABASE {NAME} OWNER {NAME}\n"
    )
    single = [str(programs / "postgres"), "--single", "-F", "-D", str(data), "postgres"]
    _run(single, statements)


def _run(command: Sequence[str], text: str = "") -> None:
    """Run one of PostgreSQL's programs to its end."""
    keywords: dict[str, Any] = identity()
    done = subprocess.run(
        command,
        input=text,
        text=True,
        capture_output=True,
        cwd="/",
        env=environment(),
        **keywords,
    )
    if done.returncode or "ERROR:" in done.stderr:
        raise ServerError(f"{Path(command[0]).name} failed:\n{done.stderr[-4000:]}")


def _is_ready(data: Path) -> bool:
    """Whether the server says so in its lock file; its eighth line is the state."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_sql(url: str, statements: Sequence[str]) -> None:
    """Run statements one by one, each in its own transaction."""
    # Only needed here: a server of our own does without it.
    asyncpg: Any = importlib.import_module("asyncpg")

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    failures: list[BaseException] = []

    def in_thread() -> None:
        try:
            asyncio.run(run())
        except Exception as error:
            failures.append(error)

    # A thread of its own: the caller may be inside an event loop.
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
