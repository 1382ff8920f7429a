"""How long an update of 24 modules takes, against 24 times stock copier on the same templates."""

import itertools
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Result, pairs, process
from waddlegen import bundled, create, fleet
from waddlegen.context import module_context
from waddlegen.filters import yaml
from waddlegen.project import Project

MODULE = "inventory-interaction"
FLEET_SIZE = 24
EDIT = ("--timeout=5s", "--timeout=25s")
BIN = Path(sys.executable).parent


def project_of(root: Path) -> Path:
    """A project of 24 rendered modules, each edited by hand, with its own templates."""
    shutil.copytree(bundled.TEMPLATES, root / "templates")
    text = (bundled.CATALOGUE / f"{MODULE}.yaml").read_text("utf-8")
    (root / "module_specs").mkdir()
    for number in range(FLEET_SIZE):
        spec = text.replace(f"id: {MODULE}", f"id: inventory-{number}", 1)
        spec = spec.replace("port: 8024", f"port: {9000 + number}", 1)
        spec = spec.replace("action-inventory", f"action-inventory-{number}")
        (root / f"module_specs/inventory-{number}.yaml").write_text(spec, "utf-8")
    project = Project(root)
    fleet.apply_all(create.renew(project, project.module_ids(), force=False))
    for number in range(FLEET_SIZE):
        _replace(root / f"generated/inventory_{number}/Dockerfile", *EDIT)
    return root


def _replace(path: Path, old: str, new: str) -> None:
    """Change a file in one place."""
    text = path.read_text("utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new, 1), "utf-8")


def _git(folder: Path, *words: str) -> None:
    """Run git in a folder, as somebody."""
    who = ["-c", "user.name=bench", "-c", "user.email=bench@invalid"]
    subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=True, stdout=subprocess.DEVNULL
    )


def _template(folder: Path) -> Path:
    """The module templates as a git repository that copier can update from."""
    shutil.copytree(bundled.TEMPLATES / "module", folder)
    answers = "{{ _copier_conf.answers_file }}.jinja"
    (folder / answers).write_text("{{ _copier_answers | to_nice_yaml }}\n")
    _replace(folder / "copier.yml", "  - macros\n", "  - macros\n  - .git\n")
    _git(folder, "init", "--quiet")
    _release(folder, 0)
    return folder


def _release(folder: Path, number: int) -> None:
    """Commit and tag the templates."""
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", f"release {number}")
    _git(folder, "tag", f"v{number}.0.0")


def _copied(folder: Path, template: Path) -> Path:
    """One module made by copier, committed, edited by hand and committed again."""
    spec, seeds = fleet.load(Project(bundled.CATALOGUE.parent), MODULE)
    answers = folder / "answers.yml"
    answers.write_text(
        f"module: {yaml(module_context(spec, seeds)['module'])}\n", "utf-8"
    )
    made = folder / "copied"
    copier = [str(BIN / "copier"), "copy", "--trust", "--quiet", "--defaults"]
    process(
        [*copier, "--data-file", str(answers), f"git+file://{template}", str(made)],
        folder,
    )
    _git(made, "init", "--quiet")
    _git(made, "add", "--all")
    _git(made, "commit", "--quiet", "--message", "made")
    _replace(made / "Dockerfile", *EDIT)
    _git(made, "commit", "--quiet", "--all", "--message", "edited")
    return made


def update(folder: Path) -> Result:
    """A template changes: one `update --all`, against `copier update` of each of 24 modules.

    One module is updated by copier, and its time counted 24 times.
    """
    ours_root = project_of(folder / "ours")
    template = _template(folder / "template")
    copied = _copied(folder, template)
    numbers, releases = itertools.count(1), itertools.count(1)

    def ours() -> float:
        path = ours_root / "templates/module/Dockerfile.jinja"
        path.write_text(path.read_text("utf-8") + f"# {next(numbers)}\n", "utf-8")
        return process([str(BIN / "waddlegen"), "update", "--all"], ours_root)

    def peer() -> float:
        number = next(releases)
        path = template / "Dockerfile.jinja"
        path.write_text(path.read_text("utf-8") + f"# {number}\n", "utf-8")
        _release(template, number)
        command = [str(BIN / "copier"), "update", "--trust", "--quiet", "--defaults"]
        taken = process(command, copied)
        _git(copied, "commit", "--quiet", "--all", "--message", f"update {number}")
        return taken * FLEET_SIZE

    return pairs("update", ours, peer, goal=1 / 100, rounds=3)


def status(folder: Path) -> Result:
    """`status --all` of 24 modules, against `copier check-update` of each of 24."""
    ours_root = project_of(folder / "ours")
    copied = _copied(folder, _template(folder / "template"))

    def ours() -> float:
        return process([str(BIN / "waddlegen"), "status", "--all"], ours_root)

    def peer() -> float:
        return process([str(BIN / "copier"), "check-update"], copied) * FLEET_SIZE

    time.sleep(0.2)
    ours()
    return pairs("status", ours, peer, goal=1 / 100, rounds=3)


def no_op(folder: Path) -> Result:
    """The CPU seconds of an `update --all` with nothing to do, against 0.3."""
    root = project_of(folder / "ours")
    time.sleep(0.2)

    def ours() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process([str(BIN / "waddlegen"), "update", "--all"], root)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

    os.sync()
    ours()
    return pairs("no-op", ours, lambda: 0.3, goal=1.0, rounds=5)
