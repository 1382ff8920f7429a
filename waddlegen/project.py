"""The project a command works in: where its specs, its templates and its fleet are."""

from dataclasses import dataclass
from pathlib import Path

from waddlegen import bundled

SPECS = "module_specs"
FLEET = "generated"
TEMPLATES = "templates"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with `module_specs/` and `generated/`, the fleet root; it may be empty yet."""

    root: Path

    @property
    def specs(self) -> Path:
        """The folder of the specs, one file a module."""
        return self.root / SPECS

    @property
    def fleet(self) -> Path:
        """The fleet root: the rendered modules side by side."""
        return self.root / FLEET

    @property
    def templates(self) -> Path:
        """The project's own templates where it has some, else the bundled ones."""
        own = self.root / TEMPLATES
        return own if (own / "module").is_dir() else bundled.TEMPLATES

    def spec_path(self, module_id: str) -> Path:
        """Where the spec of a module is, or would be."""
        return self.specs / f"{module_id}.yaml"

    def module_ids(self) -> tuple[str, ...]:
        """The ids of the modules described here, sorted."""
        return ids_in(self.specs)


def ids_in(folder: Path) -> tuple[str, ...]:
    """The module ids a folder of specs describes, sorted."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def catalogue_ids() -> tuple[str, ...]:
    """The ids of the modules that waddlegen brings along, sorted."""
    return ids_in(bundled.CATALOGUE)


def find(start: Path) -> Project:
    """The project around a folder: the nearest one with specs, else the folder itself."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / SPECS).is_dir():
            return Project(folder)
    return Project(start)
