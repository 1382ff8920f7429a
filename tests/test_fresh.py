"""An answer is remembered while nothing changed, and for not an instant longer."""

import os
import time
from pathlib import Path

import pytest

from tests.toy import toy
from waddlegen import fresh
from waddlegen.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A rendered project with a memory of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return toy(tmp_path / "box").project


def settle() -> None:
    """Let files grow older than the steps of the clock."""
    time.sleep(0.12)


def test_an_answer_is_remembered(project: Project) -> None:
    """By the words of the command line."""
    settle()
    fresh.remember(project, ["status"], "fine", fresh.signature(project))
    now = fresh.signature(project)

    assert "fine" == fresh.recall(project, ["status"], now)
    assert fresh.recall(project, ["status", "--json"], now) is None


def test_a_young_file_forbids_to_remember(project: Project) -> None:
    """It might change again within the same step of the clock."""
    fresh.remember(project, ["status"], "fine", fresh.signature(project))

    assert fresh.recall(project, ["status"], fresh.signature(project)) is None


@pytest.mark.parametrize(
    "path",
    [
        "generated/demo/main.py",
        "generated/demo/.waddlegen/lock.json",
        "templates/module/main.py.jinja",
        "module_specs/demo.yaml",
    ],
)
@pytest.mark.parametrize("how", ["text", "same size and times", "gone", "another name"])
def test_any_change_is_seen(project: Project, path: str, how: str) -> None:
    """Even of one byte with the old time put back: the change's own time tells."""
    settle()
    before = fresh.signature(project)
    file = project.root / path
    stat = file.stat()
    if how == "gone":
        file.unlink()
    elif how == "another name":
        file.rename(file.with_name("other"))
    else:
        data = file.read_bytes()
        file.write_bytes(b"#" + data[1:] if how != "text" else data + b"#")
        if how != "text":
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert before.value != fresh.signature(project).value
