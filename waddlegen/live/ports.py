"""Find the TCP ports that processes listen on, and one that is free."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

_SOCKET = re.compile(r"socket:\[(\d+)\]")
_LISTENS = "0A"


def listening(pids: Iterable[int]) -> set[int]:
    """The ports that some processes listen on."""
    sockets = {each for pid in pids for each in _sockets(pid)}
    return {port for port, inode in _listeners() if inode in sockets}


def _sockets(pid: int) -> Iterator[str]:
    """The inodes of a process's sockets."""
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            match = _SOCKET.fullmatch(os.readlink(f"/proc/{pid}/fd/{name}"))
            if match:
                yield match[1]


def _listeners() -> Iterator[tuple[int, str]]:
    """Every port that is listened on in this network, with the socket's inode."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for row in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
                parts = row.split()
                if parts[3] == _LISTENS:
                    yield int(parts[1].rpartition(":")[2], 16), parts[9]


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
