"""A tree of files as one value: relative path to text; the same for rendered and found."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath


class FileTree(Mapping[PurePosixPath, str]):
    """Paths and their texts, sorted by path; frozen."""

    __slots__ = ("_files",)

    def __init__(self, files: Mapping[PurePosixPath, str] | Mapping[str, str]) -> None:
        items = ((PurePosixPath(path), text) for path, text in files.items())
        self._files = dict(sorted(items))

    def __getitem__(self, path: PurePosixPath) -> str:
        return self._files[path]

    def __iter__(self) -> Iterator[PurePosixPath]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"FileTree({list(map(str, self._files))})"

    def under(self, folder: str) -> "FileTree":
        """The same files, one folder deeper."""
        return FileTree(
            {PurePosixPath(folder) / path: text for path, text in self.items()}
        )
