"""A module as the rules see it: facts, each worked out once and only when asked for."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import stat
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache as cache_once
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

from waddlegen import cache, discover
from waddlegen.apart import apart
from waddlegen.discover import LARGEST, MOST_FILES
from waddlegen.facts import texts
from waddlegen.facts.alerts import rules_of
from waddlegen.facts.collect import collect
from waddlegen.facts.delivery import Delivery
from waddlegen.facts.kinds import Kinds, classes_of
from waddlegen.facts.manifests import objects_of
from waddlegen.facts.python import Call, Function, PythonFile
from waddlegen.facts.routes import Code, Route, routes
from waddlegen.facts.survey import Survey, survey
from waddlegen.facts.texts import Requirement
from waddlegen.facts.variables import EnvRead as EnvRead
from waddlegen.facts.variables import Ways, variables_of, ways_of
from waddlegen.findings import Problem

R = TypeVar("R")
# Where an example of the environment is looked for.
_EXAMPLES = (".env.example", ".env.sample", ".env.template", "env.example") + (
    *("example.env", ".env.dist", ".env-example", "env.sample"),
)
# Variables that every module reads.
_SHARED = re.compile(
    r"(MODULE|DB|DATABASE|POSTGRES|REDIS|LOG)_\w+|ROUTER_(URL|API_KEY)|API_KEY_SECRET|"
    r"API_KEYS|SERVICE_API_KEYS?|JWT_SECRET|SECRET_KEY|PORT|DEBUG|ENV|ENVIRONMENT"
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=]", re.MULTILINE)


@cache_once
def surveyed(repository: Path) -> Survey:
    """The files of a repository that say how its modules are delivered; looked for once."""
    return survey(repository)


def read_ahead(source: ModuleSource) -> None:
    """Have the flask_core of a repository read by another process, from now on."""
    _, folder = source._core_folder
    _coming[folder] = apart(lambda: _facts_of(folder))


def look_around(source: ModuleSource) -> None:
    """Read what all modules of a repository are held against, before they are shared out."""
    found = surveyed(source.repository)
    rules_of(found)
    for path in found.yaml:
        objects_of(found, path)
    _ = source.core


@dataclass
class ModuleSource:
    """One module in the repository it belongs to."""

    repository: Path
    folder: Path
    language: str = "python"
    exact: bool = False
    skipped: list[tuple[str, str]] = field(default_factory=list)
    instead: Mapping[Path, bytes] = field(default_factory=dict)

    @cached_property
    def relative(self) -> str:
        """The module's folder, from the repository; empty when it is the repository.

        A module that is in no repository at all is shown with its folder's name.
        """
        if self.folder == self.repository and not self._is_repository:
            return self.folder.name
        try:
            text = self.folder.relative_to(self.repository).as_posix()
        except ValueError:
            text = self.folder.as_posix()
        return "" if text == "." else text

    @cached_property
    def _is_repository(self) -> bool:
        """Whether there is a repository, and not only a folder."""
        core = self.repository / "libs" / "flask_core"
        return (self.repository / ".git").exists() or core.is_dir()

    @cached_property
    def shown_from(self) -> Path:
        """The folder that the paths of the report start in."""
        alone = self.folder == self.repository and not self._is_repository
        return self.repository.parent if alone else self.repository

    @property
    def name(self) -> str:
        """The module's name: that of its folder."""
        return self.folder.name

    def path(self, inside: str) -> str:
        """A path of the module as the report shows it."""
        return f"{self.relative}/{inside}" if self.relative else inside

    def problem(
        self,
        where: PythonFile | str,
        line: int,
        message: str,
        column: int = 1,
        hint: str = "",
        topic: str = "",
    ) -> Problem:
        """A problem in one of the module's files."""
        inside = where if isinstance(where, str) else where.path
        return Problem(self.path(inside), max(line, 1), message, column, hint, topic)

    @cached_property
    def delivery(self) -> Delivery:
        """How the module is built, deployed and watched."""
        place = self.folder.resolve().relative_to(self.repository.resolve()).as_posix()
        return Delivery(surveyed(self.repository), "" if place == "." else place)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file of the module, relative to its folder."""
        found = tuple(islice(discover.files(self.folder), MOST_FILES + 1))
        if len(found) > MOST_FILES:
            self.skipped.append((".", f"more than {MOST_FILES} files"))
        return found[:MOST_FILES]

    def read(self, inside: str) -> str | None:
        """The text of one of the module's files, or None."""
        return self._read(os.path.join(self.folder, inside), inside)

    def says(self, inside: str, word: bytes) -> bool:
        """Whether one of the module's files holds some plain characters."""
        data = self._bytes(os.path.join(self.folder, inside), inside)
        return data is not None and word in data

    def read_repository(self, inside: str) -> str | None:
        """The text of one of the repository's files, or None."""
        return self._read(os.path.join(self.repository, inside), inside)

    def _read(self, path: str, shown: str) -> str | None:
        """Text, when the file is there, small enough and readable."""
        data = self._bytes(path, shown)
        return None if data is None else _decode(data)

    def _bytes(self, path: str, shown: str) -> bytes | None:
        """A file's bytes, or those to be looked at instead; read once."""
        if path not in self._contents:
            self._contents[path] = self._found(path, shown)
        return self._contents[path]

    @cached_property
    def _contents(self) -> dict[str, bytes | None]:
        """What was read so far."""
        return {}

    def _found(self, path: str, shown: str) -> bytes | None:
        """As above, each time; devices are never opened."""
        if self.instead and Path(path) in self.instead:
            return self.instead[Path(path)]
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size > LARGEST:
                self.skipped.append((shown, f"larger than {LARGEST} bytes"))
                return None
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self.skipped.append((shown, error.strerror or "not readable"))
            return None

    def line_of(self, path: str, line: int) -> str:
        """One line of a file named as in a report."""
        lines = self._lines(path)
        return lines[line - 1] if 0 < line <= len(lines) else ""

    def _lines(self, path: str) -> list[str]:
        """The lines of a file, kept."""
        if path not in self._texts:
            text = self._read(os.path.join(self.shown_from, path), path) or ""
            self._texts[path] = text.splitlines()
        return self._texts[path]

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        """The lines of files that were shown."""
        return {}

    # What the code says.

    @cached_property
    def every_python(self) -> tuple[PythonFile, ...]:
        """The facts of every Python file, tests and generated ones too."""
        found = []
        kept = FactsCache(self.folder)
        kept.load()
        for inside in self.files:
            if inside.endswith(".py"):
                data = self._bytes(os.path.join(self.folder, inside), inside)
                if data is not None:
                    found.append(kept.facts(data, inside))
        if not self.instead:
            kept.keep()
        return tuple(found)

    @cached_property
    def python(self) -> tuple[PythonFile, ...]:
        """The files of the program itself: no tests, nothing that a tool generates."""
        return tuple(
            file
            for file in self.every_python
            if not file.is_test
            and not file.is_generated
            and "migrations" not in file.path.split("/")
            and "alembic" not in file.path.split("/")
        )

    @cached_property
    def tests(self) -> tuple[PythonFile, ...]:
        """The files of the tests."""
        return tuple(file for file in self.every_python if file.is_test)

    def once_for_all(self, key: object, work: Callable[[], R]) -> R:
        """What is worked out of flask_core, once for all modules that use it."""
        return surveyed(self.repository).once((key, self.core[0]), work)

    @cached_property
    def code(self) -> Code:
        """The program's functions by name."""
        library = self.once_for_all(Code, lambda: Code(self.core[1]))
        return Code(self.python, library=library)

    @cached_property
    def kinds(self) -> Kinds:
        """The classes of the program and of flask_core, and the names that hold theirs."""
        library = self.once_for_all(classes_of, lambda: classes_of(self.core[1]))
        return Kinds(self.code, library)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Every route, its path complete and its guards known."""
        return routes(self.code)

    @cached_property
    def entry(self) -> PythonFile | None:
        """The file that makes the application."""
        best: tuple[int, PythonFile] | None = None
        for file in self.python:
            makes = any(
                call.last in {"Quart", "Flask", "create_app"} for call in file.calls
            )
            depth = file.path.count("/")
            rank = depth * 10 + (0 if makes else 5)
            rank -= 4 if file.name in {"main.py", "app.py"} else 0
            if (makes or file.name in {"main.py", "app.py"}) and (
                best is None or rank < best[0]
            ):
                best = (rank, file)
        return best[1] if best else None

    @cached_property
    def generated_by_us(self) -> bool:
        """Whether waddlegen rendered it."""
        return (self.folder / ".waddlegen" / "lock.json").is_file()

    @cached_property
    def uses_create_app(self) -> bool:
        """Whether flask_core's create_app builds the application, with all it brings."""
        return any(
            each.module == "flask_core.app" and each.name == "create_app"
            for file in self.python
            for each in file.imports
        )

    def functions(self) -> Iterator[tuple[PythonFile, Function]]:
        """Every function of the program with its file."""
        for file in self.python:
            for function in file.functions:
                yield file, function

    def calls(self) -> tuple[tuple[PythonFile, Function, Call], ...]:
        """Every call of the program with its function and file."""
        return self._calls

    @cached_property
    def _calls(self) -> tuple[tuple[PythonFile, Function, Call], ...]:
        """As above, worked out once."""
        return tuple(
            (file, function, call)
            for file in self.python
            for function in file.functions
            for call in function.calls
        )

    @cached_property
    def calls_by_name(self) -> dict[str, list[tuple[Function, Call]]]:
        """Every call by the last part of its name, with the function it stands in."""
        found: dict[str, list[tuple[Function, Call]]] = {}
        for _, function, call in self._calls:
            found.setdefault(call.last, []).append((function, call))
            inner = run_elsewhere(call)
            if inner is not None:
                found.setdefault(inner.last, []).append((function, inner))
        return found

    @cached_property
    def called(self) -> frozenset[str]:
        """What its calls are to, by the last part of what each name was imported as."""
        return frozenset(
            self.code.origin(file, name).rpartition(".")[2]
            for file in self.python
            for name in {call.name for call in file.calls}
        )

    @cached_property
    def memory(self) -> dict[object, object]:
        """What was worked out for this module, by what worked it out."""
        return {}

    def once(self, key: object, work: Callable[[], R]) -> R:
        """What is worked out for this module, once."""
        if key not in self.memory:
            self.memory[key] = work()
        found: R = self.memory[key]  # type: ignore[assignment]
        return found

    def imports(self, module: str) -> bool:
        """Whether the program imports a library."""
        return module in self._imported

    @cached_property
    def _imported(self) -> frozenset[str]:
        """What the program imports, or imports from, and the packages that those are in."""
        names = {each.module for file in self.python for each in file.imports}
        return frozenset(
            name[:end]
            for name in names
            for end in (*(n for n, sign in enumerate(name) if sign == "."), len(name))
        )

    @cached_property
    def is_service(self) -> bool:
        """Whether it serves HTTP at all."""
        return bool(self.routes) or self.uses_create_app

    # What the files beside the code say.

    @cached_property
    def readme(self) -> str | None:
        """The README's text, or None."""
        for name in ("README.md", "README.rst", "README.txt", "README", "readme.md"):
            text = self.read(name)
            if text is not None:
                return text
        return None

    @cached_property
    def documents(self) -> tuple[tuple[str, str], ...]:
        """Path and text of the documents that are about this module, README first."""
        found: list[tuple[str, str]] = []
        for inside in self.files:
            name = inside.rpartition("/")[2]
            if name.lower().startswith("openapi") or name.lower().endswith(".md"):
                text = self.read(inside)
                if text is not None:
                    found.append((self.path(inside), text))
        known = {path for path, _ in found}
        for path, text in (*self._repository_documents, *self._named_documents):
            if path not in known:
                known.add(path)
                found.append((path, text))
        return tuple(found)

    @cached_property
    def _named_documents(self) -> list[tuple[str, str]]:
        """Documents elsewhere in the repository that the README sends its readers to."""
        found: list[tuple[str, str]] = []
        for name in dict.fromkeys(_documents_in(self.readme or "")):
            plain = re.sub(r"^(\.{1,2}/)+", "", name).lstrip("/")
            path = self.repository / plain
            text = self._read(str(path), plain) if path.is_file() else None
            if text is not None:
                found.append((plain, text))
        return found

    @cached_property
    def _repository_documents(self) -> list[tuple[str, str]]:
        """Documents in docs/<module> of the repository."""
        found: list[tuple[str, str]] = []
        stem = self.name.replace("-", "_")
        tail = re.compile(
            r"_(core|module|interaction|service|action|trigger|receiver|flask)$"
        )
        stems = [stem]
        while tail.search(stems[-1]):
            stems.append(tail.sub("", stems[-1]))
        names = {self.name, *stems, *(each.replace("_", "-") for each in stems)}
        for base in ("docs", "doc"):
            for name in sorted(names):
                folder = self.repository / base / name
                if folder.is_dir():
                    for path in sorted(folder.rglob("*.md"))[:20]:
                        shown = path.relative_to(self.repository).as_posix()
                        text = self._read(str(path), shown)
                        if text is not None:
                            found.append((shown, text))
                path = self.repository / base / f"{name}.md"
                shown = f"{base}/{name}.md"
                text = self._read(str(path), shown) if path.is_file() else None
                if text is not None:
                    found.append((shown, text))
        return found

    @cached_property
    def requirements(self) -> tuple[Requirement, ...] | None:
        """What the module requires, or None when it says nothing."""
        found: list[Requirement] = []
        declared = False
        for inside in self.files:
            name = inside.rpartition("/")[2]
            if re.fullmatch(r"requirements[\w.-]*\.(txt|in)", name):
                dev = re.search(r"dev|test|lint|docs", name)
                if "/" in inside and not inside.startswith("requirements/"):
                    continue
                declared = declared or not dev
                if not dev:
                    text = self.read(inside) or ""
                    found += texts.requirements(text, inside)
                    found += self._taken_in(text, inside)
        project = self.read("pyproject.toml")
        if project is not None:
            image = self.read("Dockerfile")
            made = texts.project_requirements(project, "pyproject.toml", image)
            listed = list(made)
            declared = declared or bool(listed)
            found += listed
        return tuple(found) if declared else None

    def _taken_in(self, text: str, inside: str) -> Iterator[Requirement]:
        """What files elsewhere hold that a file of requirements takes in, at its line."""
        waiting = [
            (number, os.path.normpath(os.path.join(os.path.dirname(inside), name)))
            for number, name in texts.included(text)
        ]
        known: set[str] = set()
        while waiting:
            number, path = waiting.pop()
            if path in known or path.startswith("/"):
                continue
            known.add(path)
            taken = self.read(path) or ""
            for each in texts.requirements(taken, inside):
                yield replace(each, line=number)
            waiting += [
                (number, os.path.normpath(os.path.join(os.path.dirname(path), name)))
                for _, name in texts.included(taken)
            ]

    @cached_property
    def env_example(self) -> tuple[str, str] | None:
        """Path, as the report shows it, and text of the environment example.

        Where the module has none, that of the folders above is its own when it names
        variables of the module that others do not have.
        """
        for name in _EXAMPLES:
            text = self.read(name)
            if text is not None:
                return self.path(name), text
        folder = self.relative if self._is_repository else ""
        while folder:
            folder = folder.rpartition("/")[0]
            for name in _EXAMPLES:
                path = f"{folder}/{name}" if folder else name
                text = self.read_repository(path)
                if text is not None and self._is_told_of(text):
                    return path, text
        return None

    def _is_told_of(self, text: str) -> bool:
        """Whether an example of several modules is one of this module too."""
        known = texts.env_names(text)
        own = {read.name for read in self.env if not _SHARED.fullmatch(read.name)}
        return bool(own & known.keys())

    @property
    def shares_example(self) -> bool:
        """Whether the environment example is that of several modules."""
        found = self.env_example
        return found is not None and not found[0].startswith(self.path(""))

    @cached_property
    def env(self) -> tuple[EnvRead, ...]:
        """Every variable the program reads, where and with which default."""
        return variables_of(self.python, self.environment)

    @cached_property
    def environment(self) -> Ways:
        """How the program gets at the environment."""
        return ways_of(self.python)

    # Filled by what reads YAML, Dockerfiles and workflows.

    @cached_property
    def repository_files(self) -> tuple[str, ...]:
        """Names at the top of the repository."""
        try:
            return tuple(sorted(os.listdir(self.repository)))
        except OSError:
            return ()

    @cached_property
    def lint_engines(self) -> tuple[str, ...]:
        """What judged format, lint and types; filled in by the rules that run them."""
        return ()

    @cached_property
    def core(self) -> tuple[str, tuple[PythonFile, ...]]:
        """The flask_core that the module uses: where it is, and its facts."""
        shown, folder = self._core_folder
        return shown, _core_facts(folder)

    @cached_property
    def core_text(self) -> str:
        """The code of flask_core as it is written."""
        folder = self._core_folder[1]
        paths = (*folder.glob("*.py"), *folder.glob("*/*.py"))
        return self.once_for_all(
            "core text",
            lambda: "\n".join(self._read(str(path), path.name) or "" for path in paths),
        )

    @cached_property
    def _core_folder(self) -> tuple[str, Path]:
        """Where the module's flask_core is: as it is shown, and as it is read."""
        for base in (self.repository, *list(self.folder.parents)[:6]):
            for inner in (
                "libs/flask_core/flask_core",
                "libs/flask_core",
                "flask_core",
            ):
                folder = base / inner
                if (folder / "__init__.py").is_file():
                    return str(folder), folder
        from waddlegen import bundled

        folder = bundled.TEMPLATES / "libs" / "flask_core"
        return "waddlegen's own flask_core", folder


