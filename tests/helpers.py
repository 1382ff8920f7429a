"""What several tests need: a folder from a literal, and a spec from a few lines."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from waddlegen.spec import ModuleSpec

# Linters and interpreters that run at the same time write and remove files there.
CACHES = shutil.ignore_patterns("__pycache__", ".mypy_cache", ".pytest_cache", "*.pyc")
ROOT = Path(__file__).resolve().parent.parent
SPEC_FILES = (
    *sorted((ROOT / "module_specs").glob("*.yaml")),
    *sorted((ROOT / "tests" / "specs" / "valid").glob("*.yaml")),
)


def build_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return root


def read_tree(root: Path) -> dict[str, str]:
    """Every file below a folder, path to text; caches and what undo keeps left out."""
    return {
        path.relative_to(root).as_posix(): path.read_text("utf-8")
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
        if not any(part.endswith(("_cache", "__pycache__")) for part in path.parts)
        if ".waddlegen/undo/" not in path.as_posix()
    }


def spec(**changes: Any) -> ModuleSpec:
    """The least spec, changed."""
    least = {
        "id": "demo",
        "title": "Demo",
        "category": "action",
        "port": 8099,
        "features": [{"id": "stuff", "actions": [{"id": "think"}]}],
    }
    return ModuleSpec.model_validate({**least, **changes})
