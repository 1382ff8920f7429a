"""Put an update on a git branch, a commit a module, and say what a reviewer should know."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from waddlegen import git, output, undo
from waddlegen.errors import UsageError
from waddlegen.fleet import Step
from waddlegen.plan import Action


def commit(root: Path, branch: str, steps: Sequence[Step]) -> tuple[str, ...]:
    """Apply each step and commit it on a new branch; the folders that were committed.

    A folder with a conflict is left out: a person has to settle it first.
    """
    if _git(root, "status", "--porcelain", "--untracked-files=no").strip():
        raise UsageError(
            f"{root}: has changes that are not committed; commit or stash them first"
        )
    ready = [step for step in steps if step.changes and not step.plan.conflicts]
    if not ready:
        return ()
    _git(root, "switch", "--quiet", "--create", branch)
    run = undo.new_run()
    done = []
    for step in ready:
        name = str(output.relative(step.folder, root))
        step.apply(run)
        _git(root, "add", "--all", "--", *_paths(step, root))
        if not _git(root, "diff", "--cached", "--name-only").strip():
            continue
        subject = f"Update {name}" if name != "." else "Update the specs' schema"
        _git(root, "commit", "--quiet", "--message", f"{subject} with waddlegen")
        done.append(name)
    return tuple(done)


def _paths(step: Step, root: Path) -> list[str]:
    """What a step may have written, as git should add it."""
    folders = (
        [step.folder] if step.moved_from is None else [step.folder, step.moved_from]
    )
    if not step.shared:
        return [str(output.relative(folder, root)) for folder in folders]
    paths = [step.folder / change.path for change in step.plan.writes]
    paths += [step.folder / ".waddlegen"] if step.lock is not None else []
    return [str(output.relative(path, root)) for path in paths]


def body(root: Path, steps: Sequence[Step], drift: Sequence[str]) -> Iterator[str]:
    """The text of the pull request, in Markdown."""
    yield "The templates or specs changed; `waddlegen update` carried it into the modules."
    yield ""
    yield "| folder | created | updated | merged with edits | deleted | conflicts |"
    yield "|---|---|---|---|---|---|"
    for step in steps:
        if step.changes or step.plan.conflicts:
            yield _row(step, str(output.relative(step.folder, root)))
    conflicts = [
        f"- `{output.relative(step.folder, root) / change.path}` ({change.reason})"
        for step in steps
        for change in step.plan.conflicts
    ]
    if conflicts:
        yield ""
        yield "Left out, because somebody has to choose (`waddlegen update` shows both sides):"
        yield ""
        yield from conflicts
    if drift:
        yield ""
        yield "Services that do not follow their spec yet:"
        yield ""
        yield from (f"- {line}" for line in drift)


def _row(step: Step, name: str) -> str:
    """One folder's line of the table."""
    changes = step.plan.changes
    updated = [change for change in changes if change.action is Action.UPDATE]
    merged = [change for change in updated if change.merged is not None]
    counts = (
        sum(change.action is Action.CREATE for change in changes),
        len(updated) - len(merged),
        len(merged),
        sum(change.action is Action.DELETE for change in changes),
        len(step.plan.conflicts),
    )
    return f"| `{name}` | {' | '.join(map(str, counts))} |"


def _git(root: Path, *words: str) -> str:
    """Run git in the project."""
    return git.done(root, *words, what="--branch")
