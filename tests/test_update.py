"""A template or spec change reaches every module, and no hand edit is lost."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.fleets import LEAST, Sandbox, replace, sandbox
from tests.helpers import read_tree
from waddlegen import parses
from waddlegen.merge import markers


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """A project with one module."""
    return sandbox(tmp_path / "box")


@pytest.fixture
def waddle(cli: Cli, box: Sandbox) -> Cli:
    """The command line in that project."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return cli(*words, cwd=box.root)

    return run


# A file, what is edited by hand, and what a template release changes right beside it.
ROUTE = """

@blueprint.get("/api/v1/extra")
@require_api_key(role="viewer")
async def extra() -> Response:
    \"\"\"Mine.\"\"\"
    return result_response({"extra": True})
"""
EDITS = {
    "a timeout in the Dockerfile": (
        "Dockerfile",
        ("--timeout=5s", "--timeout=25s"),
        ("timeout=4).status", "timeout=3).status"),
    ),
    "another timeout in the Dockerfile": (
        "Dockerfile",
        ("--timeout=5s", "--timeout=25s"),
        ("EXPOSE ${MODULE_PORT}\n\n", "EXPOSE ${MODULE_PORT}/tcp\n"),
    ),
    "an extra dependency": (
        "requirements.txt",
        ("alembic>", "aiofiles==24.1.0\nalembic>"),
        ("alembic>=1.14", "alembic>=1.16"),
    ),
    "an extra dependency at the same place": (
        "requirements.txt",
        ("alembic>", "aiofiles==24.1.0\nalembic>"),
        ("alembic>", "aiodns==3.2\nalembic>"),
    ),
    "an extra route in a handler": (
        "handlers/stuff.py",
        ("    return action_response", "    await extra()\n    return action_response"),
        (
            "{% else %}\n    result = await service()",
            "{% else %}\n    # The work.\n    result = await service()",
        ),
    ),
    "an extra environment variable": (
        ".env.example",
        ("MODULE_PORT=8100\n", "MODULE_PORT=8100\nMY_OWN_SETTING=on\n"),
        (
            "# {{ (variable.description",
            "# Say: {{ (variable.description",
        ),
    ),
    "a resource limit": (
        "k8s/deployment.yaml",
        ('memory: "512Mi"', 'memory: "1Gi"'),
        (
            "            limits:\n",
            "            limits:\n              ephemeral-storage: 1Gi\n",
        ),
    ),
}


@pytest.mark.parametrize("case", EDITS.values(), ids=EDITS)
def test_an_edit_survives_a_release_that_touches_its_neighbours(
    box: Sandbox, case: tuple[str, tuple[str, str], tuple[str, str]]
) -> None:
    """Both are in the result, which still parses; a second update changes nothing."""
    path, (old, mine), (before, after) = case
    box.edit(path, old, mine)
    box.template(
        f"{path}.jinja" if path != "handlers/stuff.py" else HANDLER, before, after
    )

    done = box.update()

    text = box.read(path)
    assert "update merged with your edits" == done[f"demo/{path}"]
    assert mine in text
    assert after.split("{{")[0].strip().splitlines()[-1] in text
    assert parses.fault(box.module(path).relative_to(box.root), text) is None
    assert {f"demo/{path}": "keep edited"} == box.update()


HANDLER = "handlers/{% yield feature from module.features %}{{ feature.id }}{% endyield %}.py.jinja"


def test_an_extra_route_and_a_new_action_go_together(box: Sandbox) -> None:
    """A route of the user's at the end of a handler, and one the spec adds there."""
    handler = box.module("handlers/stuff.py")
    handler.write_text(handler.read_text() + ROUTE)
    box.spec(LEAST.format(id="demo", port=8100) + "      - id: more\n")

    box.update()

    text = box.read("handlers/stuff.py")
    assert "async def extra()" in text and "async def more(" in text
    assert (
        not markers(text) and parses.fault(handler.relative_to(box.root), text) is None
    )


