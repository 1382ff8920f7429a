"""Whether a text still reads as what its name promises; pure."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

_INSTRUCTIONS = frozenset(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN"
    " SHELL STOPSIGNAL USER VOLUME WORKDIR".split()
)
_ONCE = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK"})


def fault(path: PurePosixPath, text: str) -> str | None:
    """Why the text is not what its path says; None when it is, or any text will do."""
    reader = _reader(path)
    return None if reader is None else reader(text)


def _reader(path: PurePosixPath) -> Callable[[str], str | None] | None:
    """What reads a file of this kind."""
    if (
        path.name == "Dockerfile"
        or path.name.startswith("Dockerfile.")
        and (path.suffix != ".dockerignore")
    ):
        return _dockerfile
    if path.name.startswith(".env"):
        return _environment
    match path.suffix:
        case ".py":
            return _python
        case ".yaml" | ".yml":
            return _yaml
        case ".toml":
            return _toml
        case ".json":
            return _json
    return None


def _python(text: str) -> str | None:
    """Whether Python compiles it, and defines no function twice in one place."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return str(error)
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.ClassDef):
            twice = _twice([*_defined(scope)])
            if twice:
                return f"{twice} is defined twice"
    return None


def _defined(scope: object) -> list[str]:
    """The plain functions and classes of one scope; decorated ones may share a name."""
    import ast

    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body = getattr(scope, "body")
    return [part.name for part in body if isinstance(part, kinds) and _is_plain(part)]


def _is_plain(part: object) -> bool:
    """Whether no decorator gives a second definition its sense, as a setter has."""
    return not any("." in _dotted(each) for each in getattr(part, "decorator_list"))


def _dotted(node: object) -> str:
    """The decorator's name when it is not called, such as `value.setter`."""
    import ast

    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def _twice(names: list[str]) -> str | None:
    """The first name that stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _yaml(text: str) -> str | None:
    """Whether YAML reads it, with no key twice in one mapping."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for document in yaml.compose_all(text, Loader=loader):
            stack = [document]
            while stack:
                node = stack.pop()
                if isinstance(node, yaml.MappingNode):
                    keys = [str(key.value) for key, _ in node.value]
                    twice = _twice(keys)
                    if twice:
                        return f"the key {twice} stands twice"
                    stack += [value for _, value in node.value]
                elif isinstance(node, yaml.SequenceNode):
                    stack += node.value
    except yaml.YAMLError as error:
        return str(error)
    return None


def _toml(text: str) -> str | None:
    """Whether TOML reads it."""
    import tomllib

    try:
        tomllib.loads(text)
    except ValueError as error:
        return str(error)
    return None


def _json(text: str) -> str | None:
    """Whether JSON reads it, with no key twice in one object."""
    import json

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        """Refuse an object with a key that stands twice."""
        twice = _twice([key for key, _ in pairs])
        if twice:
            raise ValueError(f"the key {twice} stands twice")
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        return str(error)
    return None


def _environment(text: str) -> str | None:
    """Whether each line sets a variable, none twice."""
    names = []
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            found = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", line)
            if found is None:
                return f"not a variable: {line}"
            names.append(found[1])
    twice = _twice(names)
    return f"{twice} is set twice" if twice else None


def _dockerfile(text: str) -> str | None:
    """Whether each logical line is an instruction, and none that counts once stands twice."""
    stage: list[str] = []
    going_on = False
    for line in text.split("\n"):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if not going_on:
            word = bare.split()[0].upper()
            if word not in _INSTRUCTIONS:
                return f"not an instruction: {bare}"
            stage = [] if word == "FROM" else stage
            if word in _ONCE and word in stage:
                return f"{word} stands twice in one stage"
            stage.append(word)
        going_on = bare.endswith("\\")
    return "the last line ends in the middle" if going_on else None
