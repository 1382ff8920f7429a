"""How far the check agrees with a reviewer: modules in the styles of several teams, labelled.

They were written and labelled line by line from the standard alone, without a look at the
rules; the rules were mended on them afterwards. `missed` and `reported` in the labels say
where the rules are known to be wrong: taking one away is progress, adding one has to be done
on purpose.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import CACHES, ROOT
from waddlegen.check import Options, check
from waddlegen.findings import Report

LABELLED = sorted(
    path.parent for path in (ROOT / "tests/labelled").glob("*/labels.json")
)
NEAR = 2
# The share of verdicts that are exactly the reviewer's, without running anything.
AGREED = 0.85


@pytest.fixture(scope="module", params=LABELLED, ids=lambda path: path.name)
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Report]:
    """The labels of a repository, and the report on it."""
    folder = tmp_path_factory.mktemp("labelled") / request.param.name
    shutil.copytree(request.param, folder, ignore=CACHES)
    (folder / ".git").mkdir()
    return json.loads((folder / "labels.json").read_text("utf-8")), check(
        [folder], Options()
    )


def is_reported(report: Report, label: dict[str, Any], near: int) -> bool:
    """Whether there is a finding at a label, or next to it."""
    return any(
        each.problem.path == label["path"]
        and abs(each.problem.line - label["line"]) <= near
        for each in report.findings
    )


def test_defects_are_found(seen: tuple[dict[str, Any], Report]) -> None:
    """All that are not known to be missed, and none of those."""
    labels, report = seen
    wrong = [
        f"{each['path']}:{each['line']} {each['why']}"
        for each in labels["defects"]
        if is_reported(report, each, NEAR) == each.get("missed", False)
    ]

    assert [] == wrong
    assert sum("missed" in each for each in labels["defects"]) <= 6


def test_innocent_lines_are_left_alone(seen: tuple[dict[str, Any], Report]) -> None:
    """What looks like a defect and is none, but for what is known to be reported."""
    labels, report = seen
    wrong = [
        f"{each['path']}:{each['line']} {each['why']}"
        for each in labels["innocents"]
        if is_reported(report, each, 0) != each.get("reported", False)
    ]

    assert [] == wrong
    assert sum("reported" in each for each in labels["innocents"]) <= 2


def test_mistakes_in_manifests_are_found(seen: tuple[dict[str, Any], Report]) -> None:
    """Each of those that no schema finds."""
    labels, report = seen
    missed = [e for e in labels["manifests"] if not is_reported(report, e, NEAR)]

    assert [] == missed


def test_verdicts_agree(seen: tuple[dict[str, Any], Report]) -> None:
    """With what the reviewer says of each bullet of the checklist."""
    labels, report = seen
    verdicts = {
        (module.path, bullet): str(judgement.verdict)
        for module in report.modules
        for bullet, judgement in module.verdicts.items()
    }
    wanted = {
        (path, bullet): verdict
        for path, listed in labels["verdicts"].items()
        for bullet, verdict in listed.items()
    }
    same = sum(verdicts[key] == verdict for key, verdict in wanted.items())

    assert len(wanted) == 30 * len(labels["verdicts"])
    assert same / len(wanted) >= AGREED