def test_the_same_line_is_a_conflict_with_both_sides(box: Sandbox, waddle: Cli) -> None:
    """Exit code 3 and a list; other files are updated; a second update changes nothing."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "--timeout=5s", "--timeout=7s")
    box.template("utils/__init__.py.jinja", '"""', '"""New: ')

    done = waddle("update", "--all")

    assert 3 == done.returncode
    assert "conflict   generated/demo/Dockerfile  (1 place)" in done.stdout
    text = box.read("Dockerfile")
    for part in (
        "<<<<<<< yours\n",
        "--timeout=25s",
        "=======\n",
        "=7s",
        ">>>>>>> template",
    ):
        assert part in text
    assert "New: " in box.read("utils/__init__.py")
    before = read_tree(box.root)
    assert 3 == waddle("update", "--all").returncode
    assert before == read_tree(box.root)
    assert 3 == waddle("update", "--continue").returncode


@pytest.mark.parametrize(("side", "timeout"), [("--ours", "25s"), ("--theirs", "7s")])
def test_resolve_takes_one_side(
    box: Sandbox, waddle: Cli, side: str, timeout: str
) -> None:
    """Then `update --continue` goes on, and the decision holds at the next release."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.edit("Dockerfile", "WORKDIR /app", "# mine\nWORKDIR /app")
    box.template("Dockerfile.jinja", "--timeout=5s", "--timeout=7s")
    waddle("update", "--all")

    resolved = waddle("resolve", "generated/demo/Dockerfile", side)
    done = waddle("update", "--continue")

    assert (0, 0) == (resolved.returncode, done.returncode), done.stderr
    assert f"--timeout={timeout}" in box.read("Dockerfile")
    assert "# mine\n" in box.read("Dockerfile")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    assert 0 == waddle("update", "--all").returncode
    assert f"--timeout={timeout}" in box.read("Dockerfile")
    assert "USER 1001" in box.read("Dockerfile")


def test_abort_puts_everything_back(box: Sandbox, waddle: Cli) -> None:
    """Every file and the lock are what they were before the update."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    before = read_tree(box.module(""))
    box.template("Dockerfile.jinja", "--timeout=5s", "--timeout=7s")
    box.template("utils/__init__.py.jinja", '"""', '"""New: ')
    waddle("update", "--all")

    assert 0 == waddle("update", "--abort").returncode
    assert without_undo(before) == without_undo(read_tree(box.module("")))


def without_undo(files: dict[str, str]) -> dict[str, str]:
    """Files, but for what is kept to undo a run."""
    return {path: text for path, text in files.items() if "/undo/" not in path}


def test_abort_refuses_where_other_files_changed_since(
    box: Sandbox, waddle: Cli
) -> None:
    """Only what was written into the conflicts themselves goes, and undo brings it back."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "--timeout=5s", "--timeout=7s")
    box.template("utils/__init__.py.jinja", '"""', '"""New: ')
    waddle("update", "--all")
    box.edit("utils/__init__.py", "New: ", "New, and mine: ")
    box.edit("Dockerfile", "--timeout=25s", "--timeout=26s")

    refused = waddle("update", "--abort")

    assert 3 == refused.returncode and "utils/__init__.py" in refused.stderr
    assert "mine" in box.read("utils/__init__.py")
    box.edit("utils/__init__.py", "New, and mine: ", "New: ")
    assert 0 == waddle("update", "--abort").returncode
    assert "--timeout=25s" in box.read("Dockerfile")
    assert 0 == waddle("undo").returncode
    assert "--timeout=26s" in box.read("Dockerfile")


