"""Read files as they are found on the disk; writes nothing."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from waddlegen.errors import UsageError
from waddlegen.tree import FileTree


def read_files(root: Path, paths: Iterable[PurePosixPath]) -> FileTree:
    """The texts of those of the paths that exist below the root.

    Raises UsageError for a path that is a folder or a link, or that leads through a link:
    writing there would end up somewhere else.
    """
    found: dict[PurePosixPath, str] = {}
    checked: set[Path] = set()
    is_there = root.exists() or root.is_symlink()
    for path in paths:
        _refuse_leaving(root, path)
        if not is_there:
            continue
        target = root / path
        refuse_links(root, path, checked)
        if target.is_file():
            found[path] = read_text(target)
        elif target.exists():
            raise UsageError(f"{target}: a folder stands where a file belongs")
    return FileTree(found)


def read_text(path: Path) -> str:
    """The text of a file, byte for byte: odd bytes and line ends survive a round trip."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


def refuse_links(root: Path, path: PurePosixPath, checked: set[Path]) -> None:
    """Raise UsageError when the root, the path or a folder between them is a link."""
    _refuse_leaving(root, path)
    target = root
    for part in ("", *path.parts):
        target = target / part
        if target in checked:
            continue
        if target.is_symlink():
            raise UsageError(
                f"{target}: is a link; waddlegen does not write through links,"
                " so replace it with a real file or folder"
            )
        if part != path.name:
            checked.add(target)


def _refuse_leaving(root: Path, path: PurePosixPath) -> None:
    """Raise UsageError when a path leads out of the root."""
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{path}: a template may not leave {root}")


_CACHES = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".waddlegen"})


def read_tree(root: Path) -> FileTree:
    """Every file below a folder, what tools keep there left out."""
    if not root.is_dir():
        return FileTree({})
    paths = (path for path in root.rglob("*") if path.is_file())
    return FileTree(
        {
            PurePosixPath(path.relative_to(root).as_posix()): read_text(path)
            for path in paths
            if _CACHES.isdisjoint(path.relative_to(root).parts)
        }
    )
