"""The project a command works in: where its specs, its templates and its fleet are."""

import functools
from dataclasses import dataclass
from pathlib import Path

from waddlegen import bundled
from waddlegen.errors import UsageError

SPECS = "module_specs"
FLEET = "generated"
TEMPLATES = "templates"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with `module_specs/` and the fleet root; it may be empty yet.

    The fleet root is `generated/`, or what `fleet` says in `[tool.waddlegen]` of the
    project's pyproject.toml: `fleet = "."` puts the modules at the top of the repository,
    where GitHub looks for their workflows.
    """

    root: Path

    @property
    def specs(self) -> Path:
        """The folder of the specs, one file a module."""
        return self.root / SPECS

    @property
    def fleet(self) -> Path:
        """The fleet root: the rendered modules side by side."""
        return self.root / self.fleet_name

    @property
    def fleet_name(self) -> str:
        """The fleet root, from the project's root."""
        path = self.root / "pyproject.toml"
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return FLEET
        return _fleet_name(path, changed)

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


@functools.lru_cache(maxsize=8)
def _fleet_name(path: Path, changed: int) -> str:
    """What a pyproject.toml says of the fleet root; `changed` is when it last did."""
    text = path.read_text("utf-8", "replace")
    if "tool.waddlegen" not in text or "fleet" not in text:
        return FLEET
    import tomllib

    try:
        settings = tomllib.loads(text).get("tool", {}).get("waddlegen", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
    name = settings.get("fleet", FLEET)
    parts = Path(name).parts if isinstance(name, str) else ("..",)
    if (
        Path(*parts).is_absolute()
        or ".." in parts
        or parts[:1] in ((SPECS,), (TEMPLATES,))
    ):
        raise UsageError(
            f"{path}: [tool.waddlegen] fleet must be a folder of the project, like"
            ' "generated" or "."'
        )
    return str(name)


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