def test_without_a_lock_every_file_is_the_users(box: Sandbox, waddle: Cli) -> None:
    """What differs is a conflict, and can be settled file by file."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.module(".waddlegen/lock.json").unlink()

    done = waddle("update", "--all")

    assert 3 == done.returncode and "not written by waddlegen" in done.stdout
    assert 0 == waddle("resolve", "generated/demo/Dockerfile", "--ours").returncode
    assert 0 == waddle("update", "--all").returncode
    assert "--timeout=25s" in box.read("Dockerfile")


def test_a_module_without_a_spec_is_an_orphan(box: Sandbox, waddle: Cli) -> None:
    """Its folder is named and left alone."""
    box.spec(LEAST.format(id="other", port=8200), "other")
    box.update()
    (box.root / "module_specs/demo.yaml").unlink()

    assert 0 == waddle("update", "--all").returncode
    assert "orphan     generated/demo/\n" in waddle("status").stdout
    assert box.module("main.py").exists()


def test_undo_restores_exactly_and_can_be_undone(box: Sandbox, waddle: Cli) -> None:
    """Created, changed and deleted files, permissions and the lock, in every folder."""
    box.module("Dockerfile").chmod(0o640)
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    before = without_undo(read_tree(box.root / "generated"))
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    (box.root / "templates/module/pyproject.toml.jinja").unlink()
    (box.root / "templates/module/new.txt.jinja").write_text("new\n")
    assert 0 == waddle("update", "--all").returncode
    after = without_undo(read_tree(box.root / "generated"))

    assert 0 == waddle("undo").returncode
    assert before == without_undo(read_tree(box.root / "generated"))
    assert 0o640 == box.module("Dockerfile").stat().st_mode & 0o777
    assert 0 == waddle("undo").returncode
    assert after == without_undo(read_tree(box.root / "generated"))


def test_undo_refuses_where_files_changed_since(box: Sandbox, waddle: Cli) -> None:
    """Nothing is undone, and the files are listed."""
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    box.update()
    box.edit("Dockerfile", "USER 1001", "USER 1002")

    done = waddle("undo")

    assert 3 == done.returncode and "generated/demo/Dockerfile" in done.stderr
    assert "USER 1002" in box.read("Dockerfile")


def test_an_unknown_base_is_a_conflict_and_nothing_is_guessed(box: Sandbox) -> None:
    """Without the version in the history the file stays as it is; others go on."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    (box.root / "templates/history.jsonl").write_text("")
    before = box.read("Dockerfile")

    done = box.update()

    assert done["demo/Dockerfile"].startswith("conflict edited")
    assert "its base is not known" in done["demo/Dockerfile"]
    assert before == box.read("Dockerfile")


def test_a_blocked_file_can_be_settled(box: Sandbox, waddle: Cli) -> None:
    """`resolve --ours` keeps it, and the update goes on."""
    test_an_unknown_base_is_a_conflict_and_nothing_is_guessed(box)
    before = box.read("Dockerfile")

    assert 0 == waddle("resolve", "generated/demo/Dockerfile", "--ours").returncode
    assert 0 == waddle("update", "--all").returncode
    assert before == box.read("Dockerfile")


def test_a_deleted_managed_file_stays_deleted_until_restored(
    box: Sandbox, waddle: Cli
) -> None:
    """It is named each time; `--restore` brings it back."""
    box.module("README.md").unlink()

    assert "keep       generated/demo/README.md  (you deleted it)" in (
        waddle("update", "--all").stdout
    )
    assert not box.module("README.md").exists()
    assert 0 == waddle("update", "--all", "--restore").returncode
    assert box.module("README.md").exists()


def test_own_and_disown(box: Sandbox, waddle: Cli) -> None:
    """A file taken over is not touched; given back, releases are merged into it again."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    before = box.read("Dockerfile")
    assert 0 == waddle("own", "generated/demo/Dockerfile").returncode
    box.template("Dockerfile.jinja", "--timeout=5s", "--timeout=7s")

    assert "keep yours" == box.update()["demo/Dockerfile"]
    assert before == box.read("Dockerfile")
    assert 0 == waddle("disown", "generated/demo/Dockerfile").returncode
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    assert "update merged with your edits" == box.update()["demo/Dockerfile"]
    assert "--timeout=25s" in box.read("Dockerfile")
    assert 2 == waddle("disown", "generated/demo/Dockerfile").returncode
    assert 2 == waddle("own", "generated/demo/nothing").returncode


# The five failures of copier's own update, measured on this fleet.


def test_copier_1_a_conflict_is_not_success(box: Sandbox, waddle: Cli) -> None:
    """Copier exits 0 with conflicts in the files; here it is 3, with a list."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "--timeout=5s", "--timeout=7s")

    done = waddle("update", "demo")

    assert 3 == done.returncode
    assert "generated/demo/Dockerfile" in done.stdout


