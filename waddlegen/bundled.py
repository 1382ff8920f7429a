"""Where the templates and the catalogue of specs are that travel with waddlegen."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The bundled folder: inside the wheel, or beside the package in a checkout."""
    inside = _PACKAGE / "bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


TEMPLATES = folder("templates")
CATALOGUE = folder("module_specs")