# A path of a document; a line without the first word has none.
_DOCUMENT = re.compile(r"[\w./-]*\bdocs?/[\w./-]+\.(?:md|ya?ml)\b")


def _documents_in(text: str) -> Iterator[str]:
    """The paths of documents that a text names."""
    for line in text.splitlines() if "doc" in text else ():
        if "doc/" in line or "docs/" in line:
            yield from _DOCUMENT.findall(line)


_THREADS = {"to_thread": 0, "run_sync": 0, "run_in_threadpool": 0, "run_in_executor": 1}


def run_elsewhere(call: Call) -> Call | None:
    """The call that a thread makes: of `to_thread(store.one, key)` it is `store.one(key)`."""
    place = _THREADS.get(call.last)
    if place is None or len(call.args) <= place or call.args[place].kind != "name":
        return None
    name = call.args[place].text
    return Call(
        name,
        call.line,
        call.column,
        call.args[place + 1 :],
        call.keywords,
        call.star,
        call.double_star,
        awaited=call.awaited,
        loop=call.loop,
        end_line=call.end_line,
        target=call.target,
        last=name.rpartition(".")[2],
    )


_coming: dict[Path, Callable[[], tuple[PythonFile, ...]]] = {}


@cache_once
def _core_facts(folder: Path) -> tuple[PythonFile, ...]:
    """The facts of a flask_core, read here unless another process is at it."""
    coming = _coming.pop(folder, None)
    return coming() if coming else _facts_of(folder)


