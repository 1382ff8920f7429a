"""Say of each module how it stands to its templates, its spec and the user's hand."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from waddlegen import disk, fleet, follow, lock, output
from waddlegen.fleet import Fleet, Step
from waddlegen.lock import Lock, digest
from waddlegen.names import snake
from waddlegen.plan import Action, Ownership
from waddlegen.project import Project
from waddlegen.spec import ModuleSpec
from waddlegen.unfinished import unfinished


@dataclass(frozen=True, slots=True)
class Status:
    """One module; paths and places are as one types them here."""

    module: str
    templates: str
    spec: str
    edited: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()


def statuses(project: Project, names: Sequence[str], here: Path) -> list[Status]:
    """How some modules stand; with all of them, also folders no spec describes any more."""
    modules = Fleet(project)
    found = [_status(modules, name, here) for name in names]
    if set(names) == set(project.module_ids()):
        found += _left(modules, here)
    return found


def _left(modules: Fleet, here: Path) -> Iterator[Status]:
    """Folders of modules whose spec is gone, unless that module has another name now."""
    specs = fleet.load_all(modules.project)
    known = {spec.package for spec in specs}
    known |= {snake(name) for spec in specs for name in spec.legacy_names}
    for path in sorted(modules.project.fleet.glob(f"*/{lock.PATH}")):
        folder = path.parents[1]
        if folder.name not in known:
            recorded = fleet.read_lock(folder)
            state = _template_state(modules, recorded)
            name = str(recorded.spec.get("id", folder.name))
            orphan = f"{output.relative(folder, here)}/"
            yield Status(name, state, "gone", orphans=(orphan,))


def _status(modules: Fleet, name: str, here: Path) -> Status:
    """How one module stands."""
    spec, seeds = fleet.load(modules.project, name)
    step = modules.module_step(spec, seeds)
    folder = output.relative(step.moved_from or step.folder, here)
    recorded = fleet.read_lock(step.moved_from or step.folder)
    if not recorded.files:
        return Status(name, "not rendered", "new")

    def paths(
        *actions: Action, reason: str = "", owner: Ownership | None = None
    ) -> tuple[str, ...]:
        """The changes of some kind."""
        return tuple(
            str(folder / change.path)
            for change in step.plan.changes
            if change.action in actions
            and reason in change.reason
            and owner in (None, change.ownership)
        )

    return Status(
        name,
        _template_state(modules, recorded),
        "current" if recorded.spec == fleet.record_of(spec) else "changed",
        edited=_edited(step, recorded, str(folder)),
        owned=paths(Action.KEEP, reason="yours", owner=Ownership.OWNED),
        deleted=paths(Action.KEEP, reason="deleted"),
        orphans=paths(Action.KEEP, reason="no longer"),
        conflicts=paths(Action.CONFLICT),
        drift=tuple(drift_lines(modules.project, spec, step, here)),
        unfinished=tuple(
            f"{output.relative(each.path, here)}:{each.line}: {each.function}"
            for each in unfinished(step.folder, spec)
        ),
    )


def _template_state(modules: Fleet, recorded: Lock) -> str:
    """Whether a module was rendered with the templates there are."""
    version = modules.renderer.tree.version
    return "current" if recorded.template_version == version else "older"


def _edited(step: Step, recorded: Lock, folder: str) -> tuple[str, ...]:
    """The managed files that are not what was rendered."""
    return tuple(
        f"{folder}/{change.path}"
        for change in step.plan.changes
        if change.ownership is Ownership.MANAGED
        and change.found is not None
        and change.path in recorded.files
        and digest(change.found) != recorded.files[change.path]
        and change.action in (Action.KEEP, Action.UPDATE, Action.CONFLICT)
        and "no longer" not in change.reason
    )


def drift_lines(
    project: Project, spec: ModuleSpec, step: Step, here: Path
) -> Iterator[str]:
    """Where seeded code does not follow its spec, at file:line on both sides."""
    path = project.spec_path(spec.id)
    if not path.is_file():
        return
    folder = output.relative(step.folder, here)
    name = output.relative(path, here)
    found = disk.read_tree(step.folder / "services").under("services")
    renewed = {change.path for change in step.plan.writes}
    for each in follow.drifts(spec, disk.read_text(path), found):
        if each.path in renewed:
            continue
        yield f"{folder / each.path}:{each.line}: {each.message} ({name}:{each.spec_line})"


def drift_of(project: Project, steps: Sequence[Step], here: Path) -> Iterator[str]:
    """The drift of the modules among some steps, as it is before those are applied."""
    for step in steps:
        if step.spec is not None:
            yield from drift_lines(project, step.spec, step, here)


def hand_edits(project: Project, name: str, here: Path) -> Iterator[str]:
    """What was changed by hand in a module, as a unified diff from what was rendered."""
    import difflib

    spec, seeds = fleet.load(project, name)
    modules = Fleet(project)
    step = modules.module_step(spec, seeds)
    recorded = fleet.read_lock(step.folder)
    base = modules.bases.of_module(recorded, seeds)
    folder = output.relative(step.folder, here)
    for change in step.plan.changes:
        path, found = change.path, change.found
        rendered = base(path)
        if change.ownership is Ownership.SEEDED or path not in recorded.files:
            continue
        if rendered is None and found is not None:
            yield f"{folder / path}: what was rendered is not known any more"
        elif rendered is not None and found != rendered:
            before = rendered.splitlines(keepends=True)
            after = (found or "").splitlines(keepends=True)
            for line in difflib.unified_diff(
                before, after, "rendered", str(folder / path)
            ):
                yield line.rstrip("\r\n").encode("utf-8", "backslashreplace").decode()


def lines(found: Sequence[Status]) -> Iterator[str]:
    """A table, and below it what wants attention."""
    heading = (
        "MODULE",
        "TEMPLATES",
        "SPEC",
        "EDITED",
        "ORPHANS",
        "DRIFT",
        "UNFINISHED",
    )
    rows = [
        (
            each.module,
            each.templates,
            each.spec,
            *(
                str(len(part)) if part else "-"
                for part in (each.edited, each.orphans, each.drift, each.unfinished)
            ),
        )
        for each in found
    ]
    yield from output.table_lines([heading, *rows])
    notes = [note for each in found for note in _notes(each)]
    if notes:
        yield ""
        yield from notes


def _notes(status: Status) -> Iterator[str]:
    """What there is to say of one module, file by file."""
    for verb, paths in (
        ("edited", status.edited),
        ("yours", status.owned),
        ("deleted", status.deleted),
        ("orphan", status.orphans),
        ("conflict", status.conflicts),
        ("drift", status.drift),
    ):
        for path in paths:
            yield output.line(verb, path)


def record(found: Sequence[Status]) -> list[dict[str, object]]:
    """The same as plain values, for JSON."""
    return [asdict(each) for each in found]
