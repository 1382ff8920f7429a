"""A module as the rules see it: facts, each worked out once and only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModuleSource:
    """One module in the repository it belongs to."""

    repository: Path
    folder: Path
