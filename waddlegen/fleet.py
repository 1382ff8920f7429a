"""Bring the fleet to what its specs say: render, plan, and hand the plans to apply.

A project is written in steps: the specs, the shared library, each module, and the files
that need every spec. Each step is one folder with its own lock.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from waddlegen import (
    apply,
    bundled,
    disk,
    follow,
    fresh,
    lock,
    pending,
    shift,
    specfile,
    tables,
    undo,
)
from waddlegen.base import (
    FLEET,
    LIBRARY,
    MODULE,
    Base,
    Bases,
    recorded_spec,
    recorded_specs,
)
from waddlegen.context import fleet_context, module_context
from waddlegen.errors import UsageError
from waddlegen.history import NAME
from waddlegen.lock import Lock
from waddlegen.names import snake
from waddlegen.plan import Action, Change, Ownership, Plan, plan
from waddlegen.project import SPECS, TEMPLATES, Project
from waddlegen.render import Renderer
from waddlegen.spec import ModuleSpec, json_schema
from waddlegen.templates import TemplateTree
from waddlegen.tree import FileTree

SCHEMA = "module-spec.schema.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One folder's plan; a `shared` folder holds other files and is written file by file.

    `moved_from` is where a renamed module still is; `waiting` are files with conflicts of
    an earlier run, without whose settlement nothing is written.
    """

    folder: Path
    plan: Plan
    lock: Lock | None
    shared: bool = False
    moved_from: Path | None = None
    waiting: tuple[PurePosixPath, ...] = ()
    spec: ModuleSpec | None = None
    proof: str = ""

    @property
    def writes(self) -> bool:
        """Whether applying the step changes anything that is not of our own records."""
        return bool(self.plan.writes) or self.moved_from is not None

    @property
    def changes(self) -> bool:
        """Whether applying the step changes anything at all."""
        record = None if self.lock is None else self.lock.text
        return self.writes or (record is not None and self.lock_differs(record))

    def apply(self, run: str) -> None:
        """Write the folder, as part of a run; one that is blocked stays as it is."""
        if self.shared:
            apply.recover_files(self.folder, self.plan)
        else:
            apply.recover(self.folder)
        if self.waiting or self.plan.blocked:
            return
        moved = self.moved_from.name if self.moved_from else ""
        if self.moved_from is not None:
            apply.move_folder(self.moved_from, self.folder)
        record = None if self.lock is None else self.lock.text
        records: dict[str, str | None] = {}
        if record is not None and (self.writes or self.lock_differs(record)):
            records |= undo.record(self.folder, self.plan, run, moved)
        if self.plan.marked:
            paths = [change.path for change in self.plan.marked]
            records[pending.NAME] = pending.dump(paths)
        if not self.shared:
            apply.apply_folder(self.folder, self.plan, record, records)
            return
        apply.apply_records(self.folder, records)
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
    restore: bool = False
    fix: bool = False

    @cached_property
    def renderer(self) -> Renderer:
        """The renderer of the module templates."""
        return Renderer(TemplateTree(self.project.templates / "module"))

    @cached_property
    def fleet_renderer(self) -> Renderer:
        """The renderer of the fleet's own templates."""
        return Renderer(TemplateTree(self.project.templates / "fleet"))

    @cached_property
    def library(self) -> FileTree:
        """The shared library."""
        return disk.read_tree(self.project.templates / LIBRARY)

    @property
    def library_version(self) -> str:
        """A hash over the shared library."""
        files = self.library.items()
        return lock.digest("".join(f"{path}\0{text}\0" for path, text in files))

    @cached_property
    def bases(self) -> Bases:
        """What the templates were."""
        return Bases(self.project.templates)

    def history_step(self) -> Step | None:
        """The templates' history with the version they have now; None for the bundled ones."""
        if self.project.templates != self.project.root / TEMPLATES:
            return None
        history = self.bases.history
        for tree, version, files in self._versions():
            history = history.recorded(tree, version, files)
        path = PurePosixPath(NAME)
        wanted = FileTree({path: history.text})
        found = disk.read_files(self.project.templates, [path])
        known = Lock(files={each: lock.digest(text) for each, text in found.items()})
        grown = plan(wanted, found, known, _managed)
        return Step(self.project.templates, grown, lock=None, shared=True)

    def _versions(self) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        """Each tree of templates with its version and its texts."""
        for name, renderer in ((MODULE, self.renderer), (FLEET, self.fleet_renderer)):
            yield name, renderer.tree.version, renderer.tree.texts
        texts = {str(path): text for path, text in self.library.items()}
        yield LIBRARY, self.library_version, texts

    def module_tree(self, spec: ModuleSpec, seeds: Mapping[str, str]) -> FileTree:
        """The files of one module, rendered."""
        return self.renderer.render(module_context(spec, seeds))

    def module_step(self, spec: ModuleSpec, seeds: Mapping[str, str]) -> Step:
        """What one module's folder needs."""
        folder = self.project.fleet / spec.package
        source = former_folder(self.project, spec) or folder
        recorded = read_lock(source)
        waiting = pending.read(source)
        if waiting:
            return Step(folder, _waiting(waiting), None, waiting=waiting, spec=spec)
        ours = disk.read_files(source, recorded.files)
        context = module_context(spec, seeds)
        is_same = recorded.spec == record_of(spec)
        changed = self._changed(source, recorded, seeds) if is_same else None
        wanted = self._wanted(context, recorded, ours, changed)
        found = FileTree({**ours, **disk.read_files(source, {*wanted} - {*ours})})
        bases = self.bases.of_module(recorded, seeds, context if is_same else None)
        start = shift.Shifted(found, recorded, bases)
        folder_of_migrations = self.project.templates / "migrations"
        if recorded.files:
            start = self._follow_renames(start, spec)
            start = shift.migrated(start, folder_of_migrations)
            wanted = self._with_table_changes(wanted, start, spec)
        ownership = self.ownership(seeds)
        more = disk.read_files(source, {*wanted} - {*found})
        before = FileTree({**found, **more})
        there = {path: before[path] for path in wanted if path in before}
        after = FileTree({**there, **start.found})
        planned = plan(
            wanted,
            after,
            start.lock,
            ownership,
            self.force,
            start.base,
            self.restore,
        )
        planned = shift.settled(planned, before, after)
        if self.fix:
            planned = self._fixed(planned, spec)
        done = tuple(path.stem for path in shift.migrations(folder_of_migrations))
        record = Lock(
            self.renderer.tree.version,
            record_of(spec),
            planned.recorded(start.lock),
            start.lock.owned,
            done,
        )
        moved_from = source if source != folder else None
        proof = fresh.proof(record.text, seeds)
        return Step(
            folder, planned, record, moved_from=moved_from, spec=spec, proof=proof
        )

    def _wanted(
        self,
        context: Mapping[str, object],
        recorded: Lock,
        found: FileTree,
        changed: Collection[str] | None,
    ) -> FileTree:
        """The files of a module; what nothing changed and nobody edited is not rendered."""
        if changed is None:
            return self.renderer.render(context)
        known = {
            path: text
            for path, text in found.items()
            if lock.digest(text) == recorded.files[path]
        }
        return self.renderer.render(context, known, changed)

    def _changed(
        self, folder: Path, recorded: Lock, seeds: Mapping[str, str]
    ) -> Collection[str] | None:
        """The templates that changed since a module was rendered; None when any might.

        That needs proof that this waddlegen wrote the lock, from these seeds.
        """
        path = folder / lock.PATH
        if not path.is_file():
            return None
        proof = fresh.proof(disk.read_text(path), seeds)
        if self._rendered.get(folder.name) != proof:
            return None
        tree, version = self.renderer.tree, recorded.template_version
        changed = self.bases.history.changed(MODULE, version, tree.texts)
        return None if changed is None or self._reach(changed) else changed

    def _reach(self, changed: Iterable[str]) -> bool:
        """Whether one of some templates is part of others: a macro, or included."""
        texts = self.renderer.tree.files.values()
        return any(
            name == "copier.yml"
            or self.renderer.excluded(name)
            or any(f'"{name}"' in text or f"'{name}'" in text for text in texts)
            for name in changed
        )

    @cached_property
    def _rendered(self) -> Mapping[str, str]:
        """Which modules this waddlegen wrote, as far as it remembers."""
        return fresh.rendered(self.project)

    def _fixed(self, planned: Plan, spec: ModuleSpec) -> Plan:
        """The plan with the methods added that services miss."""
        stubs = self.module_tree(spec, {})
        classes = {follow.service_path(each): each.class_name for each in spec.features}
        changes = []
        for change in planned.changes:
            if change.path in classes and change.action is Action.KEEP and change.found:
                name, stub = classes[change.path], stubs[change.path]
                text = follow.fixed(change.found, stub, name)
                if text != change.found:
                    change = replace(
                        change,
                        action=Action.UPDATE,
                        merged=text,
                        reason="missing methods added",
                    )
            changes.append(change)
        return Plan(tuple(changes))

    def ownership(
        self, seeds: Mapping[str, str]
    ) -> Callable[[PurePosixPath], Ownership]:
        """Who each file of a module belongs to."""
        seeded = self.renderer.tree.seeded

        def of(path: PurePosixPath) -> Ownership:
            yours = str(path) in seeds or any(path.match(p) for p in seeded)
            return Ownership.SEEDED if yours else Ownership.MANAGED

        return of

    def _follow_renames(self, start: shift.Shifted, spec: ModuleSpec) -> shift.Shifted:
        """The files under the names that templates, features and actions have now."""
        if start.lock.spec == record_of(spec) and not self.renderer.tree.renamed:
            return start
        old = recorded_spec(start.lock.spec)
        if old is None:
            return start
        former = self.bases.renderer(MODULE, start.lock.template_version)
        renamed = shift.renamed(old, spec)
        if former is not None:
            before = former.sources(module_context(old))
            after = former.sources(module_context(renamed))
            after |= self._renamed_templates(before, renamed)
            moves = shift.pairs(before, after, self.renderer.tree.renamed)
            start = shift.moved(start, moves)
        if renamed == old:
            return start
        return self._follow_in_services(start, old, renamed)

    def _renamed_templates(
        self, before: Mapping[str, object], renamed: ModuleSpec
    ) -> dict[str, tuple[str, ...]]:
        """The paths of templates that have another name by now."""
        names = self.renderer.tree.renamed
        if not names:
            return {}
        now = self.renderer.sources(module_context(renamed))
        return {
            names[s]: now[names[s]] for s in names if s in before and names[s] in now
        }

    def _follow_in_services(
        self, start: shift.Shifted, old: ModuleSpec, renamed: ModuleSpec
    ) -> shift.Shifted:
        """Let seeded code call a renamed feature or action by its new name."""
        before = self.renderer.sources(module_context(old))
        after = self.renderer.sources(module_context(renamed))
        found = dict(start.found)
        for source, paths in before.items():
            for path, now in zip(paths, after.get(source, ()), strict=False):
                seeded = any(
                    PurePosixPath(now).match(p) for p in self.renderer.tree.seeded
                )
                text = found.get(PurePosixPath(now))
                if not seeded or text is None:
                    continue
                texts = (
                    self.renderer.text(PurePosixPath(path), module_context(old)) or "",
                    text,
                    self.renderer.text(PurePosixPath(now), module_context(renamed))
                    or "",
                )
                found[PurePosixPath(now)] = shift.follow(*texts, PurePosixPath(now))
        return shift.Shifted(FileTree(found), start.lock, start.base)

    def _with_table_changes(
        self, wanted: FileTree, start: shift.Shifted, spec: ModuleSpec
    ) -> FileTree:
        """The wanted files with the migrations written so far, and one for what changed."""
        kept = {
            path: start.found[path]
            for path in start.lock.files
            if path.match(VERSIONS) and path in start.found
        }
        old = recorded_spec(start.lock.spec)
        written = None if old is None else tables.migration(old, spec, kept)
        added = {} if written is None else {written[0]: written[1]}
        return FileTree({**wanted, **kept, **added})

    def library_step(self) -> Step:
        """What the shared library's folder needs."""
        folder = self.project.fleet / LIBRARY
        bases = self.bases.of_library(read_lock(folder))
        return self._step(folder, self.library, self.library_version, {}, bases)

    def fleet_step(self, specs: Iterable[ModuleSpec]) -> Step:
        """What the fleet root needs beside its modules."""
        specs = tuple(specs)
        renderer = self.fleet_renderer
        wanted = renderer.render(fleet_context(specs))
        folder = self.project.fleet
        recorded = read_lock(folder)
        bases = self.bases.of_fleet(recorded)
        version, record = renderer.tree.version, recorded_specs(specs)
        moves = self._moved_of_fleet(recorded, specs)
        return self._step(folder, wanted, version, record, bases, True, moves)

    def _moved_of_fleet(
        self, recorded: Lock, specs: Iterable[ModuleSpec]
    ) -> Mapping[PurePosixPath, PurePosixPath]:
        """The files of renamed modules: under the former names, and those of today."""
        listed = recorded.spec.get("modules")
        old = (
            [recorded_spec(each) for each in listed] if isinstance(listed, list) else []
        )
        former = {spec.id: spec for spec in old if spec is not None}
        moves: dict[PurePosixPath, PurePosixPath] = {}
        for spec in specs:
            names = [name for name in spec.legacy_names if name in former]
            if names and spec.id not in former:
                before = self.fleet_renderer.sources(fleet_context([former[names[0]]]))
                after = self.fleet_renderer.sources(fleet_context([spec]))
                moves |= shift.pairs(before, after, {})
        return moves

    def _step(
        self,
        folder: Path,
        wanted: FileTree,
        version: str,
        spec: Mapping[str, object],
        base: Base,
        shared: bool = False,
        moves: Mapping[PurePosixPath, PurePosixPath] | None = None,
    ) -> Step:
        """Plan one folder against what is on disk and what was recorded."""
        recorded = read_lock(folder)
        waiting = pending.read(folder)
        if waiting:
            return Step(folder, _waiting(waiting), None, shared, waiting=waiting)
        before = disk.read_files(folder, {*wanted, *recorded.files})
        start = shift.moved(shift.Shifted(before, recorded, base), moves or {})
        planned = plan(
            wanted,
            start.found,
            start.lock,
            _managed,
            self.force,
            start.base,
            self.restore,
        )
        planned = shift.settled(planned, before, start.found)
        record = Lock(version, spec, planned.recorded(start.lock), start.lock.owned)
        return Step(folder, planned, record, shared)


