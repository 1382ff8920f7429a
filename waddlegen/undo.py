"""Keep what a run replaced, beside what it wrote, so that it can be put back without git."""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from waddlegen import apply, disk, lock
from waddlegen.errors import ConflictError, UsageError
from waddlegen.lock import digest
from waddlegen.plan import Action, Change, Plan

LAST = "undo/last.json"
_IGNORE = {"undo/.gitignore": "*\n"}
_RECORDS = ("lock.json", "conflicts.json")


def new_run() -> str:
    """The id of a run that begins, sorted after those before it."""
    return f"{time.time_ns():020}"


def record(
    folder: Path, plan: Plan, run: str, moved: str = ""
) -> dict[str, str | None]:
    """The files below `.waddlegen` from which the plan can be undone.

    All folders of one `run` are undone together. `moved` is the name the folder had before the run, where it got another.
    """
    files: dict[str, Any] = {}
    found = disk.read_files(folder, [change.path for change in plan.writes])
    for change in plan.writes:
        path = folder / change.path
        after = None if change.action is Action.DELETE else change.text
        files[str(change.path)] = {
            "before": found.get(change.path),
            "after": None if after is None else digest(after),
            "mode": path.stat().st_mode & 0o777 if path.exists() else None,
        }
    records = {
        name: disk.read_text(path) if path.is_file() else None
        for name in _RECORDS
        for path in [folder / apply.RECORDS / name]
    }
    last = {"run": run, "files": files, "records": records, "moved": moved}
    return {**_IGNORE, LAST: json.dumps(last) + "\n"}


@dataclass(frozen=True, slots=True)
class Last:
    """The last run in one folder."""

    folder: Path
    run: str
    files: Mapping[str, Any]
    records: Mapping[str, str | None]
    moved: str = ""

    def plan(self, but: Collection[PurePosixPath] = ()) -> Plan:
        """The way back; raises ConflictError with the files that changed since.

        Files in `but` may have changed: they are the conflicts somebody worked on.
        """
        paths = [PurePosixPath(path) for path in self.files]
        found = disk.read_files(self.folder, paths)
        changed = [
            f"{self.folder / path}"
            for path in paths
            if path not in but
            and (text := found.get(path)) != self.files[str(path)]["before"]
            and (None if text is None else digest(text))
            != self.files[str(path)]["after"]
        ]
        if changed:
            raise ConflictError(
                "changed since, so nothing was undone:\n  " + "\n  ".join(changed)
            )
        return Plan(
            tuple(self._change(path, found.get(path)) for path in sorted(paths))
        )

    def _change(self, path: PurePosixPath, found: str | None) -> Change:
        """One file put back."""
        before = self.files[str(path)]["before"]
        if before == found:
            return Change(path, Action.UNCHANGED, wanted=before, found=found)
        if before is None:
            return Change(path, Action.DELETE, found=found)
        action = Action.CREATE if found is None else Action.UPDATE
        return Change(path, action, wanted=before, found=found)

    @property
    def created(self) -> bool:
        """Whether the folder was new with this run."""
        return self.records["lock.json"] is None


def last(folder: Path) -> Last | None:
    """What the last run did in a folder; None when nothing is known."""
    path = folder / apply.RECORDS / LAST
    if not path.is_file():
        return None
    try:
        match json.loads(disk.read_text(path)):
            case {
                "run": str(run),
                "files": dict(files),
                "records": dict(records),
                "moved": str(moved),
            }:
                return Last(folder, run, files, records, moved)
    except ValueError:
        pass
    raise UsageError(
        f"{path}: not written by waddlegen; delete it, undo needs it no more"
    )


def last_run(fleet: Path) -> tuple[Last, ...]:
    """The folders of a fleet that the last run wrote into."""
    every = [each for folder in folders(fleet) if (each := last(folder)) is not None]
    latest = max((each.run for each in every), default="")
    return tuple(each for each in every if each.run == latest)


def folders(fleet: Path) -> Iterator[Path]:
    """The fleet root and every folder waddlegen wrote into below it."""
    found = {path.parents[1] for path in fleet.glob(f"*/{lock.PATH}")}
    found |= {path.parents[1] for path in fleet.glob(f"libs/*/{lock.PATH}")}
    yield from (fleet, *sorted(found))


def put_back(last: Last, plan: Plan, run: str, shared: bool) -> None:
    """Carry the way back out; it can itself be undone."""
    folder = last.folder
    back = record(folder, plan, run, folder.name if last.moved else "")
    if shared:
        apply.apply_records(folder, back)
        apply.apply_files(folder, plan)
        apply.apply_records(folder, last.records)
        return
    apply.apply_folder(folder, plan, None, {**back, **last.records})
    _restore_modes(last)
    if last.created and not _holds_files(folder):
        apply.remove_folder(folder)
    elif last.moved:
        apply.move_folder(folder, folder.with_name(last.moved))


def _restore_modes(last: Last) -> None:
    """Give files that had been deleted the permissions they had."""
    for path, each in last.files.items():
        file = last.folder / path
        if each["mode"] is not None and file.exists():
            if file.stat().st_mode & 0o777 != each["mode"]:
                file.chmod(each["mode"])


def _holds_files(folder: Path) -> bool:
    """Whether a folder holds anything but what waddlegen keeps of itself."""
    return any(path.name != apply.RECORDS for path in folder.iterdir())
