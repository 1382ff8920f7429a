"""`waddlegen check` as a whole: clean modules, odd inputs, and stories of the command line."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.helpers import ROOT, build_tree
from waddlegen.check import Options, check
from waddlegen.checklist import BULLETS
from waddlegen.findings import Report

APP = """\
from quart import Quart

app = Quart(__name__)


@app.post("/api/v1/quotes")
async def add_quote():
    return {}
"""


def checked(folder: Path, **options: Any) -> Report:
    """What a check of a folder finds."""
    return check([folder], Options(**options))


@pytest.mark.parametrize(
    "module",
    sorted(path.parent.name for path in (ROOT / "generated").glob("*/main.py")),
)
def test_a_generated_module_is_clean(module: str) -> None:
    """Nothing is found in what waddlegen renders, and every bullet has its evidence."""
    report = checked(ROOT / "generated" / module)

    assert () == report.findings
    verdicts = report.modules[0].verdicts
    assert set(BULLETS) == set(verdicts)
    assert all(judgement.evidence for judgement in verdicts.values())
    assert {"fail"}.isdisjoint(str(j.verdict) for j in verdicts.values())


def nested(depth: int) -> str:
    """An expression that is nested deeply."""
    return "x = " + "(" * depth + "1" + ")" * depth + "\n"


ODD = {
    "a syntax error": b"def broken(:\n    pass\n",
    "Python 2": b"print 'hello'\nexcept_ = 1\n",
    "Latin-1 bytes": "# -*- coding: latin-1 -*-\nname = 'Käse'\n".encode("latin-1"),
    "bytes that are no text": bytes(range(256)) * 4,
    "a byte order mark": b"\xef\xbb\xbfx = 1\n",
    "deep nesting": nested(5000).encode(),
    "a long chain": b"x = " + b"1 + " * 20_000 + b"1\n",
    "a deep chain of attributes": b"x = a" + b".b" * 3000 + b"\n",
    "nothing": b"",
    "one line without an end": b"x = 1",
    "tabs and spaces": b"if x:\n\ty = 1\n        z = 2\n",
    "an endless number": b"x = " + b"9" * 5000 + b"\n",
    "half a surrogate": b"x = '\\ud800'\n",
    "carriage returns": b"x = 1\r\ry = 2\r\n",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_files_are_findings_or_nothing(odd: bytes, tmp_path: Path) -> None:
    """No bytes make the check fail; the rest of the module is checked all the same."""
    build_tree(tmp_path, {"demo/app.py": APP, "demo/config.py": ""})
    (tmp_path / "demo" / "odd.py").write_bytes(odd)

    report = checked(tmp_path / "demo")

    assert "WB411" in {finding.code for finding in report.findings}
    assert not [f for f in report.findings if "failed:" in f.problem.message]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """What cannot be parsed is a finding at its line."""
    build_tree(tmp_path, {"demo/app.py": APP, "demo/old.py": "x = 1\nprint 'x'\n"})

    report = checked(tmp_path / "demo", select=("WB411",))

    first = [f for f in report.findings if f.code == "WB000"]
    assert ["demo/old.py:2"] == [f"{f.problem.path}:{f.problem.line}" for f in first]


def test_loops_of_links_pipes_and_huge_files_end(tmp_path: Path) -> None:
    """A link to the folder above, a pipe, a file of 50 MB: skipped, with a reason."""
    demo = build_tree(tmp_path, {"demo/app.py": APP}) / "demo"
    (demo / "again").symlink_to(tmp_path, target_is_directory=True)
    (demo / "nowhere.py").symlink_to(demo / "missing.py")
    os.mkfifo(demo / "pipe.py")
    with open(demo / "huge.py", "wb") as file:
        file.truncate(50_000_000)

    report = checked(tmp_path)

    assert ["demo"] == [module.name for module in report.modules]
    assert "huge.py" in dict(report.modules[0].skipped)


def test_a_fleet_is_found_module_by_module(tmp_path: Path) -> None:
    """Folders with an application are modules; libraries, tests and tools are none."""
    build_tree(
        tmp_path,
        {
            ".git/HEAD": "",
            "core/labels/app.py": APP,
            "core/labels/Dockerfile": "FROM x",
            "action/quotes/main.py": APP,
            "action/quotes/requirements.txt": "",
            "hub/package.json": "{}",
            "hub/Dockerfile": "FROM node",
            "rtc/go.mod": "module rtc",
            "libs/flask_core/app.py": APP,
            "libs/flask_core/config.py": "",
            "node_modules/x/app.py": APP,
            "node_modules/x/config.py": "",
        },
    )

    report = checked(tmp_path)

    assert ["action/quotes", "core/labels", "hub", "rtc"] == [
        module.path for module in report.modules
    ]


def test_other_languages_are_not_applicable(tmp_path: Path) -> None:
    """A Node or Go module has a cause at every bullet, and no finding about Python."""
    build_tree(tmp_path, {"hub/package.json": "{}", "hub/Dockerfile": "FROM node"})

    module = checked(tmp_path / "hub", select=("WB4",)).modules[0]

    assert "node" == module.language
    assert {"na"} == {str(j.verdict) for j in module.verdicts.values()}
    assert all("node" in j.evidence[0].text for j in module.verdicts.values())


IGNORED = (
    '@app.post("/x")\nasync def x():  # waddlegen: ignore[WB411]{}\n    return {{}}\n'
)


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (' reason="only the router" until=2999-01-31', set()),
        (' reason="only the router" until=2001-01-31', {"WB411", "WB991"}),
        (' reason="only the router"', {"WB411", "WB991"}),
        ("", {"WB411", "WB991"}),
    ],
    ids=["a reason and an end", "expired", "no end", "no reason"],
)
def test_a_comment_ignores_with_a_reason_and_an_end(
    words: str, codes: set[str], tmp_path: Path
) -> None:
    """An exception needs a reason, and for a critical rule an end that is still to come."""
    build_tree(tmp_path, {"demo/app.py": IGNORED.format(words)})

    report = checked(tmp_path / "demo", select=("WB411", "WB991"))

    assert codes == {finding.code for finding in report.findings}


def test_a_comment_that_ignores_nothing_is_found(tmp_path: Path) -> None:
    """When the finding is gone, the comment should go too."""
    text = '# waddlegen: ignore[WB556] reason="once"\nx = 1\n'
    build_tree(tmp_path, {"demo/app.py": text})

    report = checked(tmp_path / "demo", select=("WB556", "WB991"))

    assert ["WB991"] == [finding.code for finding in report.findings]


def test_a_clean_module_exits_0(cli: Cli) -> None:
    """`waddlegen check` on what waddlegen renders."""
    done = cli("check", str(ROOT / "generated" / "router"))

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.endswith("1 module, no findings\n")


def test_findings_exit_1_with_line_and_caret(cli: Cli, project: Path) -> None:
    """Each finding says where, how bad, which rule and what, and shows the line."""
    build_tree(project, {"demo/app.py": APP})

    done = cli("check", "demo", "--select", "WB411")

    assert 1 == done.returncode
    assert done.stdout.startswith(
        "demo/app.py:7:1: critical WB411 `POST /api/v1/quotes` can be called without a key\n"
        "  7 | async def add_quote():\n"
        "    | ^ unprotected-route\n"
    )


def test_the_level_to_fail_at_can_be_chosen(cli: Cli, project: Path) -> None:
    """`--fail-level error` lets warnings pass."""
    build_tree(project, {"demo/app.py": APP})

    done = cli("check", "demo", "--select", "WB101", "--fail-level", "error")

    assert 0 == done.returncode
    assert "1 warning" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["--select", "WB1000"], "WB1000: no such rule"),
        (["--format", "pdf"], "--format pdf: known are text, concise, json"),
        (["--profile", "strict"], "--profile strict: known are standard, legacy"),
        (["--fail-level", "bad"], "--fail-level bad: known are critical, error"),
        (["--baseline", "none.json"], "none.json: No such file or directory"),
    ],
)
def test_wrong_usage_exits_2(cli: Cli, words: list[str], message: str) -> None:
    """What was asked for in vain is named."""
    done = cli("check", *words)

    assert 2 == done.returncode
    assert message in done.stderr


def test_json_says_everything(cli: Cli, project: Path) -> None:
    """Findings with their topic, and a verdict on each of the 30 bullets."""
    build_tree(project, {"demo/app.py": APP})

    data = json.loads(cli("check", "demo", "--format", "json").stdout)

    keys = {"rule", "path", "line", "column", "severity", "message", "topic"}
    assert all(keys <= set(finding) for finding in data["findings"])
    verdicts = data["modules"][0]["verdicts"]
    assert list(BULLETS) == list(verdicts)
    assert set(verdicts.values()) <= {"pass", "partial", "fail", "na", "not-run"}
    assert 0 <= data["modules"][0]["score"] < 100


def test_a_baseline_lets_the_old_in_and_stops_the_new(cli: Cli, project: Path) -> None:
    """The ratchet: lines may move, but nothing may be added."""
    build_tree(project, {"demo/app.py": APP})
    select = ("--select", "WB411")
    assert 0 == cli("check", "demo", *select, "--write-baseline", "b.json").returncode
    build_tree(project, {"demo/app.py": "# moved\n" + APP})

    old = cli("check", "demo", *select, "--baseline", "b.json")
    more = APP + '\n\n@app.get("/api/v1/all")\nasync def every():\n    return {}\n'
    build_tree(project, {"demo/app.py": more})
    new = cli("check", "demo", *select, "--baseline", "b.json")

    assert (0, 1) == (old.returncode, new.returncode)
    assert "`GET /api/v1/all`" in new.stdout
    assert "`POST /api/v1/quotes`" not in new.stdout


def test_pyproject_chooses_for_everybody(cli: Cli, project: Path) -> None:
    """`[tool.waddlegen]` holds what the command line does not say."""
    settings = '[tool.waddlegen]\nselect = ["WB411"]\nformat = "concise"\n'
    build_tree(project, {"demo/app.py": APP, "pyproject.toml": settings})

    done = cli("check", "demo")

    assert 1 == done.returncode
    assert 1 == len(done.stdout.splitlines())


def test_an_unknown_setting_is_refused(cli: Cli, project: Path) -> None:
    """A misspelt key does not stay unnoticed."""
    build_tree(project, {"pyproject.toml": "[tool.waddlegen]\nselekt = []\n"})

    done = cli("check")

    assert 2 == done.returncode
    assert "no key `selekt`" in done.stderr


def test_since_looks_at_changed_files_alone(cli: Cli, project: Path) -> None:
    """Only what changed after a revision, and what is not in git yet."""
    build_tree(
        project, {"demo/app.py": APP, "demo/config.py": "TOKEN = 'a1b2c3d4e5'\n"}
    )
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=project, check=True)
    build_tree(project, {"demo/app.py": APP + "\n"})

    done = cli(
        "check", "demo", "--select", "WB4", "--since", "HEAD", "--format", "concise"
    )

    assert ["demo/app.py"] == [line.split(":")[0] for line in done.stdout.splitlines()]


def test_rules_and_their_explanations_are_told(cli: Cli) -> None:
    """`waddlegen rules` lists, `waddlegen explain` says what, why and how."""
    listed = cli("rules").stdout
    by_code = cli("explain", "wb411").stdout
    by_name = cli("explain", "unprotected-route").stdout
    unknown = cli("explain", "WB1")

    assert "WB411  critical  S1" in listed
    assert by_code == by_name
    assert "Bad:" in by_code and "Good:" in by_code and "ignore[WB411]" in by_code
    assert 2 == unknown.returncode


OTHERS = '''
from waddlegen.findings import Severity
from waddlegen.rules.rule import rule


@rule("ZZ101", severity=Severity.ERROR, topic="house")
def no_penguins(module):
    """There are no penguins."""
    yield module.problem("app.py", 1, "there are no penguins")
'''


def test_another_package_adds_rules(
    cli: Cli, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed beside waddlegen, it needs an entry point and nothing else."""
    build_tree(project, {"demo/app.py": SLOW})
    build_tree(
        tmp_path / "packages",
        {
            "house_rules.py": OTHERS,
            "house_rules-1.0.dist-info/METADATA": "Name: house_rules\nVersion: 1.0\n",
            "house_rules-1.0.dist-info/entry_points.txt": "[waddlegen.rules]\nhouse = house_rules\n",
        },
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))

    done = cli("check", "demo", "--select", "ZZ", "--format", "concise")

    assert "demo/app.py:1:1: ZZ101 error there are no penguins\n" == done.stdout
    assert "ZZ101" in cli("rules").stdout


