"""Keep what both sides add at one place of a list: requirements, imports, keys, routes; pure."""

import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

Lines = tuple[str, ...]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=")
_KEY = re.compile(r"""(?:- +)?(["']?[\w./$-]+["']?)\s*:(?=\s|$)""")
_ITEM = re.compile(r"- +(?:name|key|id) *: *(\S+)")
_TOML = re.compile(r"([\w.\"'-]+)\s*=")
_DEFINITION = re.compile(r"(?:async\s+)?(?:def|class)\s+(\w+)")
_IMPORT = re.compile(r"(?:from\s+\S+\s+)?import\s+\w|\w+(?:\s+as\s+\w+)?,$")


def both(template: Lines, yours: Lines, path: PurePosixPath) -> Lines | None:
    """The template's new entries and then yours, each once; None where this is no list."""
    names = _reader(path)
    ended = [_ended(side) for side in (template, yours)]
    if names is None or not all(ended):
        return None
    theirs, mine = names(template), names(yours)
    if theirs is None or mine is None:
        return None
    left = tuple(line for line in yours if line not in template or not line.strip())
    if set(theirs) & set(names(left) or ()):
        return None
    return (*template, *left) if _whole(yours, left) else None


def _ended(lines: Lines) -> bool:
    """Whether each line has its end, so that another can follow."""
    return all(line.endswith("\n") for line in lines)


def _whole(yours: Lines, left: Lines) -> bool:
    """Whether nothing was left out of the middle of an entry of several lines."""
    return left == yours or not any(line[:1].isspace() for line in yours)


Names = Callable[[Sequence[str]], list[str] | None]


def _reader(path: PurePosixPath) -> Names | None:
    """What tells the entries of a file of this kind; None for a file without lists."""
    name = path.name
    if name.startswith("requirements") or name in ("constraints.txt",):
        return _requirements
    if name.startswith(".env"):
        return _variables
    if name.endswith("ignore"):
        return _patterns
    match path.suffix:
        case ".py":
            return _python
        case ".yaml" | ".yml":
            return _yaml
        case ".toml":
            return _toml
        case ".md":
            return _table
    return None


def _each(lines: Sequence[str], pattern: re.Pattern[str]) -> list[str] | None:
    """The name each line begins with, blank lines and comments left out."""
    names = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = pattern.match(text)
        if found is None:
            return None
        names.append(found[found.lastindex or 0].lower().replace("_", "-"))
    return names


def _requirements(lines: Sequence[str]) -> list[str] | None:
    """The packages that are asked for."""
    return _each(lines, _NAME)


def _variables(lines: Sequence[str]) -> list[str] | None:
    """The variables of an environment file."""
    return _each(lines, _VARIABLE)


def _patterns(lines: Sequence[str]) -> list[str] | None:
    """The lines of an ignore file; one that allows again depends on its place."""
    if any(line.startswith("!") for line in lines):
        return None
    return [line.strip() for line in lines if line.strip()]


def _python(lines: Sequence[str]) -> list[str] | None:
    """Imports, or whole functions and classes."""
    texts = [line.strip() for line in lines if line.strip()]
    if all(_IMPORT.match(text) for text in texts):
        return texts
    return _definitions(lines)


def _definitions(lines: Sequence[str]) -> list[str] | None:
    """The names of functions and classes that stand whole in some lines."""
    import ast

    try:
        parts = ast.parse(textwrap.dedent("".join(lines))).body
    except (SyntaxError, ValueError):
        return None
    whole = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [part.name for part in parts if isinstance(part, whole)]
    return names if names and len(names) == len(parts) else None


def _yaml(lines: Sequence[str]) -> list[str] | None:
    """The keys or items that begin at the least indentation of some lines."""
    texts = [line for line in lines if line.strip()]
    if not texts:
        return []
    indent = len(texts[0]) - len(texts[0].lstrip(" "))
    names = []
    for line in texts:
        depth = len(line) - len(line.lstrip(" "))
        if depth < indent:
            return None
        if depth > indent or line.lstrip().startswith("#"):
            continue
        text = line.strip()
        found = _ITEM.match(text)
        if found is None and text.startswith("- "):
            names.append(f"{indent}- {text}")
            continue
        found = found or _KEY.match(text)
        if found is None:
            return None
        names.append(f"{indent}{text[:1] == '-'}{found[1]}")
    return names


def _toml(lines: Sequence[str]) -> list[str] | None:
    """Keys of one line each, or the quoted items of an array."""
    texts = [line.strip() for line in lines if line.strip()]
    if all(text[:1] in "\"'" and text.endswith(",") for text in texts):
        return texts
    if any(text.startswith("[") for text in texts):
        return None
    return _each(lines, _TOML)


def _table(lines: Sequence[str]) -> list[str] | None:
    """The first cells of a Markdown table, or the items of a list."""
    texts = [line.strip() for line in lines if line.strip()]
    if all(text.startswith("|") and text.endswith("|") for text in texts):
        return [text.split("|")[1].strip() for text in texts]
    return texts if all(text.startswith(("- ", "* ")) for text in texts) else None
