"""kill -9 at random instants of `update --all`: each module is wholly old or wholly new."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fleets import Sandbox
from tests.toy import toy
from waddlegen import fleet

NAMES = tuple(f"m{number:02}" for number in range(24))
KILLS = 200
# One process stays ready with everything imported and forks the one that is killed.
SERVER = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.fleets import Sandbox
box = Sandbox(Path({box!r}))
for line in sys.stdin:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        from waddlegen import fleet
        steps = box.steps()
        os.write(writing, b"x")
        fleet.apply_all(steps)
        os._exit(0)
    os.read(reading, 1)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
    os.close(reading)
    os.close(writing)
"""


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """A fleet of 24 modules, each with an edit of the user's."""
    made = toy(tmp_path / "box", *NAMES)
    for name in NAMES:
        made.edit("Dockerfile", "RUN one", "RUN mine", name)
    return made


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every byte of a module, but for what is kept to undo a run."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "undo" not in path.parts
    }


def fleet_of(box: Sandbox) -> dict[str, dict[str, bytes]]:
    """Every module's bytes."""
    return {name: snapshot(box.module("", name)) for name in NAMES}


def release(box: Sandbox, version: int) -> None:
    """A release of the templates that touches three files and moves one."""
    folder = box.root / "templates/module"
    for name in ("Dockerfile.jinja", "main.py.jinja", "requirements.txt.jinja"):
        path = folder / name
        lines = [
            line for line in path.read_text().splitlines() if "release" not in line
        ]
        mark = f"release=={version}" if "req" in name else f"# release {version}"
        path.write_text("\n".join([*lines, mark]) + "\n")


def test_two_hundred_kills(box: Sandbox, tmp_path: Path) -> None:
    """No module is ever between two releases, and the next update finishes the job."""
    code = SERVER.format(root=str(Path(__file__).parent.parent), box=str(box.root))
    chance = random.Random(5)
    partly = 0
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        taken = 0.05
        for kill in range(KILLS):
            before = fleet_of(box)
            release(box, kill)
            wanted = expected(box, before, kill)
            server.stdin.write("go\n")
            server.stdin.flush()
            child = int(server.stdout.readline())
            time.sleep(chance.random() * taken)
            with contextlib.suppress(ProcessLookupError):  # it was done by then
                os.kill(child, signal.SIGKILL)
            assert "gone\n" == server.stdout.readline()

            after = fleet_of(box)
            states = set()
            for name in NAMES:
                old = after[name] == before[name]
                assert old or without_lock(after[name]) == wanted[name], name
                states.add(old)
            partly += len(states) == 2
            if kill % 20 == 0:
                fleet.apply_all(box.steps())
                done = fleet_of(box)
                assert wanted == {n: without_lock(done[n]) for n in NAMES}
                assert [] == leftovers(box)
        server.stdin.close()
        server.kill()

    assert partly > KILLS // 10, "too few kills fell into the middle of an update"


def expected(
    box: Sandbox, before: dict[str, dict[str, bytes]], version: int
) -> dict[str, dict[str, bytes]]:
    """What each module is after the update: the lines of the release replaced."""
    wanted = {}
    for name, files in before.items():
        wanted[name] = without_lock(files)
        for path, mark in (
            ("Dockerfile", f"# release {version}\n"),
            ("main.py", f"# release {version}\n"),
            ("requirements.txt", f"release=={version}\n"),
        ):
            text = files[path].decode().splitlines(keepends=True)
            lines = [line for line in text if "release" not in line]
            wanted[name][path] = "".join([*lines, mark]).encode()
    return wanted


def without_lock(files: dict[str, bytes]) -> dict[str, bytes]:
    """A module's files but for its lock, which changes with each release."""
    return {
        path: data for path, data in files.items() if path != ".waddlegen/lock.json"
    }


def leftovers(box: Sandbox) -> list[str]:
    """What a killed run may leave beside the modules."""
    return [path.name for path in (box.root / "generated").glob(".*waddlegen-*")]


def test_a_killed_release_leaves_a_lock_that_fits_its_files(box: Sandbox) -> None:
    """The lock changes in the same instant as the files it describes."""
    release(box, 1)
    steps = box.steps()
    for step in steps[: len(steps) // 2]:
        step.apply("0")
    shutil.rmtree(box.root / "templates/nothing", ignore_errors=True)
    states = {box.read(".waddlegen/lock.json", name) for name in NAMES}

    assert 2 <= len(states)
    assert "update merged with your edits" in box.update().values()
    assert {"keep edited"} == set(box.update().values())
