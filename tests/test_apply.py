"""Writing a plan: whole folders at once, nothing of the user's touched, links refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import pytest

from tests.helpers import build_tree, read_tree
from waddlegen import apply, disk, exchange
from waddlegen.errors import UsageError
from waddlegen.lock import Lock
from waddlegen.plan import Action, Change, Ownership, Plan, plan
from waddlegen.tree import FileTree


def planned(folder: Path, wanted: dict[str, str], force: bool = True) -> Plan:
    """A plan for a folder as it is on disk."""
    tree = FileTree(wanted)
    found = disk.read_files(folder, tree)
    return plan(tree, found, Lock(), lambda path: Ownership.MANAGED, force)


def test_a_new_folder_appears_as_a_whole(tmp_path: Path) -> None:
    """The folder, its files and its lock are there, and nothing else."""
    folder = tmp_path / "fleet" / "demo"

    apply.apply_folder(folder, planned(folder, {"a.py": "1", "k8s/b.yaml": "2"}), "{}")

    assert {"a.py": "1", "k8s/b.yaml": "2", ".waddlegen/lock.json": "{}"} == read_tree(
        folder
    )
    assert ["demo"] == [path.name for path in (tmp_path / "fleet").iterdir()]


def test_what_the_user_keeps_in_the_folder_survives(tmp_path: Path) -> None:
    """Files, links, permissions and odd bytes beside ours are the same afterwards."""
    folder = build_tree(tmp_path / "demo", {"a.py": "old", "notes/mine.txt": "mine"})
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n\xff\xfe")
    (folder / "run.sh").chmod(0o750)
    (folder / "link").symlink_to("nowhere")
    (folder / "empty").mkdir()
    inode = (folder / "notes/mine.txt").stat().st_ino

    apply.apply_folder(folder, planned(folder, {"a.py": "new"}), None)

    assert "new" == (folder / "a.py").read_text()
    assert inode == (folder / "notes/mine.txt").stat().st_ino
    assert b"#!/bin/sh\n\xff\xfe" == (folder / "run.sh").read_bytes()
    assert 0o750 == (folder / "run.sh").stat().st_mode & 0o777
    assert "nowhere" == os.readlink(folder / "link")
    assert (folder / "empty").is_dir()


def test_a_second_name_of_a_file_is_not_written_through(tmp_path: Path) -> None:
    """A file the user linked elsewhere keeps its old text there."""
    folder = build_tree(tmp_path / "demo", {"a.py": "old"})
    os.link(folder / "a.py", tmp_path / "elsewhere.py")

    apply.apply_folder(folder, planned(folder, {"a.py": "new"}), None)

    assert "old" == (tmp_path / "elsewhere.py").read_text()


def test_a_file_that_went_with_its_folder_is_no_trouble(tmp_path: Path) -> None:
    """Nothing is left to delete, and the rest is written."""
    folder = build_tree(tmp_path / "demo", {"a.py": "old"})
    gone = Change(PurePosixPath("k8s/b.yaml"), Action.DELETE)
    plans = Plan((*planned(folder, {"a.py": "new"}).changes, gone))

    apply.apply_folder(folder, plans, None)

    assert {"a.py": "new"} == read_tree(folder)


@pytest.mark.parametrize("link", ["demo", "demo/k8s", "demo/k8s/a.yaml"])
def test_links_are_refused(tmp_path: Path, link: str) -> None:
    """Neither the folder, nor one inside it, nor a file may lead elsewhere."""
    outside = build_tree(tmp_path / "outside", {"k8s/a.yaml": "theirs"})
    path = tmp_path / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside / path.relative_to(tmp_path / "demo"))

    with pytest.raises(UsageError, match="is a link"):
        planned(tmp_path / "demo", {"k8s/a.yaml": "ours"})

    assert {"k8s/a.yaml": "theirs"} == read_tree(outside)


@pytest.mark.parametrize("path", ["../out.py", "/tmp/out.py", "a/../../out.py"])
def test_no_path_leaves_the_folder(tmp_path: Path, path: str) -> None:
    """A template that renders such a path is refused before anything is written."""
    with pytest.raises(UsageError, match="may not leave"):
        disk.read_files(tmp_path, [PurePosixPath(path)])


def test_a_folder_where_a_file_belongs_is_said(tmp_path: Path) -> None:
    """It is an error with the path, not a traceback."""
    build_tree(tmp_path, {"a.py/inside.txt": ""})

    with pytest.raises(UsageError, match="a folder stands where a file belongs"):
        disk.read_files(tmp_path, [PurePosixPath("a.py")])


def test_without_the_exchange_call_folders_still_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fallback ends in the same state."""
    monkeypatch.setattr(exchange, "_exchange_at_once", lambda one, other: False)
    folder = build_tree(tmp_path / "demo", {"a.py": "old", "mine": "x"})

    apply.apply_folder(folder, planned(folder, {"a.py": "new"}), None)

    assert {"a.py": "new", "mine": "x"} == read_tree(folder)
    assert ["demo"] == [path.name for path in tmp_path.iterdir()]


def test_a_folder_moved_aside_by_a_killed_run_comes_back(tmp_path: Path) -> None:
    """The next run finds the user's folder again."""
    build_tree(exchange.previous(tmp_path / "demo"), {"a.py": "old", "mine": "x"})

    apply.recover(tmp_path / "demo")

    assert {"a.py": "old", "mine": "x"} == read_tree(tmp_path / "demo")


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.test_apply import planned
from waddlegen import apply
folder = Path({folder!r})
print("go", flush=True)
turn = 0
while True:
    turn += 1
    wanted = {{f"f{{n}}.txt": str(turn) for n in range(40)}}
    apply.apply_folder(folder, planned(folder, wanted), str(turn))
"""


def test_a_killed_run_leaves_the_folder_wholly_old_or_new(tmp_path: Path) -> None:
    """After kill -9 at many instants every file, and the lock, is of one turn."""
    folder = build_tree(tmp_path / "demo", {"mine.txt": "mine"})
    code = WRITER.format(root=str(Path(__file__).parent.parent), folder=str(folder))
    for attempt in range(25):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.002 + 0.0037 * (attempt % 11))
            writer.send_signal(signal.SIGKILL)

        files = read_tree(folder)
        assert "mine" == files.pop("mine.txt")
        assert 1 >= len(set(files.values())), files
