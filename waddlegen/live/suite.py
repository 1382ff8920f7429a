"""Run a module's own tests under coverage, and read what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from waddlegen.live import sandbox

SETTINGS = """\
[run]
branch = false
source = .
parallel = true
concurrency = thread,greenlet
omit =
    tests/*
    test/*
    ./*/tests/*
    test_*.py
    ./*/test_*.py
    conftest.py
    migrations/*
    ./*/migrations/*
    alembic/*
    ./*_pb2.py
    ./*_pb2_grpc.py
    setup.py
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One test: where it is, how it ended (passed, failed or skipped), and why."""

    file: str
    name: str
    outcome: str
    message: str = ""

    @property
    def is_integration(self) -> bool:
        """Whether its name or its file's says that it is one of several parts together."""
        return "integration" in f"{self.file} {self.name}".lower()


@dataclass(frozen=True, slots=True)
class Result:
    """How the tests ended, and the percentage of lines they ran."""

    cases: tuple[Case, ...]
    covered: float
    statements: int
    last_line: str

    def of(self, outcome: str) -> tuple[Case, ...]:
        """The tests that ended in one way."""
        return tuple(case for case in self.cases if case.outcome == outcome)


def run(
    python: Path, folder: Path, variables: Mapping[str, str], seconds: float
) -> Result:
    """Run the tests; raises Overrun when they take too long."""
    settings, report = folder / ".live-coverage", folder / ".live-junit.xml"
    greenlet = sandbox.run(
        [str(python), "-c", "import greenlet"], folder, variables, 30
    )
    text = SETTINGS if not greenlet.code else SETTINGS.replace(",greenlet", "")
    settings.write_text(text, "utf-8")
    coverage = [str(python), "-m", "coverage"]
    pytest = f"-m pytest -q -p no:cacheprovider --junitxml={report.name} -o junit_family=xunit1"
    done = sandbox.run(
        [*coverage, "run", f"--rcfile={settings.name}", *pytest.split()],
        folder,
        variables,
        seconds,
    )
    rest = [f"--rcfile={settings.name}"]
    sandbox.run([*coverage, "combine", "-q", *rest], folder, variables, 30)
    out = folder / ".live-coverage.json"
    sandbox.run([*coverage, "json", "-q", "-o", out.name, *rest], folder, variables, 60)
    covered, statements = _covered(out)
    return Result(_cases(report), covered, statements, done.last_line)


def _covered(path: Path) -> tuple[float, int]:
    """The percentage of lines that ran, and how many there are."""
    try:
        totals = json.loads(path.read_text("utf-8"))["totals"]
        return float(totals["percent_covered"]), int(totals["num_statements"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0, 0


def _cases(path: Path) -> tuple[Case, ...]:
    """The tests of a report in JUnit's form."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return ()
    return tuple(_case(element) for element in root.iter("testcase"))


def _case(element: ElementTree.Element) -> Case:
    """One test of the report."""
    file = element.get("file") or element.get("classname", "").replace(".", "/") + ".py"
    name = element.get("name", "")
    for kind in ("failure", "error"):
        found = element.find(kind)
        if found is not None:
            return Case(file, name, "failed", (found.get("message") or "")[:200])
    skipped = element.find("skipped")
    if skipped is not None:
        return Case(file, name, "skipped", (skipped.get("message") or "")[:200])
    return Case(file, name, "passed")
