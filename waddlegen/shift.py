"""Follow what was renamed before anything is merged: hand edits travel to the new places.

A feature or action names its former id in the spec, `copier.yml` names the former path of a
template, and a migration of the templates is a Python function from tree to tree. Each
gives the found files, the recorded hashes and the base of the merge their new paths.
"""

import runpy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from waddlegen import parses
from waddlegen.errors import UsageError
from waddlegen.lock import Lock, digest
from waddlegen.merge import merge, resolved
from waddlegen.plan import Action, Change, Plan
from waddlegen.spec import FeatureSpec, ModuleSpec
from waddlegen.tree import FileTree

Base = Callable[[PurePosixPath], str | None]
Texts = dict[str, str]


@dataclass(frozen=True)
class Shifted:
    """A folder as it is found and recorded, seen from where its files belong now."""

    found: FileTree
    lock: Lock
    base: Base


def moved(start: Shifted, moves: Mapping[PurePosixPath, PurePosixPath]) -> Shifted:
    """The same with some paths renamed; a path that is taken already stays as it is."""
    free = {
        old: new
        for old, new in moves.items()
        if old != new and new not in start.found and new not in start.lock.files
    }
    former = {new: old for old, new in free.items()}
    found = {free.get(path, path): text for path, text in start.found.items()}
    files = {free.get(path, path): each for path, each in start.lock.files.items()}
    owned = tuple(str(free.get(PurePosixPath(p), p)) for p in start.lock.owned)

    def base(path: PurePosixPath) -> str | None:
        """The base under its former path."""
        return start.base(former.get(path, path))

    lock = replace(start.lock, files=files, owned=owned)
    return Shifted(FileTree(found), lock, base)


def migrated(start: Shifted, folder: Path) -> Shifted:
    """What the migrations of the templates make of it, each once."""
    for path in migrations(folder):
        if path.stem not in start.lock.migrations:
            start = _migrated(start, path)
    return start


def migrations(folder: Path) -> list[Path]:
    """The migrations of the templates, in their order."""
    return sorted(folder.glob("[0-9]*.py"))


def _migrated(start: Shifted, path: Path) -> Shifted:
    """Carry out one migration on what was found and on its base."""
    function = runpy.run_path(str(path)).get("migrate")
    if not callable(function):
        raise UsageError(f"{path}: defines no function `migrate(files)`")
    bases = {p: text for p in start.lock.files if (text := start.base(p)) is not None}
    after = _run(function, path, start.found)
    after = {**_kept(start, after), **after}
    base_after = _run(function, path, bases)
    files = {p: each for p, each in start.lock.files.items() if p not in bases}
    files |= {PurePosixPath(p): digest(text) for p, text in base_after.items()}
    done = (*start.lock.migrations, path.stem)
    return Shifted(
        FileTree(after),
        replace(start.lock, files=files, migrations=done),
        lambda path: base_after.get(str(path), start.base(path)),
    )


def _run(
    function: Callable[[Texts], object],
    path: Path,
    files: Mapping[PurePosixPath, str],
) -> Texts:
    """A migration's answer; raises UsageError when that is no tree of texts."""
    answer = function({str(p): text for p, text in files.items()})
    if not isinstance(answer, dict) or not all(
        isinstance(part, str) for pair in answer.items() for part in pair
    ):
        raise UsageError(f"{path}: `migrate` must return a dict of path to text")
    return answer


def _kept(start: Shifted, after: Texts) -> Texts:
    """Files a migration left out although the user had edited them."""
    remaining = set(after.values())
    return {
        str(path): text
        for path, text in start.found.items()
        if str(path) not in after
        and text not in remaining
        and digest(text) != start.lock.files.get(path)
    }


def settled(plan: Plan, before: FileTree, after: FileTree) -> Plan:
    """A plan made for the shifted files, said of those on disk."""
    changes = {change.path: _settle(change, before) for change in plan.changes}
    for path in after:
        if path not in changes and before.get(path) != after[path]:
            action = Action.UPDATE if path in before else Action.CREATE
            changes[path] = Change(
                path, action, wanted=after[path], found=before.get(path)
            )
    for path in before:
        if path not in after and path not in changes:
            changes[path] = Change(
                path, Action.DELETE, found=before[path], reason="moved"
            )
    return Plan(tuple(changes[path] for path in sorted(changes)))


def _settle(change: Change, before: FileTree) -> Change:
    """One change, from what is on disk instead of what was shifted there."""
    disk = before.get(change.path)
    if disk == change.found:
        return change
    if change.action is Action.CONFLICT:
        return replace(change, found=disk)
    text = change.text if change.writes else change.found
    if change.action is Action.DELETE or text is None:
        return replace(change, action=Action.DELETE, found=disk)
    action = Action.CREATE if disk is None else Action.UPDATE
    reason = change.reason or "moved"
    return replace(change, action=action, found=disk, merged=text, reason=reason)


def renamed(old: ModuleSpec, new: ModuleSpec) -> ModuleSpec:
    """The old spec with the ids its features and operations have now."""
    now = {feature.renamed_from: feature for feature in new.features}
    same = {feature.id: feature for feature in new.features}
    taken = set(same)
    features = []
    for feature in old.features:
        successor = same.get(feature.id)
        if successor is None and feature.id not in taken:
            successor = now.get(feature.id)
        features.append(_renamed_feature(feature, successor))
    return old.model_copy(update={"features": tuple(features), "id": new.id})


def _renamed_feature(
    feature: FeatureSpec, successor: FeatureSpec | None
) -> FeatureSpec:
    """A feature with its new id, and its operations with theirs."""
    if successor is None:
        return feature
    update: dict[str, object] = {"id": successor.id}
    for kind in ("actions", "routes"):
        later = getattr(successor, kind)
        ids = {each.id for each in later}
        now = {each.renamed_from: each.id for each in later if each.renamed_from}
        update[kind] = tuple(
            (
                each.model_copy(update={"id": now[each.id]})
                if each.id in now and each.id not in ids
                else each
            )
            for each in getattr(feature, kind)
        )
    return feature.model_copy(update=update)


def pairs(
    before: Mapping[str, Iterable[str]],
    after: Mapping[str, Iterable[str]],
    sources: Mapping[str, str],
) -> dict[PurePosixPath, PurePosixPath]:
    """Which path became which, template by template; `sources` are templates renamed."""
    moves: dict[str, str] = {}
    for source, paths in before.items():
        others = tuple(after.get(sources.get(source, source), ()))
        paths = tuple(paths)
        if len(paths) == len(others):
            moves |= dict(zip(paths, others, strict=True))
    return {PurePosixPath(o): PurePosixPath(n) for o, n in moves.items() if o != n}


def follow(base: str, found: str, wanted: str, path: PurePosixPath) -> str:
    """A seeded file with the names of a rename; where both changed, yours stands."""
    text = resolved(merge(base, found, wanted, path).text, template=False)
    return text if parses.fault(path, text) is None else found
