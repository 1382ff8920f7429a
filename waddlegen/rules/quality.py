"""Format, lint, types and docstrings."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from waddlegen import cache
from waddlegen.findings import Problem, Severity
from waddlegen.linting import TIMEOUT, judged, tool
from waddlegen.measures import needs_docstring
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

# Length and space: one finding a file, since one run of black mends them all.
_LAYOUT = re.compile(r"E[1235]|W[1235]")


def _run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str] | None:
    """Run a tool without letting it hang."""
    try:
        return subprocess.run(
            words,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _note_engine(module: ModuleSource, engine: str) -> None:
    """Say which tool has spoken."""
    module.__dict__["lint_engines"] = (*module.lint_engines, engine)


def _written(module: ModuleSource) -> list[str]:
    """The Python files that somebody wrote, and that can be read."""
    return [f.path for f in module.every_python if not f.problem and not f.is_generated]


@rule("WB201", severity=Severity.ERROR, topic="lint", checklist="CQ1")
def unformatted_file(module: ModuleSource) -> Iterator[Problem]:
    """A file is not formatted as black would.

    Diffs then show spaces instead of changes. Run black.

    Bad:
        x = {'a':1}
    Good:
        x = {"a": 1}
    """
    files = _written(module)
    if not files:
        return
    if module.exact:
        yield from _black(module, files)
        return
    said = judged(module, files)
    if said is None:
        return
    _note_engine(module, "ruff format")
    for path in said.unformatted:
        inside = path.relative_to(module.folder).as_posix()
        yield module.problem(inside, 1, "black would format this file")


def _black(module: ModuleSource, files: list[str]) -> Iterator[Problem]:
    """As above, by black itself."""
    black = tool("black")
    if not black:
        return
    done = _run([black, "--check", "--quiet", "-v", "--", *files], module.folder)
    if done is None:
        return
    _note_engine(module, "black")
    for match in re.finditer(r"^would reformat (.+)$", done.stderr, re.M):
        path = Path(match[1])
        if path.is_absolute():
            path = path.relative_to(module.folder)
        yield module.problem(path.as_posix(), 1, "black would format this file")


@rule("WB202", severity=Severity.ERROR, topic="lint", checklist="CQ1")
def lint_finding(module: ModuleSource) -> Iterator[Problem]:
    """flake8 finds something: unused names, undefined ones, comparisons that mislead.

    Its rules E, F and W at 88 columns, or as many as its own settings say; E203 and W503 left
    out. By default ruff speaks for it.

    Bad:
        import os          # never used
    Good:
        only imports that are used
    """
    files = _written(module)
    if not files:
        return
    if module.exact:
        yield from _flake8(module, files)
        return
    said = judged(module, files)
    if said is None:
        return
    _note_engine(module, "ruff check")
    layout: dict[str, list[tuple[int, str]]] = {}
    for each in said.lint:
        inside = each.path.relative_to(module.folder).as_posix()
        text = f"{each.code} {each.message}"
        if _LAYOUT.match(each.code):
            layout.setdefault(inside, []).append((each.line, text))
        else:
            yield module.problem(inside, each.line, text, each.column)
    for inside, listed in layout.items():
        line, first = min(listed)
        more = f", and {len(listed) - 1} more of layout" if len(listed) > 1 else ""
        yield module.problem(inside, line, first + more)


def _flake8(module: ModuleSource, files: list[str]) -> Iterator[Problem]:
    """As above, by flake8 itself."""
    done = _run(
        [
            sys.executable,
            "-m",
            "flake8",
            "--max-line-length",
            "88",
            "--extend-ignore",
            "E203,W503",
            "--",
            *files,
        ],
        module.folder,
    )
    if done is None or "No module named" in done.stderr:
        return
    _note_engine(module, "flake8")
    for match in re.finditer(r"^(.+?):(\d+):(\d+): (.+)$", done.stdout, re.M):
        path = match[1].removeprefix("./")
        yield module.problem(path, int(match[2]), match[4], int(match[3]))


@rule("WB203", severity=Severity.ERROR, topic="lint", checklist="CQ1")
def type_finding(module: ModuleSource) -> Iterator[Problem]:
    """mypy finds a value used as what it is not.

    Runs only with --exact, for it needs the libraries and takes seconds.

    Bad:
        def port() -> int: return os.getenv("PORT")
    Good:
        def port() -> int: return int(os.environ["PORT"])
    """
    if not module.exact or not module.python:
        return
    words = [
        sys.executable,
        "-m",
        "mypy",
        "--explicit-package-bases",
        "--no-error-summary",
        "--show-column-numbers",
        "--ignore-missing-imports",
        "--no-color-output",
        f"--cache-dir={cache.folder('mypy')}",
        ".",
    ]
    done = _run(words, module.folder)
    if done is None or "No module named mypy" in done.stderr:
        return
    _note_engine(module, "mypy")
    for match in re.finditer(r"^(.+?):(\d+):(\d+): error: (.+)$", done.stdout, re.M):
        yield module.problem(
            match[1].removeprefix("./"), int(match[2]), match[4], int(match[3])
        )


def tidy(text: str, path: Path) -> str:
    """A text as ruff formats it, without unused imports; the text itself without ruff."""
    ruff = tool("ruff")
    if not ruff:
        return text
    for words in (
        [
            "check",
            "--fix-only",
            "--select",
            "F401,F541,W,E711,E712",
            "--exit-zero",
            "-q",
        ],
        ["format", "-q"],
    ):
        done = subprocess.run(
            [
                ruff,
                *words,
                "--isolated",
                "--no-cache",
                "--stdin-filename",
                path.name,
                "-",
            ],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
        )
        if done.returncode == 0 and done.stdout:
            text = done.stdout
    return text


@rule("WB204", severity=Severity.WARNING, topic="docstring", checklist="CQ2")
def undocumented_function(module: ModuleSource) -> Iterator[Problem]:
    """A function has no docstring.

    The reader has to find out what it promises. Say it in one sentence.

    Bad:
        def score(user): ...
    Good:
        def score(user):
            \"\"\"The user's reputation, between 300 and 850.\"\"\"
    """
    for file, function in module.functions():
        if needs_docstring(function) and not function.documented:
            what = "method" if function.cls else "function"
            yield module.problem(
                file, function.line, f"the {what} `{function.name}` has no docstring"
            )
