"""Plan a new module, from whatever there is: a spec, the catalogue, or answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from waddlegen import bundled, disk, fleet, specfile
from waddlegen.errors import UsageError
from waddlegen.fleet import Fleet, Step
from waddlegen.lock import Lock
from waddlegen.plan import Ownership, plan
from waddlegen.project import SPECS, TEMPLATES, Project, catalogue_ids
from waddlegen.spec import ModuleSpec
from waddlegen.tree import FileTree


@dataclass(frozen=True, slots=True)
class Made:
    """The plans of a new module, and what to say of it."""

    spec: ModuleSpec
    module: Step
    steps: tuple[Step, ...]
    fleet: str

    @property
    def folder(self) -> PurePosixPath:
        """The module's folder, from the project's root."""
        return PurePosixPath(self.fleet) / self.spec.package

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        """The module's files."""
        return tuple(change.path for change in self.module.plan.changes)

    @property
    def next_commands(self) -> Iterator[str]:
        """What to type next."""
        name = self.spec.id
        notes = {
            f"waddlegen run {name}": "start it with PostgreSQL and Redis",
            f"$EDITOR {SPECS}/{name}.yaml": "change what it does",
            f"waddlegen update {name}": "carry the change into the code",
        }
        width = max(map(len, notes))
        yield "Next:"
        for command, note in notes.items():
            yield f"  {command:<{width}}  {note}"


def create(
    project: Project,
    name: str,
    answers: Mapping[str, str | int],
    force: bool,
    interactive: bool,
) -> Made:
    """Plan a module's spec, the shared library, the module, and the fleet's own files."""
    specs = _spec_files(project, name, answers, interactive)
    spec, seeds = _read(project, name, specs)
    others = (other for other in fleet.load_all(project) if other.id != spec.id)
    modules = Fleet(project, force)
    module = modules.module_step(spec, seeds)
    steps = (
        *filter(None, [modules.history_step()]),
        fleet.spec_step(project, specs),
        modules.library_step(),
        module,
        modules.fleet_step((spec, *others)),
    )
    return Made(spec, module, steps, project.fleet_name)


def _spec_files(
    project: Project, name: str, answers: Mapping[str, str | int], interactive: bool
) -> FileTree:
    """The spec's files that the project does not have yet."""
    if project.spec_path(name).is_file():
        _refuse_answers(answers, f"{SPECS}/{name}.yaml exists")
        return FileTree({})
    if name in catalogue_ids():
        _refuse_answers(answers, f"{name} is in the catalogue")
        return fleet.catalogue_files(name)
    from waddlegen import questionnaire

    text = questionnaire.ask(project, name, answers, interactive)
    return FileTree({f"{SPECS}/{name}.yaml": text})


def _refuse_answers(answers: Mapping[str, str | int], why: str) -> None:
    """Raise UsageError when options were given that nothing would read."""
    if answers:
        options = ", ".join(f"--{name}" for name in answers)
        raise UsageError(
            f"{options}: {why}, so the spec already says this; edit it instead"
        )


def _read(
    project: Project, name: str, files: FileTree
) -> tuple[ModuleSpec, dict[str, str]]:
    """The spec and its seeds, from the files to be written or from the project."""
    path = PurePosixPath(SPECS) / f"{name}.yaml"
    if path not in files:
        return fleet.load(project, name)
    spec = specfile.parse(files[path], str(path))
    beside = path.with_suffix("")
    seeds = {
        str(file.relative_to(beside)): text
        for file, text in files.items()
        if beside in file.parents
    }
    return spec, seeds


def renew(
    project: Project,
    names: Sequence[str],
    force: bool,
    restore: bool = False,
    fix: bool = False,
) -> tuple[Step, ...]:
    """Plan the modules again, with the library and the fleet's own files."""
    modules = Fleet(project, force, restore, fix)
    specs = {name: fleet.load(project, name) for name in project.module_ids()}
    return (
        *filter(None, [modules.history_step()]),
        fleet.spec_step(project, FileTree({})),
        modules.library_step(),
        *(modules.module_step(*specs[name]) for name in names),
        modules.fleet_step(spec for spec, _ in specs.values()),
    )


def eject(project: Project, force: bool) -> Step:
    """Plan a copy of the bundled templates in the project."""
    folder = project.root / TEMPLATES
    wanted = disk.read_tree(bundled.TEMPLATES)
    found = disk.read_files(folder, wanted)
    if project.templates == bundled.TEMPLATES == folder:
        raise UsageError(f"{folder}: these are the bundled templates themselves")
    planned = plan(wanted, found, Lock(), lambda path: Ownership.MANAGED, force)
    return Step(folder, planned, lock=None)


def folder_of(project: Project, spec: ModuleSpec) -> Path:
    """Where a module is rendered."""
    return project.fleet / spec.package
