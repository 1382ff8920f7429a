"""Give this process a network and a log folder of its own, as far as the kernel lets it."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_RECURSIVE, _PRIVATE = 0x4000, 0x40000
_SET_CHILD_SUBREAPER = 36
_SET_FLAGS, _GET_FLAGS, _UP = 0x8914, 0x8913, 0x1
_HIDDEN = ("/var/log",)


def adopt_orphans() -> None:
    """Become the parent of every process below whose own parent ends."""
    _call("prctl", _SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def isolate() -> None:
    """Leave the machine's network: what runs from here on reaches loopback alone."""
    user, group = os.getuid(), os.getgid()
    wanted = _NEW_NETWORK | _NEW_MOUNTS
    if not _call("unshare", wanted):
        if user == 0 or not _call("unshare", wanted | _NEW_USER):
            return
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    _raise_loopback()
    if _call("mount", b"none", b"/", None, _RECURSIVE | _PRIVATE, None):
        for place in _HIDDEN:
            if os.path.isdir(place):
                kind = b"mode=1777"
                _call("mount", b"tmpfs", place.encode(), b"tmpfs", 0, kind)


def _raise_loopback() -> None:
    """Bring up 127.0.0.1 in a network that has nothing yet."""
    with contextlib.suppress(OSError), socket.socket() as control:
        request = struct.pack("16sh14x", b"lo", 0)
        found = struct.unpack("16sh14x", fcntl.ioctl(control, _GET_FLAGS, request))
        raised = struct.pack("16sh14x", b"lo", found[1] | _UP)
        fcntl.ioctl(control, _SET_FLAGS, raised)


def _call(name: str, *arguments: object) -> bool:
    """Whether a function of the C library is there and says that it did it."""
    try:
        function = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError):
        return False
    return bool(function(*arguments) == 0)
