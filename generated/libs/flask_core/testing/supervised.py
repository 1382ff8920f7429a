"""A server process that never outlives us, not even after `kill -9`.

A small watching process is the server's parent. It holds the read end of a pipe and
stops the server, and deletes its folder, when the pipe closes: by `stop()`, or by the
kernel when we die. Linux's parent-death signal would not do: it is tied to the thread
that started the process, and says nothing about the folder. What is written into the
pipe are orders: to kill the server, and to start it again.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

STOP_SECONDS = 10.0
KILL, START = b"kill\n", b"start\n"


class ServerError(RuntimeError):
    """A test server could not be started; the message says what to do."""


def identity() -> dict[str, object]:
    """Keywords for `subprocess`: nobody when we are root, else nothing.

    PostgreSQL refuses to run as root.
    """
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def environment() -> dict[str, str]:
    """Our environment without what would steer a server or its client library."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def reachable(path: Path) -> bool:
    """Whether the user the server runs as can enter every folder above the path."""
    if os.getuid() != 0:
        return True
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def new_folder() -> Path:
    """An empty folder that belongs to the user the server runs as."""
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    for place in places:
        if reachable(place / "x"):
            folder = Path(tempfile.mkdtemp(prefix="waddle-server-", dir=place))
            give(folder)
            return folder
    raise ServerError("no temporary folder that the user nobody can enter; set TMPDIR")


def give(path: Path) -> None:
    """Let the user the server runs as own a file or folder of ours."""
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


class Supervised:
    """One running server and the process that watches over it."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        stop_signal: int = signal.SIGTERM,
        kill_signal: int = signal.SIGKILL,
    ) -> None:
        """Start a server whose files all lie in `folder`, which goes when it goes."""
        self.log: IO[bytes] = tempfile.TemporaryFile()
        order = {
            "command": list(command),
            "folder": str(folder),
            "signal": int(stop_signal),
            "kill_signal": int(kill_signal),
            "identity": identity(),
        }
        # -I: nothing of the working folder may stand in for the standard library.
        self.watcher = subprocess.Popen(
            [sys.executable, "-I", __file__, json.dumps(order)],
            cwd="/",
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_until(self, ready: Callable[[], bool], seconds: float = 30.0) -> None:
        """Return when the server is ready; raises ServerError when it cannot be."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.watcher.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"the server did not start:\n{self.output()}")
            time.sleep(0.01)

    def output(self) -> str:
        """What the server has printed, at most its last 4,000 bytes."""
        size = os.fstat(self.log.fileno()).st_size
        start = max(0, size - 4000)
        return os.pread(self.log.fileno(), 4000, start).decode(errors="replace")

    def kill(self) -> None:
        """Kill the server as a crash does: it has no time for anything."""
        self._order(KILL)

    def start_again(self) -> None:
        """Start a server that was killed, with the files it left."""
        self._order(START)

    def _order(self, word: bytes) -> None:
        """Tell the watcher."""
        assert self.watcher.stdin is not None
        self.watcher.stdin.write(word)
        self.watcher.stdin.flush()

    def stop(self) -> None:
        """Stop the server and wait until it and its folder are gone."""
        if self.watcher.stdin is not None:
            # BrokenPipeError: the watcher has gone already, and so has the server.
            with contextlib.suppress(BrokenPipeError):
                self.watcher.stdin.close()
        try:
            self.watcher.wait(STOP_SECONDS * 2)
        except subprocess.TimeoutExpired:
            self.watcher.kill()
            self.watcher.wait()


class Restartable:
    """A server of our own that can be killed and started again."""

    _server: Supervised | None

    def kill(self) -> None:
        """End it as a crash does: nothing is saved, and nobody is told."""
        assert self._server is not None, "only a server of our own can be killed"
        self._server.kill()

    def start_again(self) -> None:
        """Start it again where it was; it answers a little later."""
        assert self._server is not None
        self._server.start_again()


class Watch:
    """What the watching process does."""

    def __init__(self, order: Mapping[str, object]) -> None:
        """Start the server of an order."""
        self.order = order
        self.stop_signal = int(str(order["signal"]))
        self.kill_signal = int(str(order["kill_signal"]))
        self.is_killed = False
        self.server = self._launch()
        self._has_server = threading.Event()

    def _launch(self) -> subprocess.Popen[bytes]:
        """The server's process."""
        command, identity = self.order["command"], self.order["identity"]
        assert isinstance(command, list) and isinstance(identity, dict)
        keywords: dict[str, Any] = {"cwd": self.order["folder"], **identity}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, **keywords)

    def obey(self) -> None:
        """Follow the orders that come in; stop the server after the last one."""
        while word := sys.stdin.buffer.readline():
            if word == KILL:
                self._has_server.clear()
                self.is_killed = True
                self.server.send_signal(self.kill_signal)
            elif word == START:
                self.server.wait()
                self.server = self._launch()
                self.is_killed = False
                self._has_server.set()
        self.is_killed = False
        self._has_server.set()
        self.server.send_signal(self.stop_signal)
        try:
            self.server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.server.kill()

    def wait(self) -> int:
        """Return once the server has ended by itself, or was told to."""
        while True:
            code = self.server.wait()
            if not self.is_killed:
                return code
            self._has_server.wait()


def watch(order: Mapping[str, object]) -> int:
    """Run the server of an order until it ends or our standard input closes."""
    found = Watch(order)
    signal.signal(
        signal.SIGTERM, lambda *_: found.server.send_signal(found.stop_signal)
    )
    threading.Thread(target=found.obey, daemon=True).start()
    try:
        return found.wait()
    finally:
        shutil.rmtree(str(order["folder"]), ignore_errors=True)


if __name__ == "__main__":
    sys.exit(watch(json.loads(sys.argv[1])))
