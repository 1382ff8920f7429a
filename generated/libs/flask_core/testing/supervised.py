"""A server process that never outlives us, not even after `kill -9`.

A small watching process is the server's parent. It holds the read end of a pipe and
stops the server, and deletes its folder, when the pipe closes: by `stop()`, or by the
kernel when we die. Linux's parent-death signal would not do: it is tied to the thread
that started the process, and says nothing about the folder.
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
from typing import IO

STOP_SECONDS = 10.0


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
        self, command: Sequence[str], folder: Path, stop_signal: int = signal.SIGTERM
    ) -> None:
        """Start a server whose files all lie in `folder`, which goes when it goes."""
        self.log: IO[bytes] = tempfile.TemporaryFile()
        order = {
            "command": list(command),
            "folder": str(folder),
            "signal": int(stop_signal),
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


def watch(order: Mapping[str, object]) -> int:
    """Run the server of an order until it ends or our standard input closes."""
    command, keywords = order["command"], order["identity"]
    assert isinstance(command, list) and isinstance(keywords, dict)
    folder, stop_signal = Path(str(order["folder"])), int(str(order["signal"]))
    server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, **keywords)

    def end() -> None:
        sys.stdin.buffer.read()
        server.send_signal(stop_signal)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()

    signal.signal(signal.SIGTERM, lambda *_: server.send_signal(stop_signal))
    threading.Thread(target=end, daemon=True).start()
    try:
        return server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(watch(json.loads(sys.argv[1])))
