"""Let two folders change places in one step of the file system."""

import ctypes
import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # renameat2(2)
_RENAME_SWAP = 2  # renamex_np(2) on macOS


def exchange(one: Path, other: Path) -> None:
    """Swap two folders of one file system; both must exist.

    Where the system has no such call, the other folder is moved aside for an instant; a run
    killed in that instant leaves it under `previous(other)`.
    """
    if not _exchange_at_once(os.fsencode(one), os.fsencode(other)):
        aside = previous(other)
        other.rename(aside)
        one.rename(other)
        aside.rename(one)


def previous(folder: Path) -> Path:
    """Where a folder stands while it is moved aside."""
    return folder.with_name(f"{folder.name}.waddlegen-previous")


def _exchange_at_once(one: bytes, other: bytes) -> bool:
    """Ask the kernel; False when it cannot."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(library.renamex_np(one, other, _RENAME_SWAP) == 0)
        return bool(
            library.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE) == 0
        )
    except (AttributeError, OSError, TypeError):
        return False
