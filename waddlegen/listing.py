"""Say of each module what it is and where it stands."""

import io
from collections.abc import Iterator
from pathlib import Path

from waddlegen import fleet, output
from waddlegen.context import module_context
from waddlegen.filters import yaml
from waddlegen.project import Project, catalogue_ids
from waddlegen.spec import ModuleSpec
from waddlegen.unfinished import unfinished


def rows(project: Project) -> list[tuple[str, ...]]:
    """A heading and a row a module: those of the project, then those of the catalogue."""
    table: list[tuple[str, ...]] = [
        ("MODULE", "CATEGORY", "PORT", "STATE", "UNFINISHED", "TITLE")
    ]
    for module_id in sorted({*project.module_ids(), *catalogue_ids()}):
        spec, _ = fleet.load(project, module_id)
        state, count = _state(project, spec)
        title = output.shorten(spec.title, 60)
        table.append(
            (spec.id, spec.category.value, str(spec.port), state, count, title)
        )
    return table


def _state(project: Project, spec: ModuleSpec) -> tuple[str, str]:
    """Whether a module is rendered, and how many operations are still to be written."""
    folder = project.fleet / spec.package
    if (folder / "main.py").is_file():
        return "rendered", str(len(list(unfinished(folder, spec))))
    return "spec" if spec.id in project.module_ids() else "catalogue", "-"


def unfinished_lines(project: Project, here: Path) -> Iterator[str]:
    """Each operation that answers 501 until it is written, at file:line."""
    for spec in fleet.load_all(project):
        for stub in unfinished(project.fleet / spec.package, spec):
            path = output.relative(stub.path, here)
            yield f"{path}:{stub.line}: {stub.function} answers 501 until it is written"


def resolved(project: Project, name: str) -> str:
    """A spec with every default filled in, as YAML."""
    from ruamel.yaml import YAML

    spec, _ = fleet.load(project, name)
    writer = YAML()
    writer.default_flow_style = False
    writer.allow_unicode = True
    text = io.StringIO()
    writer.dump(spec.model_dump(mode="json"), text)
    return text.getvalue()


def answers(project: Project, name: str) -> str:
    """What a module's templates see, as a data file for copier."""
    spec, seeds = fleet.load(project, name)
    return f"module: {yaml(module_context(spec, seeds)['module'])}\n"
