"""The workflow of a module: valid, safe, and for this module alone."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helpers import build_tree
from tests.rendering import CASES, HOSTILE, Case, every_case, tool


def workflow(case: Case) -> dict[str, Any]:
    """The workflow, read as GitHub reads YAML."""
    text = case.fleet[f".github/workflows/{case.spec.id}.yml"]
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


UPDATE = ".github/workflows/waddlegen-update.yml"


@every_case
def test_a_module_has_one_workflow(case: Case) -> None:
    """It is named for the module and lies where GitHub looks; the fleet has one too."""
    own = f".github/workflows/{case.spec.id}.yml"

    assert {own, UPDATE} == set(case.fleet)
    assert case.spec.id == workflow(case)["name"]


@every_case
def test_it_fits_the_schema_and_zizmor_finds_nothing(
    case: Case, tmp_path: Path
) -> None:
    """Valid for GitHub; no unpinned action, no kept credential, no injection."""
    build_tree(tmp_path, case.fleet)
    files = [tmp_path / name for name in case.fleet]

    schema = tool(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files
    )
    audit = tool("zizmor", "--offline", tmp_path / ".github")

    assert 0 == schema.returncode, schema.stdout
    assert 0 == audit.returncode, audit.stdout


@pytest.mark.parametrize(
    "steps",
    [
        "      - run: echo ${{ github.event.issue.title }}\n",
        "      - uses: actions/checkout@v4\n",
    ],
)
def test_zizmor_can_fail(tmp_path: Path, steps: str) -> None:
    """A workflow that runs what a title says, or an action that may change, is found."""
    text = f"on: issues\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n{steps}"
    build_tree(tmp_path, {".github/workflows/x.yml": text})

    assert 0 != tool("zizmor", "--offline", tmp_path / ".github").returncode


def test_the_schema_check_can_fail(tmp_path: Path) -> None:
    """A step that is none is found."""
    build_tree(tmp_path, {"x.yml": "on: push\njobs: {x: {steps: [{rum: a}]}}\n"})
    words = ("--builtin-schema", "vendor.github-workflows", tmp_path / "x.yml")

    assert 0 != tool("check-jsonschema", *words).returncode


@every_case
def test_it_may_do_nothing_but_read(case: Case) -> None:
    """No permission by default, and to read the code where a job needs it."""
    document = workflow(case)

    assert {} == document["permissions"]
    for job in document["jobs"].values():
        assert {"contents": "read"} == job["permissions"]
        assert job["timeout-minutes"] <= 30
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@every_case
def test_it_runs_for_its_own_files(case: Case) -> None:
    """The module, the library and the workflow itself."""
    triggers = workflow(case)["on"]
    wanted = [
        f"{case.spec.package}/**",
        "libs/**",
        f".github/workflows/{case.spec.id}.yml",
    ]

    assert {"push", "pull_request"} == set(triggers)
    assert wanted == triggers["push"]["paths"] == triggers["pull_request"]["paths"]


@every_case
def test_it_checks_tests_and_builds(case: Case) -> None:
    """black, flake8, mypy, the tests, and the image with the standard's arguments."""
    jobs = workflow(case)["jobs"]
    checks = [step["run"] for step in jobs["test"]["steps"] if "run" in step]
    build = " ".join(step.get("run", "") for step in jobs["image"]["steps"])

    for command in ("black --check .", "flake8 .", "mypy --strict .", "pytest"):
        assert command in checks
    assert case.spec.package == jobs["test"]["defaults"]["run"]["working-directory"]
    assert f"--file {case.spec.package}/Dockerfile" in build
    assert f"--build-arg MODULE_NAME={case.spec.id} " in build
    assert f"--build-arg MODULE_PORT={case.spec.port} " in build
    assert build.strip().endswith(f"--tag {case.spec.image}:v{case.spec.version} .")


@every_case
def test_no_free_text_reaches_it(case: Case) -> None:
    """Titles and descriptions have no business in a file that runs commands."""
    text = case.fleet[f".github/workflows/{case.spec.id}.yml"]
    free = [case.spec.title, case.spec.description, case.spec.owner, HOSTILE]

    for each in free:
        for line in each.splitlines():
            assert len(line) < 12 or line not in text
    for expression in re.findall(r"\${{(.*?)}}", text):
        assert "github.ref" == expression.strip()


def test_the_update_of_the_fleet_opens_a_pull_request() -> None:
    """On a schedule, with leave to write for that job alone, and actions that are pinned."""
    document = YAML(typ="safe").load(CASES[0].fleet[UPDATE])
    job = document["jobs"]["update"]

    assert {"schedule", "workflow_dispatch"} == set(document["on"])
    assert {} == document["permissions"]
    assert {"contents": "write", "pull-requests": "write"} == job["permissions"]
    assert any("update --all --branch" in step.get("run", "") for step in job["steps"])
