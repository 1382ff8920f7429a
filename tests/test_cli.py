"""Stories of the command line: exact output and exit code."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.helpers import build_tree, read_tree
from waddlegen import __version__

MINIMAL = """\
id: demo
title: Demo
category: action
port: 8099
features:
  - id: stuff
    actions:
      - id: think
"""


def write_spec(project: Path, text: str = MINIMAL) -> None:
    """Put the spec of the module `demo` into the project."""
    build_tree(project, {"module_specs/demo.yaml": text})


def test_version(cli: Cli) -> None:
    """`--version` prints one line."""
    done = cli("--version")

    assert (0, f"waddlegen {__version__}\n") == (done.returncode, done.stdout)


def test_new_from_a_spec_renders_and_says_what_next(cli: Cli, project: Path) -> None:
    """The module, the library and the schema are created; a second run does nothing."""
    write_spec(project)

    done = cli("new", "demo")

    assert 0 == done.returncode, done.stderr
    assert re.search(r"^create +generated/demo/ +\(\d+ files\)$", done.stdout, re.M)
    assert re.search(r"^create +generated/libs/flask_core/ ", done.stdout, re.M)
    assert "├── main.py" in done.stdout
    assert "  waddlegen run demo " in done.stdout
    assert (project / "generated/demo/main.py").is_file()

    before = read_tree(project)
    again = cli("new", "demo")

    assert 0 == again.returncode
    assert "create" not in again.stdout.split("generated/demo\n")[0]
    assert before == read_tree(project)


def test_new_from_the_catalogue_brings_spec_and_services(
    cli: Cli, project: Path
) -> None:
    """In an empty folder, `new ai-interaction` gives the working client and not a stub."""
    done = cli("new", "ai-interaction")

    assert 0 == done.returncode, done.stderr
    assert (project / "module_specs/ai-interaction.yaml").is_file()
    service = (
        project / "generated/ai_interaction/services/chat_service.py"
    ).read_text()
    assert "NotImplementedError" not in service


def test_dry_run_and_diff_write_nothing(cli: Cli, project: Path) -> None:
    """Both say what `new` would do, and the disk stays as it is."""
    write_spec(project)
    before = read_tree(project)

    dry, diff = cli("new", "demo", "--dry-run", "-v"), cli("new", "demo", "--diff")

    assert "create    generated/demo/main.py\n" in re.sub(" +", "    ", dry.stdout)
    assert "--- /dev/null\n+++ generated/demo/main.py\n" in diff.stdout
    assert before == read_tree(project)


def test_a_foreign_file_is_a_conflict_until_forced(cli: Cli, project: Path) -> None:
    """Nothing at all is written, exit code 3; with --force the file is ours."""
    write_spec(project)
    build_tree(project, {"generated/demo/main.py": "mine\n"})
    before = read_tree(project)

    done = cli("new", "demo")

    assert 3 == done.returncode
    assert "generated/demo/main.py  (not written by waddlegen)" in done.stdout
    assert "--force" in done.stderr
    assert before == read_tree(project)
    assert 0 == cli("new", "demo", "--force").returncode
    assert "mine\n" != (project / "generated/demo/main.py").read_text()


def test_a_seeded_service_is_the_users(cli: Cli, project: Path) -> None:
    """An edited or deleted service stays so, and `list` counts what is left to write."""
    write_spec(project)
    cli("new", "demo")
    service = project / "generated/demo/services/stuff_service.py"
    before = cli("list").stdout
    service.write_text(
        service.read_text().replace("raise NotImplementedError(", "return dict(text=")
    )

    assert 0 == cli("update", "demo").returncode
    after = cli("list").stdout

    assert re.search(
        r"^generated/demo/services/stuff_service.py:\d+: think answers 501",
        before,
        re.M,
    )
    assert "think answers 501" not in after
    service.unlink()
    cli("update", "--all")
    assert not service.exists()


def test_update_check_tells_drift(cli: Cli, project: Path) -> None:
    """A changed spec is drift (exit 1) until `update`; an edited managed file is kept."""
    write_spec(project)
    cli("new", "demo")
    assert (0, "nothing to do\n") == (
        (done := cli("update", "--all", "--check")).returncode,
        done.stdout,
    )
    write_spec(project, MINIMAL.replace("port: 8099", "port: 8098"))

    drift = cli("update", "--all", "--check")

    assert 1 == drift.returncode
    assert re.search(r"^update +generated/demo/config.py", drift.stdout, re.M)
    assert 0 == cli("update", "demo").returncode
    assert 0 == cli("update", "--all", "--check").returncode


def test_an_edited_managed_file_is_never_overwritten(cli: Cli, project: Path) -> None:
    """The edit is kept; a change of the same lines of the spec is a conflict."""
    write_spec(project)
    cli("new", "demo")
    config = project / "generated/demo/config.py"
    config.write_text(config.read_text().replace("8099", "8097") + "\n# mine\n")

    kept = cli("update", "demo")
    write_spec(project, MINIMAL.replace("port: 8099", "port: 8098"))
    conflict = cli("update", "demo")

    assert 0 == kept.returncode
    assert re.search(r"^keep +generated/demo/config.py  \(edited\)", kept.stdout, re.M)
    assert 3 == conflict.returncode
    assert config.read_text().endswith("# mine\n")


def test_a_wrong_spec_is_told_with_line_and_column(cli: Cli, project: Path) -> None:
    """Every problem at once, exit code 2, nothing written."""
    write_spec(project, MINIMAL.replace("title", "titel").replace("8099", "80990"))

    done = cli("new", "demo")

    assert 2 == done.returncode
    assert "module_specs/demo.yaml:2:1: " in done.stderr
    assert 'did you mean "title"?' in done.stderr
    assert "module_specs/demo.yaml:4:7: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "generated").exists()


def test_an_unknown_name_without_a_terminal_is_refused(cli: Cli, project: Path) -> None:
    """Nothing is asked and nothing is made up from a slip of the pen."""
    done = cli("new", "ai-interacton")

    assert 2 == done.returncode
    assert "--category" in done.stderr and "ai-interaction" in done.stderr
    assert {} == read_tree(project)


def test_new_from_flags_writes_a_spec_and_renders_it(cli: Cli, project: Path) -> None:
    """Copier's questionnaire is answered by options; the new spec is valid."""
    done = cli("new", "my-thing", "--category", "action", "--title", 'A "thing": #1')

    assert 0 == done.returncode, done.stderr
    assert (
        'title: "A \\"thing\\": #1"'
        in (project / "module_specs/my-thing.yaml").read_text()
    )
    assert (project / "generated/my_thing/main.py").is_file()
    assert 0 == cli("update", "--all", "--check").returncode


