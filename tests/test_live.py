"""`check --live` runs a module and tells what it saw; one that cannot be run passes nothing."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.helpers import CACHES, ROOT, build_tree
from waddlegen.rules.rule import load

HERE = ROOT / "tests" / "live"
LIVE = {rule.code for rule in load(live=True).values() if rule.live}
# What is wrong with `greetings` can be seen only while it runs.
EXPECTED = {
    ("WB304", "tests/test_app.py", 1),
    ("WB415", "app.py", 64),
    ("WB423", "app.py", 54),
    ("WB435", "app.py", 71),
    ("WB512", "app.py", 35),
    ("WB571", "app.py", 11),
    ("WB604", "app.py", 47),
    ("WB607", "app.py", 60),
    ("WB902", "app.py", 41),
}
SERVICE = """\
from quart import Quart

app = Quart("shop")


@app.get("/health")
async def health():
    return {
        "status": "healthy",
        "module": "shop",
        "version": "0.1.0",
        "uptime_seconds": 1,
        "dependencies": {},
    }
"""
# What modules do when they are imported that no check may trust, or wait for.
CULPRITS = {
    "ends at once": "raise SystemExit('no database')\n",
    "listens nowhere": "import time\n\ntime.sleep(600)\n",
    "does not stop": "import signal\nimport time\n\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n",
    "forks for ever": "import os\nimport time\n\n"
    "while True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.1)\n"
    "    time.sleep(0.05)\n",
    "leaves a child and ends": "import subprocess\nimport sys\n\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
    " start_new_session=True)\nraise SystemExit(1)\n",
}


def module(folder: Path, name: str) -> Path:
    """A copy of a hand-written module, in a repository of its own."""
    shutil.copytree(HERE / name, folder / name, ignore=CACHES)
    (folder / ".git").mkdir()
    return folder / name


def checked(cli: Cli, folder: Path, *words: str) -> dict[str, Any]:
    """What the report says of the one module there."""
    done = cli("check", "--live", "--format", "json", *words, str(folder))
    assert done.returncode in (0, 1), done.stderr
    data = json.loads(done.stdout)
    (report,) = data["modules"]
    return {**report, "findings": data["findings"]}


def seen(report: dict[str, Any], name: str) -> set[tuple[str, str, int]]:
    """The findings of live rules, in the module's folder."""
    return {
        (f["rule"], f["path"].removeprefix(f"{name}/"), f["line"])
        for f in report["findings"]
        if f["rule"] in LIVE
    }


def test_what_runs_badly_is_found_where_it_stands(cli: Cli, tmp_path: Path) -> None:
    """Each defect at its line, and nothing else."""
    report = checked(cli, module(tmp_path, "greetings"), "--select", "ALL")

    assert EXPECTED == seen(report, "greetings")
    assert "pass" not in {report["verdicts"][bullet] for bullet in ("S1", "M1")}


def test_what_runs_well_has_no_finding(cli: Cli, tmp_path: Path) -> None:
    """And passes what only a run can show, with what was seen as its evidence."""
    report = checked(cli, module(tmp_path, "quotes"))

    assert set() == seen(report, "quotes")
    for bullet in ("T1", "P2", "P3", "M1"):
        assert "pass" == report["verdicts"][bullet], bullet
        assert any("(run)" in proof for proof in report["evidence"][bullet]), bullet


def running(mark: str) -> list[str]:
    """The processes that came from a module with this in its environment or command."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in text and int(path.name) != os.getpid():
            found.append(path.name)
    return found


@pytest.mark.parametrize("culprit", CULPRITS)
def test_a_module_that_cannot_be_run_passes_nothing(
    cli: Cli, tmp_path: Path, culprit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told why, it ends in time, and nothing of it is left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    files = {
        "shop/app.py": f"{CULPRITS[culprit]}\n{SERVICE}",
        "shop/requirements.txt": (HERE / "quotes/requirements.txt").read_text("utf-8"),
        "shop/Dockerfile": 'FROM python:3.13-slim\nCOPY . .\nCMD ["hypercorn", "app:app"]\n',
        ".git/HEAD": "ref: refs/heads/main\n",
    }
    build_tree(tmp_path / "repository", files)
    folder = tmp_path / "repository" / "shop"
    report = checked(cli, folder, "--live-seconds", "15")

    assert "not-run" == report["verdicts"]["P2"]
    told = [proof for proofs in report["evidence"].values() for proof in proofs]
    assert any("not run: " in proof for proof in told)
    assert not {f["rule"] for f in report["findings"]} & {"WB415", "WB423", "WB512"}
    assert [] == [each.name for each in scratch.glob("waddle-live-*")]
    assert [] == running(str(scratch))


def test_without_live_no_module_is_run(cli: Cli, tmp_path: Path) -> None:
    """A check that only reads imports nothing of what it checks."""
    folder = module(tmp_path, "quotes")
    app = folder / "app.py"
    text = app.read_text("utf-8")
    app.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n{text}", "utf-8")
    cli("check", str(folder))

    assert not (tmp_path / "ran").exists()


def test_a_library_that_nothing_brings_is_told_by_the_requirements(
    cli: Cli, tmp_path: Path
) -> None:
    """What only the start shows: a bound that is older than what the code imports."""
    files = {
        "shop/app.py": f"import quart.not_there_yet\n{SERVICE}",
        "shop/requirements.txt": (HERE / "quotes/requirements.txt").read_text("utf-8"),
        "shop/Dockerfile": 'FROM python:3.13-slim\nCOPY . .\nCMD ["hypercorn", "app:app"]\n',
        ".git/HEAD": "ref: refs/heads/main\n",
    }
    build_tree(tmp_path, files)
    report = checked(cli, tmp_path / "shop", "--select", "WB824")

    (finding,) = report["findings"]
    line = files["shop/requirements.txt"].splitlines()[finding["line"] - 1]
    assert line.startswith("quart")
    assert "there is no module `quart.not_there_yet`" in finding["message"]
    assert "fail" == report["verdicts"]["P3"]