def _facts_of(folder: Path) -> tuple[PythonFile, ...]:
    """The facts of every Python file directly in a folder and one below."""
    found = []
    kept = FactsCache(folder)
    kept.load()
    for path in (*sorted(folder.glob("*.py")), *sorted(folder.glob("*/*.py"))):
        try:
            if path.stat().st_size <= LARGEST:
                name = path.relative_to(folder).as_posix()
                found.append(kept.facts(path.read_bytes(), name))
        except OSError:
            continue
    kept.keep()
    return tuple(found)


def _decode(data: bytes) -> str:
    """Text of a file; bytes that are no UTF-8 are read as Latin-1."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


@dataclass
class FactsCache:
    """The facts of a folder's files by the hash of their bytes, kept from run to run."""

    folder: Path
    known: dict[bytes, PythonFile] = field(default_factory=dict)
    used: dict[bytes, PythonFile] = field(default_factory=dict)

    @cached_property
    def path(self) -> Path:
        """Where the facts of this folder are kept."""
        key = hashlib.blake2b(os.fsencode(self.folder), digest_size=12).hexdigest()
        return cache.folder("facts") / facts_version() / key

    def load(self) -> None:
        """Read what an earlier run has kept; whatever is wrong with it, start anew."""
        try:
            known = pickle.loads(self.path.read_bytes())
            if isinstance(known, dict):
                self.known = known
        except Exception:  # a cache of any condition is only ever a cache
            self.known = {}

    def facts(self, data: bytes, inside: str) -> PythonFile:
        """The facts of one file."""
        key = hashlib.blake2b(data + inside.encode(), digest_size=16).digest()
        found = self.known.get(key) or _read_python(data, inside)
        self.used[key] = found
        return found

    def keep(self) -> None:
        """Write what this run has used, unless nothing is new.

        The first look at a folder only leaves a mark: what is looked at once, as in CI, does
        not pay for being looked at again.
        """
        if self.used.keys() == self.known.keys():
            return
        try:
            if not self.path.exists():
                cache.keep(self.path, b"")
                return
            cache.keep(self.path, pickle.dumps(self.used, pickle.HIGHEST_PROTOCOL))
        except (OSError, RecursionError, pickle.PicklingError):
            return


@cache_once
def facts_version() -> str:
    """What the cache must not outlive: the code that collects facts."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((Path(__file__).parent / "facts").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read_python(data: bytes, inside: str) -> PythonFile:
    """Decode as Python does, and collect."""
    if b"\0" in data:
        return PythonFile(inside, problem="holds NUL bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if not _CODING.search(data[:400]):
            found = collect(data.decode("latin-1"), inside)
            found.problem = found.problem or "is not UTF-8"
            return found
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            text = data.decode(encoding)
        except (SyntaxError, LookupError, UnicodeDecodeError):
            text = data.decode("latin-1")
    return collect(text, inside)
