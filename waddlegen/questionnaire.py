"""Ask for what a new spec needs; copier asks, and copier renders."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from waddlegen import disk, fleet
from waddlegen.errors import UsageError
from waddlegen.names import snake
from waddlegen.project import Project, catalogue_ids

FIRST_PORT = 8100


def ask(
    project: Project, name: str, answers: Mapping[str, str | int], interactive: bool
) -> str:
    """The text of a new spec; raises UsageError where a question cannot be asked."""
    if not interactive and "category" not in answers:
        known = ", ".join(sorted({*project.module_ids(), *catalogue_ids()}))
        raise UsageError(
            f"{name}: no such spec, and no terminal to ask on; for a new module say at"
            f" least --category, else name one of: {known}"
        )
    from copier import run_copy
    from copier.errors import CopierError

    with tempfile.TemporaryDirectory() as folder:
        try:
            run_copy(
                str(project.templates / "spec"),
                folder,
                data={"id": name, **answers},
                user_defaults=_defaults(project, name),
                defaults=not interactive,
                quiet=True,
                unsafe=True,
            )
        except (CopierError, ValueError) as error:
            raise UsageError(f"{name}: {error}") from error
        return disk.read_text(Path(folder) / f"{name}.yaml")


def _defaults(project: Project, name: str) -> dict[str, str | int]:
    """What is offered for each question."""
    return {
        "title": name.replace("-", " ").capitalize(),
        "port": free_port(project),
        "feature": snake(name.split("-")[0]),
    }


def free_port(project: Project) -> int:
    """The lowest port from FIRST_PORT on that no module of the project has."""
    taken = {spec.port for spec in fleet.load_all(project)}
    return next(port for port in range(FIRST_PORT, 65536) if port not in taken)
