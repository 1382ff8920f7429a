"""Where waddlegen keeps what it can make again: environments, compiled templates."""

import os
from pathlib import Path


def folder(name: str) -> Path:
    """A folder of the user's cache; it may not be there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "waddlegen" / name


def keep(path: Path, data: bytes) -> None:
    """Write what can be made again; another run sees the old bytes or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    made.write_bytes(data)
    made.replace(path)
