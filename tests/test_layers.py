"""Who may import whom, and who may touch Jinja, the disk and the terminal."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import waddlegen

PACKAGE = Path(waddlegen.__file__).parent
FILES = sorted(PACKAGE.glob("*.py"))
CHECKS = sorted((PACKAGE / "consistency").glob("*.py"))
FACTS = sorted((PACKAGE / "facts").glob("*.py"))
RULES = sorted((PACKAGE / "rules").glob("*.py"))
LIVE = sorted((PACKAGE / "live").glob("*.py"))
PROBES = sorted((PACKAGE / "probes").glob("*.py"))
FOLDERS = {
    "consistency": CHECKS,
    "facts": FACTS,
    "rules": RULES,
    "live": LIVE,
    "probes": PROBES,
}

# A file imports only from the rows above its own.
LAYERS = [
    "__init__ errors names filters exchange bundled tree cache findings checklist".split()
    + "parses listed".split(),
    "apart ending spec lock project history merge git".split(),
    "endpoint wording disk yamlnodes facts discover".split(),
    "consistency context templates plan environment source fresh servers".split(),
    "specfile render apply unfinished output measures shift pending follow recall".split()
    + "tables fixes linting".split(),
    "undo base".split(),
    "fleet rules".split(),
    "questionnaire listing runner live".split(),
    "create verdicts reports update status branch bundle probes".split(),
    "check".split(),
    "mending".split(),
    "checking".split(),
    "cli".split(),
    "__main__".split(),
]
ROW = {name: row for row, names in enumerate(LAYERS) for name in names}


def layer_of(path: Path) -> int:
    """The row of a file; the files of a folder stand in one row."""
    return ROW[folder_of(path) or path.stem]


def folder_of(path: Path) -> str:
    """The folder of waddlegen that a file is in; empty for its own files."""
    return next((name for name, paths in FOLDERS.items() if path in paths), "")


def imports(path: Path) -> set[str]:
    """The names of everything a file imports, those under TYPE_CHECKING left out."""
    found: set[str] = set()
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom(module="waddlegen"):
                found |= {f"waddlegen.{alias.name}" for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
    return found


def test_every_file_has_a_layer() -> None:
    """A new file is given its place here."""
    assert {path.stem for path in FILES} | set(FOLDERS) == set(ROW)


@pytest.mark.parametrize(
    "path",
    [*FILES, *CHECKS, *FACTS, *RULES, *LIVE, *PROBES],
    ids=lambda path: path.stem,
)
def test_imports_point_downwards(path: Path) -> None:
    """Data flows one way, so imports do."""
    inside = {
        n.removeprefix("waddlegen.")
        for n in imports(path)
        if n.startswith("waddlegen.")
    }
    own = folder_of(path)
    outside = {name for name in inside if name.split(".")[0] != own}
    same = {own}
    upwards = {
        n for n in outside - same if ROW.get(n.split(".")[0], 0) >= layer_of(path)
    }

    assert set() == upwards


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_of_a_folder_import_in_one_direction(folder: str) -> None:
    """No file of a folder imports itself through others of it."""
    own = f"waddlegen.{folder}."
    below = {
        path.stem: {
            name.removeprefix(own) for name in imports(path) if name.startswith(own)
        }
        for path in FOLDERS[folder]
    }

    TopologicalSorter(below).prepare()


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("jinja2", {"render", "filters"}),
        ("copier", {"questionnaire"}),
        ("typer", {"cli"}),
        ("ruamel", {"templates", "listing"}),
        ("yaml", {"yamlnodes", "parses"}),
        ("flask_core", set()),
    ],
)
def test_a_library_has_one_place(library: str, allowed: set[str]) -> None:
    """What a library is for is wrapped once."""
    users = {
        path.stem
        for path in FILES
        for name in imports(path)
        if name.split(".")[0] == library
    }

    assert users <= allowed


WRITERS = {"write_text", "write_bytes", "unlink", "rename", "replace_file", "rmtree"}


def test_only_apply_writes() -> None:
    """The user's files are written in one place; environments and facts are caches."""
    guilty = {
        path.stem
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in WRITERS
    }

    assert guilty <= {"apply", "exchange", "environment", "cache"}


def test_the_version_is_told_without_loading_the_commands() -> None:
    """`--version` imports neither typer nor pydantic nor Jinja."""
    code = (
        "import sys; sys.argv = ['waddlegen', '--version']\n"
        "from waddlegen.__main__ import main; main()\n"
        "print(sorted({'typer', 'pydantic', 'jinja2', 'ruamel'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert f"waddlegen {waddlegen.__version__}\n[]\n" == done.stdout


def test_a_check_of_paths_loads_no_parser(tmp_path: Path) -> None:
    """`check PATH` imports neither typer nor pydantic, and answers as it does with them."""
    (tmp_path / "app.py").write_text("import os\nquart = os\n")
    code = (
        "import sys; sys.argv = ['waddlegen', *sys.argv[1:]]\n"
        "from waddlegen.__main__ import main\n"
        "try: main()\n"
        "finally: print(sorted({'typer', 'pydantic'} & set(sys.modules)))"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-c", code, "check", str(tmp_path), *words],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / f"cache{len(words)}")},
        )
        for words in ((), ("--format", "text"))
    ]

    plain, parsed = (each.stdout.splitlines() for each in answers)
    assert "app.py" in answers[0].stdout
    assert ["[]", "['pydantic', 'typer']"] == [plain.pop(), parsed.pop()]
    assert plain == parsed
    assert [1, 1] == [each.returncode for each in answers]
