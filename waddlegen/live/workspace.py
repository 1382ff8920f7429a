"""A throw-away copy of a module with what lies around it, and an environment to run it in."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from waddlegen import bundled, environment
from waddlegen.discover import SKIPPED
from waddlegen.facts.texts import normal, project_requirements, requirements
from waddlegen.live import sandbox
from waddlegen.source import ModuleSource

BESIDE = ("libs", "lib", "shared", "common", "proto", "protos", "migrations", "scripts")
LARGEST = 20_000_000
TOOLS = "pytest>=8\npytest-asyncio>=0.26\npytest-timeout\ncoverage>=7\n"
_NO_NETWORK = re.compile(
    r"NewConnectionError|Failed to establish|name resolution|Network is unreachable|"
    r"Connection refused|ProxyError|Read timed out|ConnectTimeout",
    re.IGNORECASE,
)


class Unavailable(Exception):
    """Something could not be run; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python of a module's environment, and how well its requirements resolved."""

    python: Path
    note: str
    conflict: str = ""
    unresolved: str = ""


def copied(source: ModuleSource, target: Path) -> Path:
    """Copy a module, and what its repository shares, below a folder; where it is then."""
    root, folder = source.repository.resolve(), source.folder.resolve()
    inside = folder.relative_to(root)
    target.mkdir(parents=True, exist_ok=True)
    if inside != Path():
        for name in (*BESIDE, "pyproject.toml", "requirements.txt", "alembic.ini"):
            path = root / name
            if path.is_dir() and not folder.is_relative_to(path):
                _copy_tree(path, target / name)
            elif path.is_file():
                shutil.copy2(path, target / name)
    _copy_tree(folder, target / inside)
    return target / inside


def _copy_tree(start: Path, target: Path) -> None:
    """Copy a folder without what tools leave behind; links and large files stay away."""

    def unwanted(base: str, names: list[str]) -> set[str]:
        """The names that are not copied."""
        return {n for n in names if n in SKIPPED or _is_odd(Path(base) / n)}

    shutil.copytree(start, target, ignore=unwanted, dirs_exist_ok=True)


def _is_odd(path: Path) -> bool:
    """Whether a path is no plain file or folder of a usual size."""
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return True
    return path.is_file() and path.stat().st_size > LARGEST


def search_path(source: ModuleSource, root: Path, folder: Path) -> str:
    """PYTHONPATH of the copy: the module, its repository and libraries, our own last."""
    # A distribution below libs/ holds its package; a package itself must not be entered.
    inner = [path.parent for path in sorted(root.glob("libs/*/*/__init__.py"))]
    inner = [
        path.parent for path in inner if not (path.parent / "__init__.py").exists()
    ]
    places = [folder, folder / "src", root, root / "libs", *inner, root / "lib"]
    found = [str(place) for place in places if place.is_dir()]
    if not (root / "libs" / "flask_core").is_dir():
        found.append(str(bundled.TEMPLATES / "libs"))
    return os.pathsep.join(dict.fromkeys(found))


def written(source: ModuleSource) -> str:
    """The requirements of a module and of its flask_core, a line each."""
    lines: dict[str, str] = {}
    for each in source.requirements or ():
        if each.bounds != "local":
            lines.setdefault(each.raw.partition(" #")[0].strip(), "")
    if source.imports("flask_core") and not source.generated_by_us:
        for raw in _of_core(source):
            lines.setdefault(raw, "")
    return "\n".join(lines) + "\n"


def _of_core(source: ModuleSource) -> Iterator[str]:
    """What the flask_core beside the module requires."""
    base = Path(source.core[0])
    for folder in (base, base.parent):
        for name, read in (
            ("requirements.txt", requirements),
            ("pyproject.toml", project_requirements),
        ):
            path = folder / name
            if path.is_file() and folder != source.repository / "libs":
                for each in read(path.read_text("utf-8", "replace"), name):
                    if each.bounds != "local":
                        yield each.raw.partition(" #")[0].strip()


def _for_tests(source: ModuleSource) -> str:
    """What the tests of a module require besides."""
    found = [TOOLS]
    for inside in source.files:
        if re.fullmatch(
            r"(tests/)?requirements[-_.]?(dev|test|tests|testing)\w*\.(txt|in)", inside
        ):
            listed = requirements(source.read(inside) or "", inside)
            found += [
                f"{e.raw.partition(' #')[0]}\n" for e in listed if e.bounds != "local"
            ]
    return "".join(found)


def interpreter(source: ModuleSource, seconds: float) -> Interpreter:
    """The Python that has what a module requires; installed once, kept by its requirements."""
    runtime, extra = written(source), _for_tests(source)
    try:
        python = _installed(f"{runtime}{extra}", (runtime, extra), seconds)
        return Interpreter(python, "its requirements were installed")
    except _Refused as refused:
        problem = refused.last
        if _NO_NETWORK.search(refused.output):
            here = _own(runtime)
            if here is None:
                raise Unavailable(f"pip install: {problem}") from None
            note = "no package index answers"
            return Interpreter(here, f"{note}; run by waddlegen's Python", "", note)
    loose = "".join(f"{_name(line)}\n" for line in runtime.splitlines() if line.strip())
    try:
        python = _installed(f"loose {loose}{TOOLS}", (loose, TOOLS), seconds)
    except _Refused as refused:
        raise Unavailable(f"pip install: {refused.last}") from None
    return Interpreter(python, "installed without its bounds", problem)


def _name(line: str) -> str:
    """A requirement without its bounds."""
    match = re.match(r"[\w.-]+(\[[^\]]*\])?", line.strip())
    return match[0] if match else ""


class _Refused(Exception):
    """Pip could not install something."""

    def __init__(self, output: str) -> None:
        """Keep what pip said."""
        super().__init__(output)
        self.output = output
        lines = [line for line in output.splitlines() if "ERROR" in line] or [output]
        self.last = lines[-1].replace("ERROR: ", "").strip()[:300]


def _installed(key: str, steps: tuple[str, ...], seconds: float) -> Path:
    """The Python of an environment with these requirements, installed one step at a time."""

    def install(python: Path) -> None:
        """Fill the environment."""
        for step in steps:
            if not step.strip():
                continue
            listed = python.parent.parent / "requirements.txt"
            listed.write_text(step, "utf-8")
            words = "-m pip install --quiet --disable-pip-version-check -r".split()
            try:
                done = sandbox.run(
                    [str(python), *words, str(listed)],
                    listed.parent,
                    dict(os.environ),
                    seconds,
                )
            except sandbox.Overrun as overrun:
                raise Unavailable(f"pip install: {overrun}") from None
            if done.code:
                raise _Refused(done.output)

    return environment.python_with(f"live {key}", install)


def _own(runtime: str) -> Path | None:
    """Our own Python, when everything required is there."""
    for line in runtime.splitlines():
        name = normal(_name(line).partition("[")[0])
        if not name:
            continue
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            return None
    return Path(sys.executable)
