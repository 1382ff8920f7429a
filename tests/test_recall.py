"""A check is answered from memory while nothing changed, and for not an instant longer."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import build_tree
from tests.conftest import Cli

FILES = {
    "shop/main.py": 'from quart import Quart\n\nAPP = Quart("shop")\nKEY = "a"\n',
    "shop/requirements.txt": "quart==0.20.0\n",
    "shop/k8s/deployment.yaml": "kind: Deployment\napiVersion: apps/v1\n",
    "pyproject.toml": "[project]\nname = 'shop'\n",
}
MEMORY = "from memory\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a module, and a memory of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "project"
    build_tree(root, {**FILES, ".git/HEAD": "ref: refs/heads/main\n"})
    time.sleep(0.12)
    return root


def planted(shop: Path) -> None:
    """Put another text into the one answer that is remembered."""
    (path,) = (shop.parent / "cache/waddlegen/checked").iterdir()
    entry = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**entry, "text": MEMORY, "code": 7}), "utf-8")


def test_the_same_question_is_answered_from_memory(cli: Cli, shop: Path) -> None:
    """With its text and its code; another question is not."""
    first = cli("check", "--format", "concise")
    again = cli("check", "--format", "concise")
    planted(shop)
    recalled = cli("check", "--format", "concise")

    assert 1 == first.returncode and "WB" in first.stdout
    assert (first.stdout, 1) == (again.stdout, again.returncode)
    assert (MEMORY, 7) == (recalled.stdout, recalled.returncode)
    assert MEMORY != cli("check", "--format", "json").stdout


def same_size_and_times(root: Path) -> None:
    """One byte, with the old time put back."""
    path = root / "shop/main.py"
    stat = path.stat()
    path.write_text(path.read_text("utf-8").replace('"a"', '"b"'), "utf-8")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a byte": same_size_and_times,
    "a new file": lambda root: (root / "shop/more.py").write_text("X = 1\n"),
    "a file gone": lambda root: (root / "shop/k8s/deployment.yaml").unlink(),
    "another module's file": lambda root: build_tree(root, {"k8s/pod.yaml": "a: 1\n"}),
    "the settings": lambda root: (root / "pyproject.toml").write_text(
        "[tool.waddlegen]\nignore = ['WB4']\n"
    ),
    "a link to a folder": lambda root: (root / "shop/more").symlink_to(root.parent),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_seen(cli: Cli, shop: Path, change: str) -> None:
    """Wherever in the repository, and in the settings."""
    cli("check")
    planted(shop)
    assert MEMORY == cli("check").stdout
    CHANGES[change](shop)
    assert MEMORY != cli("check").stdout


@pytest.mark.parametrize(
    "words", [("--since", "HEAD"), ("--diff",), ("--exact",), ("--baseline=x.json",)]
)
def test_what_depends_on_more_is_not_remembered(
    cli: Cli, shop: Path, words: tuple[str, ...]
) -> None:
    """On git, on tools, on a file elsewhere."""
    cli("check", *words)

    assert not (shop.parent / "cache/waddlegen/checked").exists()


def test_a_young_file_forbids_to_remember(cli: Cli, shop: Path) -> None:
    """It might change again within the same step of the clock."""
    future = time.time() + 60
    os.utime(shop / "shop/main.py", (future, future))
    cli("check")

    assert not (shop.parent / "cache/waddlegen/checked").exists()
