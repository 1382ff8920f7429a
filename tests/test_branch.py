"""An update as a branch with a commit a module, and templates that stock copier updates from."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.fleets import LEAST, Sandbox, sandbox

WHO = ("-c", "user.name=somebody", "-c", "user.email=somebody@invalid")


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    done = subprocess.run(
        ["git", "-C", str(folder), *WHO, *words], capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Two modules in a git repository."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@invalid")
    made = sandbox(tmp_path / "box", "one", "two")
    git(made.root, "init", "--quiet", "--initial-branch", "main")
    commit(made)
    return made


def commit(box: Sandbox) -> None:
    """Commit all there is."""
    git(box.root, "add", "--all")
    git(box.root, "commit", "--quiet", "--message", "state")


def test_a_branch_has_a_commit_a_module(box: Sandbox, cli: Cli, tmp_path: Path) -> None:
    """The text for the pull request counts what happened; the tree is clean afterwards."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s", "one")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    commit(box)

    done = cli(
        "update", "--all", "--branch", "--body", str(tmp_path / "b.md"), cwd=box.root
    )

    assert 0 == done.returncode, done.stderr
    assert git(box.root, "branch", "--show-current") == done.stdout
    subjects = git(box.root, "log", "--format=%s", "main..").splitlines()
    assert {
        f"Update generated/{name} with waddlegen" for name in ("one", "two")
    } <= set(subjects)
    assert "" == git(box.root, "status", "--porcelain")
    body = (tmp_path / "b.md").read_text()
    assert "| `generated/one` | 0 | 0 | 1 | 0 | 0 |" in body
    assert "| `generated/two` | 0 | 1 | 0 | 0 | 0 |" in body


def test_a_conflict_is_left_out_and_named(box: Sandbox, cli: Cli) -> None:
    """Exit code 3; the other module is committed, and no marker is."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s", "one")
    box.template("Dockerfile.jinja", "--timeout=5s", "--timeout=7s")
    commit(box)

    done = cli("update", "--all", "--branch", cwd=box.root)

    assert 3 == done.returncode
    assert "- `generated/one/Dockerfile` (1 place)" in done.stdout
    assert "--timeout=25s" in box.read("Dockerfile", "one")
    assert "--timeout=7s" in box.read("Dockerfile", "two")
    assert "" == git(box.root, "status", "--porcelain")


def test_a_tree_with_changes_is_refused(box: Sandbox, cli: Cli) -> None:
    """So that nothing of the user's is committed by the way."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s", "one")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")

    done = cli("update", "--all", "--branch", cwd=box.root)

    assert 2 == done.returncode and "not committed" in done.stderr
    assert "main\n" == git(box.root, "branch", "--show-current")


def test_stock_copier_updates_a_module_from_a_bundle(
    box: Sandbox, cli: Cli, tmp_path: Path
) -> None:
    """The edit is kept and the change of the templates arrives, without waddlegen's update."""
    module = tmp_path / "module"
    bundle = tmp_path / "templates.bundle"
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s", "one")
    assert 0 == cli("template", "bundle", str(bundle), cwd=box.root).returncode
    answers = cli("show", "one", "--bundle", str(bundle), cwd=box.root)
    assert 0 == answers.returncode, answers.stderr
    box.module("", "one").rename(module)
    (module / ".copier-answers.yml").write_text(answers.stdout)
    git(module, "init", "--quiet")
    git(module, "add", "--all")
    git(module, "commit", "--quiet", "--message", "ours")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    assert "versions" in cli("template", "bundle", str(bundle), cwd=box.root).stdout

    copier = [str(Path(sys.executable).with_name("copier")), "update", "--trust"]
    done = subprocess.run(
        [*copier, "--defaults", "--quiet"], cwd=module, capture_output=True, text=True
    )

    assert 0 == done.returncode, done.stderr
    text = (module / "Dockerfile").read_text()
    assert "--timeout=25s" in text and "USER 1001" in text
    changed = git(module, "status", "--porcelain").split()
    assert {"M", "Dockerfile", ".copier-answers.yml"} == set(changed)


def test_a_bundle_is_the_same_each_time(box: Sandbox, cli: Cli, tmp_path: Path) -> None:
    """The same history gives the same commits."""
    heads = []
    for name in ("a.bundle", "b.bundle"):
        cli("template", "bundle", str(tmp_path / name), cwd=box.root)
        heads.append(git(box.root, "bundle", "list-heads", str(tmp_path / name)))

    assert heads[0] == heads[1] and "refs/tags/v1.0.0" in heads[0]


def test_without_git_it_is_said(
    box: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One line, no traceback."""
    box.spec(LEAST.format(id="one", port=8300), "one")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))

    done = cli("update", "--all", "--branch", cwd=box.root)

    assert 2 == done.returncode and "git is not installed" in done.stderr