def record_of(spec: ModuleSpec) -> dict[str, object]:
    """A spec as a lock records it."""
    return spec.model_dump(mode="json", exclude_defaults=True)


VERSIONS = "migrations/versions/*.py"


def _waiting(paths: Iterable[PurePosixPath]) -> Plan:
    """The plan of a folder whose conflicts of an earlier run are not settled."""
    reason = "waits for you; settle it, then `waddlegen update --continue`"
    return Plan(tuple(Change(path, Action.CONFLICT, reason=reason) for path in paths))


def former_folder(project: Project, spec: ModuleSpec) -> Path | None:
    """Where a renamed module still is; None when it is where it belongs, or new."""
    if (project.fleet / spec.package).exists():
        return None
    present = set(project.module_ids())
    for name in spec.legacy_names:
        folder = project.fleet / snake(name)
        recorded = read_lock(folder)
        if recorded.spec.get("id") == name and name not in present:
            return folder
    return None


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


def note(project: Project, steps: Iterable[Step]) -> None:
    """Remember which modules this waddlegen wrote, so that the next update renders less."""
    written = (step for step in steps if step.proof and not step.plan.conflicts)
    fresh.note(project, {step.folder.name: step.proof for step in written})


def apply_all(steps: Sequence[Step]) -> None:
    """Write every step, those that share a folder first."""
    run = undo.new_run()
    for step in sorted(steps, key=lambda step: not step.shared):
        step.apply(run)
