"""Settle what an update left: continue after conflicts, abort, undo, own and disown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from waddlegen import apply, disk, fleet, lock, merge, pending, undo
from waddlegen.base import LIBRARY
from waddlegen.errors import ConflictError, UsageError
from waddlegen.fleet import Fleet, Step
from waddlegen.lock import Lock, digest
from waddlegen.names import snake
from waddlegen.plan import Action, Change, Plan
from waddlegen.project import Project


def folders(project: Project, names: Iterable[str]) -> tuple[Path, ...]:
    """The folders of some modules, and those that all share."""
    own = (project.fleet / fleet.load(project, name)[0].package for name in names)
    return (project.fleet, project.fleet / LIBRARY, *own)


def settle(folders: Iterable[Path]) -> None:
    """Take note that conflicts are settled; raises ConflictError where they are not."""
    waiting = [folder for folder in folders if pending.read(folder)]
    left = [
        f"{folder / path}: {reason}"
        for folder in waiting
        for path, reason in pending.unsettled(folder)
    ]
    if left:
        raise ConflictError("not settled yet:\n  " + "\n  ".join(left))
    for folder in waiting:
        apply.apply_records(folder, {pending.NAME: None})


def abort(folders: Iterable[Path]) -> Iterator[tuple[Path, Plan]]:
    """Put folders with open conflicts back to what they were before that update.

    What was written into the conflicts since goes with them; `waddlegen undo` brings it
    back. Raises ConflictError when other files of that update changed since.
    """
    run = undo.new_run()
    for folder in folders:
        waiting = pending.read(folder)
        if not waiting:
            continue
        last = undo.last(folder)
        if last is None:
            raise UsageError(
                f"{folder}: what was there before is not known here; settle the conflicts"
            )
        settled = last.plan(but=waiting)
        undo.put_back(last, settled, run, _is_shared(folder))
        yield folder, settled


def undo_last(project: Project) -> Iterator[tuple[Path, Plan]]:
    """Put every folder back that the last run wrote into; all of them or none."""
    runs = undo.last_run(project.fleet)
    if not runs:
        raise UsageError("there is no run to undo")
    ways = [(last, last.plan()) for last in runs]
    run = undo.new_run()
    for last, way in ways:
        undo.put_back(last, way, run, _is_shared(last.folder))
        yield last.folder, way


def _is_shared(folder: Path) -> bool:
    """Whether other folders of ours lie in this one, so that it is written file by file."""
    return any(folder.glob(f"*/{lock.PATH}")) or any(folder.glob(f"libs/*/{lock.PATH}"))


def locate(project: Project, path: Path) -> tuple[Path, PurePosixPath]:
    """The folder of ours a file is in, and its path there."""
    file = path.resolve() if not path.is_symlink() else path.absolute()
    modules = {project.fleet / snake(name) for name in project.module_ids()}
    for folder in file.parents:
        is_ours = folder in modules or (folder / lock.PATH).is_file()
        if is_ours and project.fleet in (folder, *folder.parents):
            return folder, PurePosixPath(file.relative_to(folder).as_posix())
    raise UsageError(f"{path}: in no folder that waddlegen wrote")


def own(project: Project, path: Path) -> str:
    """Take a managed file over: no update touches it any more."""
    folder, name = locate(project, path)
    recorded = fleet.read_lock(folder)
    if name not in recorded.files:
        raise UsageError(f"{path}: not rendered by waddlegen, so it is yours already")
    owned = tuple(sorted({*recorded.owned, str(name)}))
    _write_lock(folder, replace(recorded, owned=owned))
    return f"{name} is yours: no update changes it"


def disown(project: Project, path: Path) -> str:
    """Give a file back: updates are merged into it again."""
    folder, name = locate(project, path)
    recorded = fleet.read_lock(folder)
    if str(name) not in recorded.owned:
        raise UsageError(f"{path}: was never taken over with `waddlegen own`")
    owned = tuple(each for each in recorded.owned if each != str(name))
    _write_lock(folder, replace(recorded, owned=owned))
    return f"{name} is managed: updates are merged into it"


def _write_lock(folder: Path, record: Lock) -> None:
    """Write the lock alone."""
    apply.apply_records(folder, {lock.PATH.name: record.text})


def resolve(project: Project, path: Path, template: bool) -> str:
    """Settle one file's conflicts for one side."""
    folder, name = locate(project, path)
    side = "the template's" if template else "your"
    if name in pending.read(folder):
        text = disk.read_files(folder, [name]).get(name, "")
        chosen = merge.resolved(text, template)
        change = Change(name, Action.UPDATE, wanted=chosen, found=text)
        apply.apply_files(folder, Plan((change,)))
        return f"{name} has {side} side; go on with `waddlegen update --continue`"
    return _resolve_blocked(project, folder, name, template, side)


def _resolve_blocked(
    project: Project, folder: Path, name: PurePosixPath, template: bool, side: str
) -> str:
    """Settle a file that has no base to merge from."""
    step = _step_of(project, folder)
    change = next((c for c in step.plan.blocked if c.path == name), None)
    if change is None or change.wanted is None:
        raise UsageError(f"{folder / name}: has no conflict")
    recorded = fleet.read_lock(folder)
    files = {**recorded.files, name: digest(change.wanted)}
    if template:
        plan = Plan((replace(change, action=Action.UPDATE, reason="forced"),))
        records = undo.record(folder, plan, undo.new_run())
        apply.apply_records(folder, records)
        apply.apply_files(folder, plan)
    _write_lock(folder, replace(recorded, files=files))
    return f"{name} has {side} text"


def _step_of(project: Project, folder: Path) -> Step:
    """The plan of one folder."""
    modules = Fleet(project)
    if folder == project.fleet:
        return modules.fleet_step(fleet.load_all(project))
    if folder == project.fleet / LIBRARY:
        return modules.library_step()
    for name in project.module_ids():
        spec, seeds = fleet.load(project, name)
        if project.fleet / spec.package == folder:
            return modules.module_step(spec, seeds)
    raise UsageError(f"{folder}: no spec describes this folder")


def shown(steps: Sequence[Step]) -> dict[str, object]:
    """The plans as one JSON object."""
    changes = [
        {
            "path": str(step.folder / change.path),
            "action": change.action.value,
            "ownership": change.ownership.value,
            "reason": change.reason,
        }
        for step in steps
        for change in step.plan.changes
        if change.action is not Action.UNCHANGED
    ]
    return {
        "changes": changes,
        "conflicts": [c["path"] for c in changes if c["action"] == "conflict"],
        "drift": any(step.writes or step.plan.conflicts for step in steps),
    }
