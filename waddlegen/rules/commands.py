"""What images, manifests and Compose files start, held against the files of the module."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import PythonFile
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.pods import main_containers
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_SERVED = re.compile(
    r"\b(?:hypercorn|uvicorn|gunicorn|daphne)\b[^;&|]*?\s[\"']?"
    r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)(?:\(\))?(?![\w:/@])"
)
_RUN = re.compile(
    r"\bpython3?(?:\.\d+)?\s+(?:-[uOBIE]+\s+)*(?:-m\s+([A-Za-z_][\w.]*)|([\w./-]+\.py)\b)"
)


@rule("WB815", severity=Severity.ERROR, topic="docker", checklist="P1")
def nothing_to_start(module: ModuleSource) -> Iterator[Problem]:
    """What an image, a manifest or a Compose file starts is not there.

    The container ends as soon as it starts. Name a file that the module has, and what that
    file calls its application.

    Bad:
        CMD ["hypercorn", "main:app"]      # the module has app.py
    Good:
        CMD ["hypercorn", "app:app"]
    """
    if not module.python:
        return
    for text, place in _commands(module):
        for dotted, name in _SERVED.findall(text):
            fault = _unserved(module, dotted, name)
            if fault:
                yield _at(place, fault)
        for dotted, path in _RUN.findall(text):
            if path and not _is_there(module, path):
                yield _at(place, f"there is no {path}")
            elif dotted and _is_own(module, dotted) and not _file(module, dotted):
                if not _file(module, f"{dotted}.__main__"):
                    yield _at(place, f"there is no {dotted.replace('.', '/')}.py")


def _at(place: Problem, message: str) -> Problem:
    """What is wrong at a command."""
    return Problem(place.path, place.line, message, place.column, topic=place.topic)


def _commands(module: ModuleSource) -> Iterator[tuple[str, Problem]]:
    """What starts the module, as one line, and where it stands."""
    delivery = module.delivery
    file = delivery.dockerfile
    if file is not None and file.final is not None:
        inherited = file.inherited(file.final)
        last = {i.keyword: i for i in inherited if i.keyword in ("CMD", "ENTRYPOINT")}
        for each in last.values():
            text = " ".join(each.words) if each.words is not None else each.text
            yield text, Problem(file.path, each.line, "")
    for pod in delivery.manifests.pods:
        for container in main_containers(delivery, pod):
            for key in ("command", "args"):
                node = container.node[key]
                text = _line(node)
                place = container.problem(node, "")
                yield text, Problem(place.path, place.line, "", topic="k8s")
    for service in delivery.compose:
        for key in ("command", "entrypoint"):
            node = service.node[key]
            yield _line(node), service.problem(node, "")


def _line(node: Node) -> str:
    """A command as one line, however it is written."""
    if node.text is not None:
        return node.text
    return " ".join(item.text or "" for item in node)


def _file(module: ModuleSource, dotted: str) -> PythonFile | None:
    """The file of the module that a dotted name means."""
    path = dotted.replace(".", "/")
    ends = (f"/{path}.py", f"/{path}/__init__.py")
    return next((f for f in module.every_python if f"/{f.path}".endswith(ends)), None)


def _is_own(module: ModuleSource, dotted: str) -> bool:
    """Whether a dotted name begins with a folder of the module that is a package."""
    first, _, rest = dotted.partition(".")
    return bool(rest) and any(
        file.path.startswith(f"{first}/") or f"/{first}/" in file.path
        for file in module.every_python
    )


def _is_there(module: ModuleSource, path: str) -> bool:
    """Whether some file of the module, or of what its image copies, may be meant."""
    name = path.rpartition("/")[2]
    if any(inside.rpartition("/")[2] == name for inside in module.files):
        return True
    return _is_made(module, name)


def _is_made(module: ModuleSource, name: str) -> bool:
    """Whether the Dockerfile brings a file of a name from elsewhere."""
    file = module.delivery.dockerfile
    return file is None or any(
        name in each.script
        for each in file.instructions
        if each.keyword not in ("CMD", "ENTRYPOINT", "HEALTHCHECK")
    )


def _unserved(module: ModuleSource, dotted: str, name: str) -> str:
    """What is wrong with an application that a server is to take from a file."""
    last = dotted.rpartition(".")[2]
    file = _file(module, dotted)
    if file is None:
        own = "." not in dotted or _is_own(module, dotted)
        shared = _is_made(module, f"{last}.py") or _is_installed(module, dotted)
        return "" if shared or not own else f"there is no {last}.py to serve"
    given = {assign.target for assign in file.module.assigns}
    given |= {function.name for function in file.functions if function.parent == 0}
    given |= {each.alias for each in file.imports}
    given |= {made.name for made in file.classes}
    guarded = any(each.name == "*" for each in file.imports) or file.problem
    if guarded or name in given or _is_late(file, name):
        return ""
    return f"{file.path} has no `{name}`"


def _is_late(file: PythonFile, name: str) -> bool:
    """Whether a name is given in a function that says that it is one of the file."""
    return any(name in function.globals for function in file.functions)


def _is_installed(module: ModuleSource, dotted: str) -> bool:
    """Whether a name is that of a folder or file of the repository or of a requirement."""
    first = dotted.partition(".")[0]
    if first in module.repository_files or f"{first}.py" in module.repository_files:
        return True
    listed = module.requirements or ()
    return any(each.name.replace("-", "_") == first for each in listed)