def test_copier_2_a_service_outlives_its_feature(box: Sandbox) -> None:
    """Copier deletes a hand-written service whose feature left the data."""
    box.spec(
        LEAST.format(id="demo", port=8100) + "  - id: other\n    actions: [{id: go}]\n"
    )
    box.update()
    box.edit("services/other_service.py", "raise NotImplementedError(", "print(")
    before = box.read("services/other_service.py")
    box.spec(LEAST.format(id="demo", port=8100))

    done = box.update()

    assert before == box.read("services/other_service.py")
    assert done["demo/services/other_service.py"].startswith("keep no longer rendered")
    assert "delete" == done["demo/handlers/other.py"]


def test_copier_3_edits_travel_with_a_renamed_template(box: Sandbox) -> None:
    """Copier loses the edits of a file whose template got another name."""
    box.edit("utils/validation.py", '"""', '"""Mine: ')
    folder = box.root / "templates/module"
    (folder / "utils/validation.py.jinja").rename(folder / "utils/checks.py.jinja")
    replace(
        folder / "copier.yml",
        "_exclude:",
        "_waddlegen_renamed:\n  utils/validation.py.jinja: utils/checks.py.jinja\n_exclude:",
    )

    box.update()

    assert "Mine: " in box.read("utils/checks.py")
    assert not box.module("utils/validation.py").exists()
    assert {"demo/utils/checks.py": "keep edited"} == box.update()


