"""A project to update: its own templates, its own specs, and the update as one call."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import CACHES, ROOT, build_tree
from waddlegen import create, fleet
from waddlegen.fleet import Step
from waddlegen.project import Project

LEAST = """\
id: {id}
title: Demo
category: action
port: {port}
features:
  - id: stuff
    actions:
      - id: think
"""


@dataclass(frozen=True)
class Sandbox:
    """A project on disk, changed as a user and as the platform team would."""

    root: Path

    @property
    def project(self) -> Project:
        """The project."""
        return Project(self.root)

    def module(self, path: str, name: str = "demo") -> Path:
        """A file of a module."""
        return self.root / "generated" / name / path

    def spec(self, text: str, name: str = "demo") -> None:
        """Write a spec."""
        build_tree(self.root, {f"module_specs/{name}.yaml": text})

    def edit(self, path: str, old: str, new: str, name: str = "demo") -> None:
        """Change a file of a module by hand."""
        replace(self.module(path, name), old, new)

    def template(self, path: str, old: str, new: str) -> None:
        """Change a template, as a release does."""
        replace(self.root / "templates" / "module" / path, old, new)

    def read(self, path: str, name: str = "demo") -> str:
        """The text of a module's file."""
        return self.module(path, name).read_text("utf-8")

    def steps(self, names: Sequence[str] | None = None) -> tuple[Step, ...]:
        """What an update would do."""
        ids = self.project.module_ids() if names is None else names
        return create.renew(self.project, ids, force=False)

    def update(self, names: Sequence[str] | None = None) -> dict[str, str]:
        """Update, and tell what happened to each path that was not left as it was."""
        steps = self.steps(names)
        fleet.apply_all(steps)
        fleet.note(self.project, steps)
        return {
            f"{step.folder.name}/{change.path}": f"{change.action.value} {change.reason}".strip()
            for step in steps
            for change in step.plan.changes
            if change.action.value != "unchanged"
            if step.folder.name != "templates"
        }


def replace(path: Path, old: str, new: str) -> None:
    """Change one place of a file, which must be there."""
    text = path.read_bytes().decode()
    assert old in text, f"{old!r} is not in {path}"
    path.write_bytes(text.replace(old, new, 1).encode())


def sandbox(folder: Path, *names: str) -> Sandbox:
    """A project with the real templates as its own, and the least modules, rendered."""
    shutil.copytree(ROOT / "templates", folder / "templates", ignore=CACHES)
    made = Sandbox(folder)
    for number, name in enumerate(names or ("demo",)):
        made.spec(LEAST.format(id=name, port=8100 + number), name)
    made.update()
    return made