SLOW = "import requests\n\n\ndef read(url):\n    return requests.get(url)\n"


def test_diff_shows_what_fix_would_write(cli: Cli, project: Path) -> None:
    """Nothing is written; the exit code says that something would be."""
    build_tree(project, {"demo/app.py": SLOW})

    done = cli("check", "demo", "--select", "WB213", "--fix", "--diff")

    assert 1 == done.returncode
    assert "+    return requests.get(url, timeout=10)\n" in done.stdout
    assert SLOW == (project / "demo" / "app.py").read_text()


def test_fix_mends_and_checks_again(cli: Cli, project: Path) -> None:
    """What was mended is not found any more, and a second run changes nothing."""
    build_tree(project, {"demo/app.py": SLOW})

    first = cli("check", "demo", "--select", "WB213", "--fix")
    text = (project / "demo" / "app.py").read_text()
    second = cli("check", "demo", "--select", "WB213", "--fix")

    assert (0, "1 file mended\n") == (first.returncode, first.stderr)
    assert "timeout=10" in text
    assert "0 files mended\n" == second.stderr
    assert text == (project / "demo" / "app.py").read_text()


def test_unsafe_fixes_are_asked_for_by_name(cli: Cli, project: Path) -> None:
    """What changes the behaviour is left alone by --fix."""
    text = 'import os\n\nKEY = os.getenv("API_KEY", "waddle")\n'
    build_tree(project, {"demo/app.py": text})

    cli("check", "demo", "--select", "WB402", "--fix")
    kept = (project / "demo" / "app.py").read_text()
    cli("check", "demo", "--select", "WB402", "--unsafe-fixes")

    assert text == kept
    assert 'os.environ["API_KEY"]' in (project / "demo" / "app.py").read_text()


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        ({"raffle/Dockerfile": "FROM x\n", "raffle/web/__init__.py": ""}, ["raffle"]),
        (
            {
                "Dockerfile": "FROM x\n",
                "core/__init__.py": "",
                "core/quotes/Dockerfile": "FROM x\n",
            },
            ["core/quotes"],
        ),
    ],
)
def test_a_package_below_its_dockerfile_is_one_module(
    files: dict[str, str], modules: list[str], tmp_path: Path
) -> None:
    """The folder that is built is the module, unless what is below is built by itself."""
    inner = "core/quotes" if "Dockerfile" in files else "raffle/web"
    build_tree(tmp_path, {".git/HEAD": "", f"{inner}/main.py": APP, **files})

    assert modules == [module.path for module in checked(tmp_path).modules]