def test_copier_4_one_process_and_no_git(
    box: Sandbox, waddle: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Copier starts 199 processes a module and wants a clean tree; here there is no git at all."""
    empty = tmp_path / "nothing"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")

    assert 0 == waddle("update", "--all").returncode
    assert "--timeout=25s" in box.read("Dockerfile")


def test_copier_5_a_fleet_wide_sweep_reaches_every_module(tmp_path: Path) -> None:
    """A sweep by hand is lost in the next merge; a template change is in all, edits kept."""
    names = [f"demo-{number}" for number in range(5)]
    box = sandbox(tmp_path / "box", *names)
    folders = [name.replace("-", "_") for name in names]
    for folder in folders:
        box.edit("Dockerfile", "--timeout=5s", "--timeout=25s", folder)
    box.template("Dockerfile.jinja", "python:3.13-slim", "python:3.14-slim")

    box.update()

    for folder in folders:
        assert "python:3.14-slim" in box.read("Dockerfile", folder)
        assert "--timeout=25s" in box.read("Dockerfile", folder)


MORE = (
    LEAST.format(id="demo", port=8100)
    + "      - id: more\n        params: [{name: size}]\n"
)


def test_a_new_action_is_told_at_both_sides_and_fixed_on_request(
    box: Sandbox, waddle: Cli
) -> None:
    """`update` names service and spec with their lines; `--fix` appends the method alone."""
    box.edit(
        "services/stuff_service.py", "raise NotImplementedError(", "return dict(a="
    )
    written = box.read("services/stuff_service.py")
    box.spec(MORE)

    told = waddle("update", "demo")
    status = waddle("status")

    line = next(
        n for n, t in enumerate(written.split("\n"), 1) if t.startswith("class ")
    )
    place = f"generated/demo/services/stuff_service.py:{line}: more is missing"
    assert f"drift      {place} (module_specs/demo.yaml:9)\n" in told.stdout
    assert place in status.stdout
    assert written == box.read("services/stuff_service.py")

    assert 0 == waddle("update", "demo", "--fix").returncode
    fixed = box.read("services/stuff_service.py")
    assert "async def more(self, call: Call, params: MoreParams)" in fixed
    assert "from models import MoreParams" in fixed
    assert fixed.startswith(written.split("from models")[0])
    body = written[written.index("class ") :].rstrip("\n")
    assert body in fixed
    assert "drift" not in waddle("update", "demo").stdout


def test_a_changed_parameter_and_a_removed_action_are_told(
    box: Sandbox, waddle: Cli
) -> None:
    """Where the service reads what the spec does not have any more."""
    box.spec(MORE)
    waddle("update", "demo", "--fix")
    service = box.module("services/stuff_service.py")
    service.write_text(
        service.read_text().replace(
            'raise NotImplementedError(\n            "more', "x"
        )
        + "        print(params.size)\n"
    )
    box.spec(
        MORE.replace("name: size", "name: amount").replace("id: think", "id: ponder")
    )

    told = waddle("update", "demo").stdout

    assert (
        "more reads params.size, which the spec does not have (module_specs/demo.yaml:9)"
        in told
    )
    assert "think is no operation of the spec any more" in told
    assert "ponder is missing (module_specs/demo.yaml:8)" in told


def test_status_is_a_table_and_what_wants_attention(box: Sandbox, waddle: Cli) -> None:
    """Template version, spec, edited files, orphans and unfinished operations of each module."""
    assert (
        "demo    current    current  -       -        -      1\n"
        in waddle("status").stdout
    )
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")
    box.spec(LEAST.format(id="demo", port=8101))

    text = waddle("status", "--all").stdout

    assert "demo    older      changed  1       -        -      1\n" in text
    assert "edited     generated/demo/Dockerfile\n" in text
    assert '"edited": [' in waddle("status", "--json").stdout


def test_diff_shows_the_edits_alone(box: Sandbox, waddle: Cli) -> None:
    """Against what was rendered, whatever the templates are by now."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "USER 1000", "USER 1001")

    text = waddle("diff", "demo").stdout

    changed = [line for line in text.splitlines() if line[:1] in "+-"][2:]
    assert ["--timeout=5s", "--timeout=25s"] == [
        word for line in changed for word in line.split() if "--timeout=" in word
    ]
    assert "USER 1001" not in text


RENAMED = """\
id: demo
title: Demo
category: action
port: 8100
features:
  - id: things
    renamed_from: stuff
    actions:
      - id: ponder
        renamed_from: think
"""


def test_edits_travel_with_a_renamed_feature_and_action(
    box: Sandbox, waddle: Cli
) -> None:
    """Handler, service and test are under the new name, with what was written by hand."""
    handler = box.module("handlers/stuff.py")
    handler.write_text(handler.read_text() + ROUTE)
    box.edit(
        "services/stuff_service.py", "raise NotImplementedError(", "return dict(mine="
    )
    box.spec(RENAMED)

    done = waddle("update", "demo")

    assert 0 == done.returncode, done.stdout + done.stderr
    assert not handler.exists() and not box.module("services/stuff_service.py").exists()
    assert "async def extra()" in box.read("handlers/things.py")
    assert "ThingsService" in box.read("handlers/things.py")
    service = box.read("services/things_service.py")
    assert "return dict(mine=" in service and "class ThingsService" in service
    assert "async def ponder(" in service
    assert "drift" not in waddle("update", "demo").stdout


def test_edits_travel_with_a_renamed_module(box: Sandbox, waddle: Cli) -> None:
    """The folder has the new name, with everything that was in it; undo brings it back."""
    box.edit("Dockerfile", "--timeout=5s", "--timeout=25s")
    box.module("notes.txt").write_text("mine")
    before = without_undo(read_tree(box.root / "generated"))
    (box.root / "module_specs/demo.yaml").unlink()
    text = LEAST.format(id="better", port=8100) + "legacy_names: [demo]\n"
    box.spec(text, "better")

    done = waddle("update", "--all")

    assert 0 == done.returncode, done.stderr
    assert "move       generated/demo to generated/better\n" in done.stdout
    assert "mine" == box.read("notes.txt", "better")
    assert "--timeout=25s" in box.read("Dockerfile", "better")
    assert not box.module("").exists()
    assert 0 == waddle("undo").returncode
    assert before == without_undo(read_tree(box.root / "generated"))


def test_edits_travel_with_a_renamed_module_s_workflow(
    box: Sandbox, waddle: Cli
) -> None:
    """What was added to the file at the fleet root is in the file of the new name."""
    flows = box.root / "generated/.github/workflows"
    replace(flows / "demo.yml", "timeout-minutes: 5", "timeout-minutes: 45")
    before = without_undo(read_tree(box.root / "generated"))
    (box.root / "module_specs/demo.yaml").unlink()
    box.spec(LEAST.format(id="better", port=8100) + "legacy_names: [demo]\n", "better")

    done = waddle("update", "--all")

    assert 0 == done.returncode, done.stderr
    assert not (flows / "demo.yml").exists()
    text = (flows / "better.yml").read_text("utf-8")
    assert "timeout-minutes: 45" in text and "name: better" in text
    assert "nothing to do" in waddle("update", "--all").stdout
    assert 0 == waddle("undo").returncode
    assert before == without_undo(read_tree(box.root / "generated"))


def test_the_fleet_may_be_the_repository(box: Sandbox, waddle: Cli) -> None:
    """`fleet = "."`: modules, and the workflows that GitHub looks for, at the top."""
    (box.root / "pyproject.toml").write_text('[tool.waddlegen]\nfleet = "."\n')
    (box.root / "generated").rename(box.root.parent / "elsewhere")

    done = waddle("update", "--all")

    assert 0 == done.returncode, done.stderr
    assert (box.root / ".github/workflows/waddlegen-update.yml").is_file()
    assert (box.root / "demo/main.py").is_file()
    assert not (box.root / "generated").exists()
    replace(box.root / "demo/Dockerfile", "--timeout=5s", "--timeout=25s")
    box.template("Dockerfile.jinja", "PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=2")
    assert 0 == waddle("update", "--all").returncode
    text = (box.root / "demo/Dockerfile").read_text("utf-8")
    assert "--timeout=25s" in text and "PYTHONUNBUFFERED=2" in text
    assert "1 module" in waddle("check").stdout
    assert 0 == waddle("status", "--all").returncode


@pytest.mark.parametrize("name", ["..", "/tmp", "templates", "module_specs/x"])
def test_the_fleet_stays_in_the_project(box: Sandbox, waddle: Cli, name: str) -> None:
    """Elsewhere, or among the specs and templates, is refused before anything is written."""
    (box.root / "pyproject.toml").write_text(f'[tool.waddlegen]\nfleet = "{name}"\n')

    done = waddle("update", "--all")

    assert 2 == done.returncode
    assert "[tool.waddlegen] fleet must be a folder of the project" in done.stderr


MIGRATION = '''
def migrate(files):
    """utils/logging.py is named for what it does now, and says so."""
    text = files.pop("utils/logging.py", None)
    if text is not None:
        files["utils/log.py"] = text.replace("import", "import", 1)
    return files
'''


def test_a_migration_of_the_templates_runs_once(box: Sandbox, waddle: Cli) -> None:
    """It moves files with their edits, and the lock remembers it."""
    box.edit("utils/logging.py", '"""', '"""Mine: ')
    folder = box.root / "templates"
    (folder / "migrations").mkdir()
    (folder / "migrations/0001_log.py").write_text(MIGRATION)
    utils = folder / "module/utils"
    (utils / "logging.py.jinja").rename(utils / "log.py.jinja")

    assert 0 == waddle("update", "--all").returncode
    assert "Mine: " in box.read("utils/log.py")
    assert not box.module("utils/logging.py").exists()
    assert '"0001_log"' in box.read(".waddlegen/lock.json")
    box.module("utils/logging.py").write_text("another file of mine\n")
    assert 0 == waddle("update", "--all").returncode
    assert "another file of mine\n" == box.read("utils/logging.py")
