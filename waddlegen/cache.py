"""Where waddlegen keeps what it can make again: environments, compiled templates."""

import os
from pathlib import Path


def folder(name: str) -> Path:
    """A folder of the user's cache; it may not be there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "waddlegen" / name
