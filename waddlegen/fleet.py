"""Bring the fleet to what its specs say: render, plan, and hand the plans to apply.

A project is written in steps: the specs, the shared library, each module, and the files
that need every spec. Each step is one folder with its own lock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from waddlegen import apply, bundled, disk, lock, specfile
from waddlegen.context import fleet_context, module_context
from waddlegen.errors import UsageError
from waddlegen.lock import Lock
from waddlegen.plan import Action, Change, Ownership, Plan, plan
from waddlegen.project import SPECS, Project
from waddlegen.render import Renderer
from waddlegen.spec import ModuleSpec, json_schema
from waddlegen.templates import TemplateTree
from waddlegen.tree import FileTree

SCHEMA = "module-spec.schema.json"
LIBRARY = "libs/flask_core"


@dataclass(frozen=True, slots=True)
class Step:
    """One folder's plan; a `shared` folder holds other files and is written file by file."""

    folder: Path
    plan: Plan
    lock: Lock | None
    shared: bool = False

    def apply(self) -> None:
        """Write the folder."""
        record = None if self.lock is None else self.lock.dump()
        if not self.shared:
            apply.apply_folder(self.folder, self.plan, record)
            return
        apply.apply_files(self.folder, self.plan)
        if record is not None and (self.plan.writes or self.lock_differs(record)):
            apply.write_file(self.folder / lock.PATH, record)

    def lock_differs(self, record: str) -> bool:
        """Whether the recorded lock is not this one."""
        path = self.folder / lock.PATH
        return not path.is_file() or disk.read_text(path) != record


@dataclass(frozen=True)
class Fleet:
    """A project whose templates are loaded once for any number of modules."""

    project: Project
    force: bool = False

    @cached_property
    def renderer(self) -> Renderer:
        """The renderer of the module templates."""
        return Renderer(TemplateTree(self.project.templates / "module"))

    def module_tree(self, spec: ModuleSpec, seeds: Mapping[str, str]) -> FileTree:
        """The files of one module, rendered."""
        return self.renderer.render(module_context(spec, seeds))

    def module_step(self, spec: ModuleSpec, seeds: Mapping[str, str]) -> Step:
        """What one module's folder needs."""
        seeded = self.renderer.tree.seeded

        def ownership(path: PurePosixPath) -> Ownership:
            yours = str(path) in seeds or any(path.match(p) for p in seeded)
            return Ownership.SEEDED if yours else Ownership.MANAGED

        return self._step(
            self.project.fleet / spec.package,
            self.module_tree(spec, seeds),
            ownership,
            self.renderer.tree.version,
            spec.model_dump(mode="json", exclude_defaults=True),
        )

    def library_step(self) -> Step:
        """What the shared library's folder needs."""
        source = self.project.templates / LIBRARY
        wanted = disk.read_tree(source)
        version = lock.digest("".join(f"{p}\0{text}\0" for p, text in wanted.items()))
        return self._step(self.project.fleet / LIBRARY, wanted, _managed, version, {})

    def fleet_step(self, specs: Iterable[ModuleSpec]) -> Step:
        """What the fleet root needs beside its modules."""
        tree = TemplateTree(self.project.templates / "fleet")
        wanted = Renderer(tree).render(fleet_context(specs))
        return self._step(
            self.project.fleet, wanted, _managed, tree.version, {}, shared=True
        )

    def _step(
        self,
        folder: Path,
        wanted: FileTree,
        ownership: Callable[[PurePosixPath], Ownership],
        version: str,
        spec: Mapping[str, object],
        shared: bool = False,
    ) -> Step:
        """Plan one folder against what is on disk and what was recorded."""
        recorded = read_lock(folder)
        found = disk.read_files(folder, {*wanted, *recorded.files})
        planned = plan(wanted, found, recorded, ownership, self.force)
        record = Lock(version, spec, planned.recorded(recorded))
        return Step(folder, planned, record, shared)


def _managed(path: PurePosixPath) -> Ownership:
    """Every file of a folder without seeded files."""
    return Ownership.MANAGED


def read_lock(folder: Path) -> Lock:
    """What was written last into a folder; empty when nothing was."""
    path = folder / lock.PATH
    if not path.is_file():
        return Lock()
    return lock.parse(disk.read_text(path), str(path))


def seeds_beside(spec_path: Path) -> dict[str, str]:
    """The first text of seeded files: what lies in the folder named like the spec."""
    folder = spec_path.with_suffix("")
    return {str(path): text for path, text in disk.read_tree(folder).items()}


def load(project: Project, module_id: str) -> tuple[ModuleSpec, dict[str, str]]:
    """A module's spec and seeds, from the project, else from the catalogue."""
    own = project.spec_path(module_id)
    path = own if own.is_file() else bundled.CATALOGUE / f"{module_id}.yaml"
    if not path.is_file():
        raise UsageError(f"{module_id}: no such spec{_suggestion(project, module_id)}")
    display = str(own.relative_to(project.root)) if path == own else str(path)
    return specfile.load(path, display), seeds_beside(path)


def load_all(project: Project) -> tuple[ModuleSpec, ...]:
    """Every spec of the project."""
    return tuple(load(project, module_id)[0] for module_id in project.module_ids())


def _suggestion(project: Project, module_id: str) -> str:
    """A hint at the ids that are known."""
    import difflib

    from waddlegen.project import catalogue_ids

    known = sorted({*project.module_ids(), *catalogue_ids()})
    near = difflib.get_close_matches(module_id, known, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known are {', '.join(known)}" if known else ""


def catalogue_files(module_id: str) -> FileTree:
    """The spec of the catalogue and the files beside it, as they belong in a project."""
    path = bundled.CATALOGUE / f"{module_id}.yaml"
    files = {f"{SPECS}/{module_id}.yaml": disk.read_text(path)}
    beside = seeds_beside(path)
    files |= {f"{SPECS}/{module_id}/{name}": text for name, text in beside.items()}
    return FileTree(files)


def schema_text() -> str:
    """The JSON Schema of a spec, as the text of its file."""
    import json

    return json.dumps(json_schema(), indent=2) + "\n"


def spec_step(project: Project, wanted: FileTree) -> Step:
    """What the folder of the specs needs: new specs, and the schema editors read."""
    schema = PurePosixPath(SPECS) / SCHEMA
    tree = FileTree({**wanted, schema: schema_text()})
    found = disk.read_files(project.root, tree)
    changes = plan(tree, found, Lock(), _managed).changes
    return Step(
        project.root,
        Plan(
            tuple(
                _renew(change) if change.path == schema else change
                for change in changes
            )
        ),
        lock=None,
        shared=True,
    )


def _renew(change: Change) -> Change:
    """Let an older schema be replaced; anything else of that name stays a conflict."""
    ours = change.found is not None and '"WaddleBot module spec"' in change.found
    if change.action is Action.CONFLICT and ours:
        return Change(
            change.path, Action.UPDATE, wanted=change.wanted, found=change.found
        )
    return change


def apply_all(steps: Sequence[Step]) -> None:
    """Write every step: first those that share a folder, then the others side by side."""
    for step in steps:
        if step.shared:
            step.apply()
    with ThreadPoolExecutor() as pool:
        done = [pool.submit(step.apply) for step in steps if not step.shared]
    for each in done:
        each.result()
