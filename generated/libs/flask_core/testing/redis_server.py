"""A real Redis (or Valkey) for tests and local runs, on 127.0.0.1, nothing kept."""

import os
import secrets
import shutil
import socket
from types import TracebackType
from urllib.parse import unquote, urlsplit

from flask_core.testing.binaries import redis_program
from flask_core.testing.postgres_server import ATTEMPTS, free_port
from flask_core.testing.supervised import (
    Restartable,
    ServerError,
    Supervised,
    give,
    new_folder,
)

CLAIM_SECONDS = 3600


class Redis(Restartable):
    """An own server, or a free database number in the server of TEST_REDIS_URL."""

    def __init__(self) -> None:
        """Nothing runs before `start`."""
        self.url = ""
        self._server: Supervised | None = None
        self._claimed = ""

    def start(self) -> "Redis":
        """Start the server, or claim a database number, and return when it answers."""
        if outside := os.environ.get("TEST_REDIS_URL"):
            self._claim_in(outside)
            return self
        for attempt in range(ATTEMPTS):
            try:
                self._serve(free_port())
                break
            except ServerError as error:
                if "in use" not in str(error) or attempt == ATTEMPTS - 1:
                    raise
        return self

    def stop(self) -> None:
        """Stop the server, or empty the database and give its number back."""
        if self._server:
            self._server.stop()
            self._server = None
        if self._claimed:
            number = urlsplit(self.url).path.strip("/")
            command(self.url, ("FLUSHDB",))
            command(self._claimed, ("DEL", claim_of(number)))
            self._claimed = ""

    def __enter__(self) -> "Redis":
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

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 6379

    def _serve(self, port: int) -> None:
        """Start a server on this port and wait for it."""
        folder = new_folder()
        try:
            program = redis_program(folder / "programs")
            password = secrets.token_hex(16)
            settings = folder / "redis.conf"
            # In a file: everybody on the machine can read a command line.
            settings.touch(0o600)
            settings.write_text(
                f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
                f'dir {folder}\nsave ""\nappendonly no\n',
                encoding="ascii",
            )
            give(settings)
            self.url = f"redis://:{password}@127.0.0.1:{port}/0"
            self._server = Supervised([str(program), str(settings)], folder)
            self._server.wait_until(lambda: answers(self.url))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _claim_in(self, outside: str) -> None:
        """Take an empty database; database 0 holds who has taken which."""
        base = urlsplit(outside)
        self._claimed = base._replace(path="/0").geturl()
        for number in range(15, 0, -1):
            url = base._replace(path=f"/{number}").geturl()
            if command(url, ("DBSIZE",)) != ":0":
                continue
            claim = ("SET", claim_of(str(number)), "1", "NX", "EX", str(CLAIM_SECONDS))
            if command(self._claimed, claim) == "+OK":
                self.url = url
                return
        self._claimed = ""
        raise ServerError("every database of TEST_REDIS_URL has something in it")


def claim_of(number: str) -> str:
    """The key in database 0 that says a test run uses a database."""
    return f"waddlebot:test:database:{number}"


def answers(url: str) -> bool:
    """Whether a server answers PING there."""
    try:
        return command(url, ("PING",)) == "+PONG"
    except (OSError, ServerError):
        return False


def command(url: str, words: tuple[str, ...]) -> str:
    """Send one command in the database of the address; the reply's first line."""
    parts = urlsplit(url)
    commands = [("SELECT", parts.path.strip("/") or "0"), words]
    if parts.password:
        user = (unquote(parts.username),) if parts.username else ()
        commands.insert(0, ("AUTH", *user, unquote(parts.password)))
    place = (parts.hostname or "127.0.0.1", parts.port or 6379)
    with socket.create_connection(place, timeout=2) as connection:
        reader = connection.makefile("rb")
        reply = ""
        for each in commands:
            encoded = [f"${len(word.encode())}\r\n{word}\r\n" for word in each]
            connection.sendall(f"*{len(each)}\r\n{''.join(encoded)}".encode())
            reply = reader.readline().decode().strip()
            if reply.startswith("-") or not reply:
                raise ServerError(f"Redis refused {each[0]}: {reply}")
        return reply