def test_a_wrong_answer_is_told(cli: Cli, project: Path) -> None:
    """What copier refuses is an error in a line, and no file is written."""
    done = cli("new", "my-thing", "--category", "nonsense")

    assert 2 == done.returncode
    assert "Traceback" not in done.stderr
    assert {} == read_tree(project)


def test_own_templates_are_used(cli: Cli, project: Path) -> None:
    """After `template eject`, a change of the project's templates changes what is made."""
    write_spec(project)
    assert 0 == cli("template", "eject").returncode
    template = project / "templates/module/utils/__init__.py.jinja"
    template.write_text(template.read_text() + "# ours\n")

    cli("new", "demo")

    assert (
        (project / "generated/demo/utils/__init__.py").read_text().endswith("# ours\n")
    )


def test_schema_and_show(cli: Cli, project: Path) -> None:
    """The schema is JSON; a shown spec is a spec again, with its defaults."""
    write_spec(project)

    schema = json.loads(cli("schema").stdout)
    shown = cli("show", "demo")
    write_spec(project, shown.stdout)

    assert "features" in schema["properties"]
    assert "version: 0.2.0\n" in shown.stdout
    assert shown.stdout == cli("show", "demo").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["new"],
        ["update"],
        ["update", "demo", "--all"],
        ["update", "nonsense"],
        ["show", "nonsense"],
        ["-C", "nowhere", "list"],
        ["run", "demo"],
        ["new", "demo", "--port", "x"],
        ["new", "demo", "--port", "8001"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(cli: Cli, project: Path, words: list[str]) -> None:
    """One clear message, no traceback."""
    write_spec(project)

    done = cli(*words)

    assert 2 == done.returncode
    assert done.stderr and "Traceback" not in done.stderr


def test_a_damaged_lock_is_told(cli: Cli, project: Path) -> None:
    """The message names the file and both ways out."""
    write_spec(project)
    cli("new", "demo")
    lock = project / "generated/demo/.waddlegen/lock.json"
    lock.write_text("<<<<<<< ours")

    done = cli("update", "demo")

    assert 2 == done.returncode
    assert "lock.json: not a lock that waddlegen wrote" in done.stderr
