"""How others call `waddlegen check`: the pre-commit hook, the action, a module's workflow."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sarif_pydantic import Sarif

from tests.helpers import ROOT, build_tree
from tests.rendering import tool

BAD = {
    "shop/main.py": "from quart import Quart\n\nKEY = 'AKIAIOSFODNN7ABCDEFG'\napp = Quart('x')\n"
}
BAD |= {"shop/requirements.txt": "quart\n", ".git/HEAD": "ref: refs/heads/main\n"}


def read(name: str) -> Any:
    """A YAML file of the repository."""
    return YAML(typ="safe").load((ROOT / name).read_text("utf-8"))


def run(
    words: list[str], folder: Path, **more: str
) -> "subprocess.CompletedProcess[str]":
    """A command, where `waddlegen` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a module that has findings."""
    build_tree(tmp_path, BAD)
    return tmp_path


def test_the_hook_finds_what_is_wrong(repository: Path) -> None:
    """Its command fails with findings a line each, and passes where there is nothing."""
    (hook,) = read(".pre-commit-hooks.yaml")
    found = run(shlex.split(hook["entry"]), repository)
    clean = run([*shlex.split(hook["entry"]), "--ignore", "WB"], repository)

    assert "waddlegen-check" == hook["id"] and not hook["pass_filenames"]
    assert 1 == found.returncode and "shop/main.py:3:" in found.stdout
    assert 0 == clean.returncode


def test_the_action_fits_its_schema_and_zizmor_finds_nothing(tmp_path: Path) -> None:
    """Pinned, without a place where an input could become a command."""
    action = ROOT / "action.yml"
    schema = tool(
        "check-jsonschema", "--builtin-schema", "vendor.github-actions", action
    )
    audit = tool("zizmor", "--offline", action)

    assert 0 == schema.returncode, schema.stdout
    assert 0 == audit.returncode, audit.stdout


def check_step() -> str:
    """The script of the action's last step."""
    step = read("action.yml")["runs"]["steps"][-1]
    assert {"CHECKED", "ARGUMENTS", "SARIF"} == set(step["env"])
    script: str = step["run"]
    return script


def act(folder: Path, **inputs: str) -> "subprocess.CompletedProcess[str]":
    """The action's last step as GitHub runs it."""
    given = {"CHECKED": ".", "ARGUMENTS": "", "SARIF": "", **inputs}
    # `bash` of a composite action is this.
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", check_step()]
    return run(words, folder, **given)


def test_the_action_annotates_and_fails(repository: Path) -> None:
    """On findings; with the arguments that it is given."""
    found = act(repository)
    passed = act(repository, ARGUMENTS="--fail-level critical --ignore WB4")
    wrong = act(repository, ARGUMENTS="--fail-level nonsense")

    assert 1 == found.returncode
    assert "::error file=shop/main.py,line=3" in found.stdout
    assert 0 == passed.returncode and "::" in passed.stdout
    assert 2 == wrong.returncode


def test_the_action_keeps_hostile_inputs_words(repository: Path) -> None:
    """No input is a command."""
    act(repository, CHECKED="$(touch pwned)", ARGUMENTS="; touch pwned `touch pwned`")

    assert not (repository / "pwned").exists()


def test_the_action_writes_sarif_as_specified(repository: Path) -> None:
    """With nothing that SARIF 2.1.0 does not know, in places GitHub can show."""
    done = act(repository, SARIF="found.sarif")
    data = json.loads((repository / "found.sarif").read_text("utf-8"))
    known = Sarif.model_validate(data)

    assert 1 == done.returncode
    assert data == known.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert "2.1.0" == data["version"] and data["$schema"].endswith("2.1.0.json")
    for result in data["runs"][0]["results"]:
        place = result["locations"][0]["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert not uri.startswith(("/", "file:", "..")) and uri.isascii()
        assert 1 <= place["region"]["startLine"] and result["partialFingerprints"]
        rule = data["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert result["ruleId"] == rule["id"]
