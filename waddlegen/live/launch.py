"""Find out how a module is started: as its Dockerfile says, else as its code shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waddlegen.facts.delivery import image_variables
from waddlegen.facts.dockerfile import expand
from waddlegen.facts.python import PythonFile
from waddlegen.source import ModuleSource

_SERVERS = frozenset({"hypercorn", "uvicorn", "gunicorn", "daphne"})
_BOUND = re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1|localhost|\[::\]|\[::1\]):\S+")
_HOST = re.compile(r"(--host(?:=|\s+))\S+")
_PORT = re.compile(r"(--port(?:=|\s+)|(?:^|\s)-p\s+)\S+")
_WORKERS = re.compile(r"((?:--workers|--threads)(?:=|\s+)|(?:^|\s)-w\s+)\S+")
_ENTERS = re.compile(r"\bcd\s+/\S+\s*(?:&&|;)")


@dataclass(frozen=True, slots=True)
class Launch:
    """A command that starts a module, and where that is written."""

    command: str
    path: str
    line: int


def launches(source: ModuleSource, port: int) -> Iterator[Launch]:
    """The ways to start a module on a port, the likeliest first."""
    written = _of_dockerfile(source, port)
    if written is not None:
        yield written
    yield from _of_code(source, port)


def _of_dockerfile(source: ModuleSource, port: int) -> Launch | None:
    """What the image runs, on this machine."""
    dockerfile = source.delivery.dockerfile
    if dockerfile is None or dockerfile.final is None:
        return None
    parts: list[str] = []
    line = 0
    for keyword in ("ENTRYPOINT", "CMD"):
        found = [
            i for i in dockerfile.inherited(dockerfile.final) if i.keyword == keyword
        ]
        if found:
            line = found[-1].line
            words = found[-1].words
            parts.append(found[-1].text if words is None else _shell(words))
    if not parts:
        return None
    known = {**image_variables(dockerfile), "MODULE_PORT": str(port), "PORT": str(port)}
    command = here(" ".join(parts), port, known)
    return Launch(command, dockerfile.path, line)


def _shell(words: tuple[str, ...]) -> str:
    """The exec form as a shell says it; the script itself for `sh -c`."""
    if len(words) >= 3 and words[0].rpartition("/")[2] in {"sh", "bash"}:
        if words[1] in {"-c", "-ec", "-lc"}:
            return words[2]
    return " ".join(word if "$" in word else shlex.quote(word) for word in words)


def here(command: str, port: int, known: Mapping[str, str]) -> str:
    """A command of an image, bound to loopback on this port, with one worker."""
    command = _ENTERS.sub("", expand(command, known))
    command = command.replace("/app/", "./").replace("/usr/local/bin/", "")
    if _SERVERS.isdisjoint(re.findall(r"\w+", command)):
        return command
    command = _BOUND.sub(f"127.0.0.1:{port}", command)
    command = _HOST.sub(r"\g<1>127.0.0.1", command)
    command = _PORT.sub(rf"\g<1>{port}", command)
    return _WORKERS.sub(r"\g<1>1", command)


def _of_code(source: ModuleSource, port: int) -> Iterator[Launch]:
    """How the file that makes the application can be served, or simply run."""
    entry = source.entry
    if entry is None:
        return
    dotted = entry.path.removesuffix(".py").replace("/", ".")
    line = made_at(entry)
    where = source.path(entry.path)
    place = f"--host 127.0.0.1 --port {port}"
    for target in _targets(entry):
        tool = "flask" if makes(source, "Flask") else "quart"
        command = f"python -m {tool} --app '{dotted}:{target}' run {place}"
        yield Launch(command, where, line)
    if entry.main_guard:
        yield Launch(f"python {entry.path}", where, line)


def _targets(entry: PythonFile) -> Iterator[str]:
    """The application's name in a file, or the call that makes it."""
    for call in entry.module.calls:
        if call.last in {"Quart", "Flask", "create_app", "make_app"} and call.target:
            yield call.target
            return
    for function in entry.functions:
        if not function.nested and re.fullmatch(
            r"(create|make|build)_app", function.name
        ):
            yield f"{function.name}()"
            return


def makes(source: ModuleSource, framework: str) -> bool:
    """Whether the program calls a framework's application class."""
    return any(call.last == framework for file in source.python for call in file.calls)


def made_at(entry: PythonFile) -> int:
    """The line where the application is made."""
    for call in entry.calls:
        if call.last in {"Quart", "Flask", "create_app"}:
            return call.line
    return 1
