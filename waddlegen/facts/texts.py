"""Facts of the small text files beside the code: requirements, README, environment example."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

_REQUIREMENT = re.compile(
    r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*([^;#]*)"
)
_ENV_LINE = re.compile(r"^\s*(?:#\s*)?(?:export\s+)?([A-Z][A-Z0-9_]{1,})\s*=(.*)$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: its normalised name, its bounds, and where it is written."""

    name: str
    bounds: str
    path: str
    line: int
    raw: str = ""


def normal(name: str) -> str:
    """A distribution's name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(text: str, path: str) -> Iterator[Requirement]:
    """The requirements of one file; options and links are left out."""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "-")):
            if stripped.startswith("-e") or "egg=" in stripped:
                name = stripped.rpartition("egg=")[2].partition("&")[0]
                name = name.rpartition("/")[2]
                yield Requirement(normal(name), "local", path, number, stripped)
            continue
        if stripped.startswith(
            ("git+", "http://", "https://", "./", "../", "/", "file:")
        ):
            name = stripped.rpartition("/")[2].partition("@")[0].removesuffix(".git")
            yield Requirement(normal(name), "local", path, number, stripped)
            continue
        match = _REQUIREMENT.match(stripped)
        if match:
            bounds = match[3].strip()
            yield Requirement(normal(match[1]), bounds, path, number, stripped)


_INCLUDE = re.compile(r"^\s*(?:-r|--requirement)(?:\s+|=|(?=[\w./]))(\S+)")


def included(text: str) -> Iterator[tuple[int, str]]:
    """The lines by which a file of requirements takes in another, and the name of that."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _INCLUDE.match(line)
        if found:
            yield number, found[1]


def project_requirements(
    text: str, path: str, installed: str | None = None
) -> Iterator[Requirement]:
    """The requirements of a pyproject.toml, of PEP 621 or of poetry.

    Of its extras those that some commands install; all of them when no commands are known.
    """
    if "dependencies" not in text:
        return
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    listed: list[str] = []
    match data:
        case {"project": {"dependencies": list(found)}}:
            listed += [each for each in found if isinstance(each, str)]
    match data:
        case {"tool": {"poetry": {"dependencies": dict(named)}}}:
            listed += [str(name) for name in named if name != "python"]
    match data:
        case {"project": {"optional-dependencies": dict(extras)}}:
            for extra, found in extras.items():
                if isinstance(found, list) and _is_installed(str(extra), installed):
                    listed += [each for each in found if isinstance(each, str)]
    lines = text.splitlines()
    for each in listed:
        match_ = _REQUIREMENT.match(each)
        if match_:
            line = next((n for n, row in enumerate(lines, 1) if match_[1] in row), 1)
            yield Requirement(normal(match_[1]), match_[3].strip(), path, line, each)


def _is_installed(extra: str, commands: str | None) -> bool:
    """Whether some commands install an extra of a project."""
    if commands is None or "--all-extras" in commands:
        return True
    name = re.escape(extra)
    asked = rf"\[[^\]\n]*\b{name}\b[^\]\n]*\]|(-E|--extras?)[ =][^\n]*\b{name}\b"
    return re.search(asked, commands) is not None


def env_names(text: str) -> dict[str, tuple[str, int]]:
    """The variables of an environment example: value and line, commented ones too."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _ENV_LINE.match(line)
        if match:
            found.setdefault(match[1], (match[2].strip(), number))
    return found
