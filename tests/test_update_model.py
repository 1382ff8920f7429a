"""Whatever users and releases do to a fleet, in any order: no line of a user's is lost.

Each line a user writes carries a number of its own, so that it is found again wherever a
merge or a rename takes it.
"""

import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.fleets import Sandbox
from tests.toy import toy
from waddlegen import fleet, parses, pending
from waddlegen import update as settling
from waddlegen.errors import ConflictError, UsageError
from waddlegen.fleet import Step
from waddlegen.merge import markers
from waddlegen.plan import Action

MODULES = ("aa", "bb")
NUMBERS = st.integers(0, 10_000)
NAME = st.sampled_from(MODULES)
LINE = {
    ".py": "mine_{n} = {n}\n",
    ".yaml": "mine_{n}: {n}\n",
    ".txt": "mine_{n}==1\n",
    ".example": "MINE_{n}=1\n",
    "": "RUN mine_{n}\n",
}
SPEC = """\
id: {id}
title: Demo {title}
category: action
port: {port}
features:
  - id: {feature}
{renamed}    actions:
      - id: think
"""


class Fleet(RuleBasedStateMachine):
    """A fleet of two modules, its users and its templates."""

    @initialize()
    def start(self) -> None:
        """Render both modules."""
        self.folder = Path(tempfile.mkdtemp())
        self.box: Sandbox = toy(self.folder / "p", *MODULES)
        self.count = 0
        self.lines: set[int] = set()
        self.feature = dict.fromkeys(MODULES, "stuff")
        self.before: dict[str, bytes] | None = None
        self.write_specs(0)
        self.box.update()

    def teardown(self) -> None:
        """Clean up."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # What users do.

    def files(self, name: str) -> list[Path]:
        """The files of a module, in order."""
        root = self.box.module("", name)
        every = (path for path in root.rglob("*") if path.is_file())
        return sorted(path for path in every if ".waddlegen" not in path.parts)

    def pick(self, name: str, number: int) -> Path | None:
        """One file of a module."""
        files = self.files(name)
        return files[number % len(files)] if files else None

    @rule(name=NAME, which=NUMBERS, place=NUMBERS, replaced=st.integers(0, 1))
    def edit(self, name: str, which: int, place: int, replaced: int) -> None:
        """A user writes a line of his own, or puts it in the place of another."""
        self.before = None
        path = self.pick(name, which)
        if path is None or path.suffix not in LINE:
            return
        lines = path.read_text().splitlines(keepends=True)
        self.count += 1
        at = place % (len(lines) + 1)
        gone = lines[at : at + replaced]
        if any("mine_" in line.lower() or line[:7] in _MARKS for line in gone):
            return
        indent = (
            " " * (len(lines[at]) - len(lines[at].lstrip(" ")))
            if at < len(lines)
            else ""
        )
        line = LINE[path.suffix].format(n=self.count)
        lines[at : at + replaced] = [(indent if path.suffix == ".py" else "") + line]
        if at and not lines[at - 1].endswith("\n"):
            lines[at - 1] += "\n"
        path.write_text("".join(lines))
        self.lines.add(self.count)

    @rule(name=NAME, which=NUMBERS)
    def delete(self, name: str, which: int) -> None:
        """A user deletes a file, and what he wrote in it."""
        self.before = None
        path = self.pick(name, which)
        if path is not None:
            self.lines -= numbers(path.read_text())
            path.unlink()

    @rule(name=NAME, which=NUMBERS)
    def rename(self, name: str, which: int) -> None:
        """A user gives a file another name."""
        self.before = None
        path = self.pick(name, which)
        if path is not None:
            self.count += 1
            path.rename(path.with_name(f"user_{self.count}{path.suffix}"))

    @rule(name=NAME, which=NUMBERS)
    def own(self, name: str, which: int) -> None:
        """A user takes a file over, or gives it back."""
        self.before = None
        path = self.pick(name, which)
        for act in (settling.own, settling.disown):
            if path is not None:
                try:
                    act(self.box.project, path)
                except UsageError:
                    continue
                return

    # What the platform team does.

    def write_specs(self, port: int, renamed: str = "") -> None:
        """Write both specs."""
        for number, name in enumerate(MODULES):
            self.box.spec(
                SPEC.format(
                    id=name,
                    title=self.count % 3,
                    port=8100 + 100 * (port % 5) + number,
                    feature=self.feature[name],
                    renamed=renamed if number == 0 else "",
                ),
                name,
            )

    @rule(port=NUMBERS)
    def change_spec(self, port: int) -> None:
        """Title and port change."""
        self.write_specs(port)

    @rule()
    def rename_feature(self) -> None:
        """The first module's feature gets another id."""
        former = self.feature[MODULES[0]]
        recorded = fleet.read_lock(self.box.module("", MODULES[0])).spec
        if recorded and recorded["features"][0]["id"] == former:
            self.count += 1
            self.feature[MODULES[0]] = f"feature{self.count}"
            self.write_specs(0, f"    renamed_from: {former}\n")

    def templates(self) -> list[Path]:
        """The templates of managed files."""
        folder = self.box.root / "templates/module"
        every = (
            path for path in folder.rglob("*.jinja") if "services" not in path.parts
        )
        return sorted(every)

    @rule(which=NUMBERS, place=NUMBERS, how=st.integers(0, 2))
    def change_template(self, which: int, place: int, how: int) -> None:
        """A release adds, changes or drops a line of a template."""
        path = self.templates()[which % len(self.templates())]
        lines = path.read_text().splitlines(keepends=True)
        at = place % (len(lines) + 1)
        self.count += 1
        kind = LINE[Path(path.stem).suffix]
        new = (
            kind.format(n=self.count).replace("mine_", "ours_").replace("MINE", "OURS")
        )
        if how and (len(lines) < 4 or (at < len(lines) and "yield" in lines[at])):
            return
        lines[at : at + bool(how)] = [new] if how < 2 else []
        path.write_text("".join(lines))

    @rule(which=NUMBERS)
    def rename_template(self, which: int) -> None:
        """A release moves a template, and says so."""
        path = self.templates()[which % len(self.templates())]
        folder = self.box.root / "templates/module"
        if "yield" in path.name or (folder / "moved" / path.name).exists():
            return
        (folder / "moved").mkdir(exist_ok=True)
        target = folder / "moved" / path.name
        path.rename(target)
        settings_file = folder / "copier.yml"
        text = settings_file.read_text()
        if "_waddlegen_renamed" not in text:
            text += "_waddlegen_renamed:\n"
        was, now = (each.relative_to(folder).as_posix() for each in (path, target))
        settings_file.write_text(text + f"  {was}: {now}\n")

    @precondition(lambda self: len(self.templates()) > 3)
    @rule(which=NUMBERS)
    def drop_template(self, which: int) -> None:
        """A release takes a template away."""
        self.templates()[which % len(self.templates())].unlink()

    # Updates.

    def snapshot(self) -> dict[str, bytes]:
        """Every byte of the fleet, but for what is kept to undo a run."""
        root = self.box.root / "generated"
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and "undo" not in path.parts
        }

    @rule()
    def update(self) -> None:
        """An update; what was merged parses, and a second one changes nothing."""
        before = self.snapshot()
        steps = self.box.steps()
        fleet.apply_all(steps)
        fleet.note(self.box.project, steps)
        after = self.snapshot()
        for step in steps:
            self.check(step)

        assert {} == {p: a for p, a in self.box.update().items() if "conflict" not in a
                      and not a.startswith("keep")}  # fmt: skip
        assert after == self.snapshot()
        wrote = any(step.writes and not step.plan.blocked for step in steps)
        self.before = before if wrote and after != before else None

    def check(self, step: Step) -> None:
        """Conflicts are listed, and what was merged without one still parses."""
        for change in step.plan.changes:
            path = PurePosixPath(change.path)
            if change.action is Action.UPDATE and change.merged and change.found:
                if parses.fault(path, change.found) is None:
                    assert parses.fault(path, change.merged) is None, change
                assert markers(change.merged) <= markers(change.found)
        if step.plan.marked:
            assert set(pending.read(step.folder)) == {c.path for c in step.plan.marked}

    @rule(upto=st.integers(0, 3))
    def crash(self, upto: int) -> None:
        """An update is killed after some folders; those are new and the others old."""
        for step in self.box.steps()[:upto]:
            step.apply("0")
        self.before = None

    @rule()
    def undo(self) -> None:
        """The last run is undone exactly, or refused because files changed since."""
        try:
            list(settling.undo_last(self.box.project))
        except (ConflictError, UsageError):
            return
        if self.before is not None:
            assert self.before == self.snapshot()
        self.before = None

    @rule(name=NAME, theirs=st.booleans())
    def resolve(self, name: str, theirs: bool) -> None:
        """Conflicts are settled for one side; only the user himself gives his lines up."""
        self.before = None
        folder = self.box.module("", name)
        for path in pending.read(folder):
            if (folder / path).exists():
                settling.resolve(self.box.project, folder / path, theirs)
        if theirs:
            self.lines &= self.present()
        try:
            settling.settle([folder])
        except ConflictError:
            pass

    @rule(name=NAME)
    def abort(self, name: str) -> None:
        """An update with conflicts is taken back; lines written since go with it."""
        before = self.present()
        self.before = None
        waiting = pending.read(self.box.module("", name))
        try:
            list(settling.abort([self.box.module("", name)]))
        except ConflictError:
            return  # other files of that update were edited since
        if waiting:
            self.lines -= before - self.present()

    def present(self) -> set[int]:
        """The user's lines there are anywhere in the fleet."""
        root = self.box.root / "generated"
        texts = (
            path.read_text()
            for path in root.rglob("*")
            if path.is_file() and ".waddlegen" not in path.parts
        )
        return {number for text in texts for number in numbers(text)}

    @invariant()
    def no_line_is_lost(self) -> None:
        """Every line a user wrote and did not delete is there."""
        if hasattr(self, "lines"):
            assert self.lines <= self.present()


_MARKS = ("<<<<<<<", "=======", ">>>>>>>")


def numbers(text: str) -> set[int]:
    """The numbers of the user's lines in a text."""
    return {int(number) for number in re.findall(r"(?i)\bmine_(\d+)", text)}


TestFleet = Fleet.TestCase
TestFleet.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
