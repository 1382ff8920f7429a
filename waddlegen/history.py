"""Every version the templates ever had, packed: the base of a merge needs no git and no network.

One file beside the templates, one JSON object a line, only ever appended to: a text is
stored once and packed against its predecessor, a version is what changed since its parent.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from waddlegen.errors import UsageError

NAME = "history.jsonl"
Files = Mapping[str, str]


@dataclass(frozen=True)
class History:
    """The text of a history file, read where it is needed."""

    text: str = ""
    name: str = NAME

    @cached_property
    def _records(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The packed texts by their hash, and the versions by tree and version."""
        blobs: dict[str, Any] = {}
        versions: dict[str, Any] = {}
        for number, line in enumerate(self.text.split("\n"), start=1):
            if not line:
                continue
            try:
                match json.loads(line):
                    case {"blob": str(blob), "data": str()} as record:
                        blobs.setdefault(blob, record)
                    case {"tree": str(tree), "version": str(version)} as record:
                        versions.setdefault(f"{tree}@{version}", record)
                    case _:
                        raise ValueError("neither a text nor a version")
            except ValueError as error:
                raise UsageError(
                    f"{self.name}:{number}: not a line of a template history ({error});"
                    " restore the file from version control"
                ) from error
        return blobs, versions

    def knows(self, tree: str, version: str) -> bool:
        """Whether this version of a tree is in the history."""
        return f'"tree":"{tree}","version":"{version}"' in self.text

    def files(self, tree: str, version: str) -> dict[str, str] | None:
        """The texts of a tree at a version, by path; None when it was never recorded."""
        hashes = self._hashes(tree, version)
        if hashes is None:
            return None
        return {path: self._blob(blob) for path, blob in sorted(hashes.items())}

    def changed(self, tree: str, version: str, files: Files) -> frozenset[str] | None:
        """The paths on which a version and the given texts differ; None when unknown."""
        hashes = self._hashes(tree, version)
        if hashes is None:
            return None
        now = {path: _digest(text) for path, text in files.items()}
        return frozenset(
            path for path in {*hashes, *now} if hashes.get(path) != now.get(path)
        )

    def _hashes(self, tree: str, version: str) -> dict[str, str] | None:
        """The hash of each text of a version."""
        _, versions = self._records
        chain: list[Any] = []
        while version:
            record = versions.get(f"{tree}@{version}")
            if record is None or len(chain) > len(versions):
                return None
            chain.append(record)
            version = record["parent"]
        hashes: dict[str, str] = {}
        for record in reversed(chain):
            hashes |= record["files"]
        return {path: blob for path, blob in hashes.items() if blob}

    def _blob(self, blob: str) -> str:
        """One text, unpacked; raises UsageError when it is damaged."""
        blobs, _ = self._records
        text = self._unpacked(blob, blobs).decode("utf-8")
        if _digest(text) != blob:
            raise UsageError(f"{self.name}: the text {blob} is damaged")
        return text

    def _unpacked(self, blob: str, blobs: Mapping[str, Mapping[str, str]]) -> bytes:
        """The bytes of a text, its predecessors unpacked first."""
        chain: list[Mapping[str, str]] = []
        while blob:
            if blob not in blobs or len(chain) > len(blobs):
                raise UsageError(f"{self.name}: the text {blob} is missing")
            chain.append(blobs[blob])
            blob = chain[-1]["like"]
        data = b""
        for record in reversed(chain):
            unpacker = zlib.decompressobj(zdict=data) if data else zlib.decompressobj()
            try:
                data = unpacker.decompress(base64.b85decode(record["data"]))
            except (ValueError, zlib.error) as error:
                raise UsageError(f"{self.name}: {error}") from error
        return data

    def versions(self, tree: str) -> tuple[str, ...]:
        """The versions of a tree, in the order they were recorded."""
        _, versions = self._records
        return tuple(v["version"] for v in versions.values() if v["tree"] == tree)

    def latest(self, tree: str) -> str:
        """The version of a tree that was recorded last; empty when there is none."""
        return (self.versions(tree) or ("",))[-1]

    def recorded(self, tree: str, version: str, files: Files) -> "History":
        """The history with this version; itself when it is known already."""
        if self.knows(tree, version):
            return self
        lines = "".join(
            f"{_dump(line)}\n" for line in self._lines(tree, version, files)
        )
        start = (
            self.text if self.text.endswith("\n") or not self.text else self.text + "\n"
        )
        return History(start + lines, self.name)

    def _lines(
        self, tree: str, version: str, files: Files
    ) -> Iterator[dict[str, object]]:
        """The records that add a version."""
        parent = self.latest(tree)
        before = self._hashes(tree, parent) or {}
        blobs, _ = self._records
        now = {path: _digest(text) for path, text in sorted(files.items())}
        added: set[str] = set()
        for path, blob in now.items():
            if blob not in blobs and blob not in added:
                like = before.get(path, "")
                base = self._unpacked(like, blobs) if like else b""
                packed = base64.b85encode(_packed(files[path].encode(), base))
                yield {
                    "blob": blob,
                    "like": like if base else "",
                    "data": packed.decode(),
                }
                added.add(blob)
        changed = {path: blob for path, blob in now.items() if before.get(path) != blob}
        gone = {path: "" for path in sorted(before) if path not in now}
        yield {
            "tree": tree,
            "version": version,
            "parent": parent if before else "",
            "files": changed | gone,
        }


def _dump(record: Mapping[str, object]) -> str:
    """A record as its line."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def _packed(data: bytes, like: bytes) -> bytes:
    """Bytes packed against those they resemble."""
    packer = zlib.compressobj(9, zdict=like) if like else zlib.compressobj(9)
    return packer.compress(data) + packer.flush()


def _digest(text: str) -> str:
    """The hash a text is stored under."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:24]
