"""Carry out a plan; the one place that writes the user's files.

A folder is replaced as a whole: the new version is built beside it, with every file that
does not change linked in, and the two change places in one step of the file system. So a
crash at any instant leaves the folder wholly old or wholly new.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from waddlegen import exchange
from waddlegen.errors import UsageError
from waddlegen.plan import Action, Change, Plan

RECORDS = ".waddlegen"


Records = Mapping[str, str | None]


def apply_folder(
    folder: Path, plan: Plan, lock: str | None, records: Records | None = None
) -> None:
    """Replace a folder by its next version; `lock` is the text of its lock file.

    `records` are further files below `.waddlegen`, None for one that goes.
    """
    records = {**(records or {}), **({} if lock is None else {"lock.json": lock})}
    if not plan.writes and _records_are(folder, records):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    recover(folder)
    staged = Path(
        tempfile.mkdtemp(prefix=_prefix(folder, os.getpid()), dir=folder.parent)
    )
    try:
        _copy_mode(folder, staged)
        _link_tree(folder, staged)
        _write(staged, plan.writes)
        for name, text in records.items():
            _write_record(staged, name, text)
        if folder.exists():
            exchange.exchange(staged, folder)
        else:
            staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _write_record(staged: Path, name: str, text: str | None) -> None:
    """Write or remove one file below `.waddlegen` in a staged folder."""
    path = staged / RECORDS / name
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(path, text)
    elif path.exists():
        path.unlink()
        _remove_empty_parents(path, staged)


def apply_records(folder: Path, records: Records) -> None:
    """Write files below `.waddlegen`, each atomically, where they differ."""
    for name, text in records.items():
        path = folder / RECORDS / name
        if text is None:
            path.unlink(missing_ok=True)
        elif not path.is_file() or path.read_text("utf-8") != text:
            write_file(path, text)


def move_folder(source: Path, target: Path) -> None:
    """Give a folder another name; nothing may have that name yet."""
    if target.exists():
        raise UsageError(f"{target}: is in the way of {source}; move one of them")
    source.rename(target)


def remove_folder(folder: Path) -> None:
    """Take a folder away as a whole."""
    staged = Path(
        tempfile.mkdtemp(prefix=_prefix(folder, os.getpid()), dir=folder.parent)
    )
    folder.rename(staged / "gone")
    shutil.rmtree(staged, ignore_errors=True)


def apply_files(root: Path, plan: Plan) -> None:
    """Write single files, each atomically, into a folder that others share."""
    for change in plan.writes:
        path = root / change.path
        if change.action is Action.DELETE:
            path.unlink(missing_ok=True)
        elif change.text is not None:
            write_file(path, change.text)


def write_file(path: Path, text: str) -> None:
    """Write one file so that it is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_prefix(path, os.getpid()), dir=path.parent)
    try:
        with open(
            handle, "w", encoding="utf-8", errors="surrogateescape", newline=""
        ) as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, name)
        else:
            os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def recover(folder: Path) -> None:
    """Clear up after a killed run: put a folder back that was moved aside, drop the rest."""
    previous = exchange.previous(folder)
    if previous.exists() and not folder.exists():
        previous.rename(folder)
    _clear(folder.parent, f".{folder.name}.waddlegen-*")


def recover_files(root: Path, plan: Plan) -> None:
    """Clear up what a killed run left beside single files."""
    folders = {(root / change.path).parent for change in plan.changes}
    for folder in (root / RECORDS, *folders):
        _clear(folder, ".*.waddlegen-*")


def _clear(folder: Path, pattern: str) -> None:
    """Drop what runs that are over left in a folder."""
    for leftover in folder.glob(pattern):
        _, _, tail = leftover.name.rpartition(".waddlegen-")
        process = tail.split("-")[0]
        if not process.isdecimal():
            continue
        if int(process) == os.getpid() or not _is_alive(int(process)):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def _prefix(folder: Path, process: int) -> str:
    """The name a staged folder or file begins with; it says whose it is."""
    return f".{folder.name}.waddlegen-{process}-"


def _is_alive(process: int) -> bool:
    """Whether a process still runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _umask() -> int:
    """The permissions the user withholds from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _records_are(folder: Path, records: Records) -> bool:
    """Whether the folder already records exactly this."""
    for name, text in records.items():
        path = folder / RECORDS / name
        found = path.read_text("utf-8") if path.is_file() else None
        if found != text:
            return False
    return True


def _copy_mode(folder: Path, staged: Path) -> None:
    """Give the staged folder the permissions of the one it replaces."""
    if folder.exists():
        shutil.copymode(folder, staged)
    else:
        staged.chmod(0o777 & ~_umask())


def _link_tree(source: Path, target: Path) -> None:
    """Build the same tree out of hard links; copies where the file system has none."""
    if not source.exists():
        return
    with os.scandir(source) as entries:
        for entry in entries:
            copy = target / entry.name
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), copy)
            elif entry.is_dir():
                copy.mkdir()
                _link_tree(Path(entry.path), copy)
                shutil.copystat(entry.path, copy)
            elif entry.is_file():
                _link(Path(entry.path), copy)
            else:
                raise UsageError(f"{entry.path}: neither a file, a folder nor a link")


def _link(source: Path, target: Path) -> None:
    """One file under a second name."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(staged: Path, changes: Iterable[Change]) -> None:
    """Put the changes into the staged folder."""
    folders: set[Path] = set()
    for change in changes:
        path = staged / change.path
        if change.action is Action.DELETE:
            path.unlink(missing_ok=True)
            _remove_empty_parents(path, staged)
            continue
        if path.parent not in folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
        if change.text is not None:
            _write_new(path, change.text)


def _write_new(path: Path, text: str) -> None:
    """Write a file of the staged folder; a link to the user's file is cut first."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        file = open(path, "xb", buffering=0)
    except FileExistsError:
        mode = path.stat().st_mode
        path.unlink()
        file = open(path, "xb", buffering=0)
        path.chmod(mode)
    with file:
        file.write(data)


def _remove_empty_parents(path: Path, top: Path) -> None:
    """Remove the folders a deleted file leaves empty."""
    for parent in path.parents:
        if parent == top:
            return
        if parent.is_dir():
            if any(parent.iterdir()):
                return
            parent.rmdir()
