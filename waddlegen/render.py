"""Render a template tree in memory; writes nothing.

Gives the same bytes as `copier copy` of the same tree. It exists beside copier because a
plan needs every text before anything is written, and because copier recompiles each
template a file and asks git a file.
"""

import os
import re
from collections.abc import Container, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from jinja2 import (
    DictLoader,
    Environment,
    FileSystemBytecodeCache,
    StrictUndefined,
    Template,
    TemplateError,
)
from jinja2.environment import TemplateExpression

from waddlegen import cache
from waddlegen.errors import UsageError
from waddlegen.filters import Filters
from waddlegen.templates import SUFFIX, TemplateTree
from waddlegen.tree import FileTree

_DICT = frozenset(dir(dict))
# Copier's own notation for a path that stands for several files.
_YIELD = re.compile(
    r"{%\s*yield\s+(?P<name>\w+)\s+from\s+(?P<each>.+?)\s*%}(?P<body>.*){%\s*endyield\s*%}"
)


class ModuleEnvironment(Environment):
    """Jinja's, quicker where a name is a key: the context is made of dicts."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What `obj.attribute` is in a template; Jinja looks for an attribute first."""
        if type(obj) is dict and attribute not in _DICT and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class Renderer:
    """A template tree ready to render: each template is compiled once."""

    def __init__(self, tree: TemplateTree) -> None:
        self.tree = tree
        self._excluded: dict[str, bool] = {}
        self._pieces: dict[str, Template] = {}
        self._expressions: dict[str, TemplateExpression] = {}

    @cached_property
    def environment(self) -> Environment:
        """The Jinja environment that `copier.yml` describes."""
        options = {**self.tree.settings.get("_envops", {})}
        options.setdefault("keep_trailing_newline", True)
        options["undefined"] = StrictUndefined
        return ModuleEnvironment(
            loader=DictLoader(self.tree.files),
            extensions=[Filters],
            bytecode_cache=_bytecode_cache(),
            **options,
        )

    def render(
        self,
        context: Mapping[str, Any],
        known: Mapping[PurePosixPath, str] | None = None,
        changed: Container[str] = (),
    ) -> FileTree:
        """Render every template; raises UsageError with the template's file and line.

        A text in `known` is taken as it is, unless its template is among the changed ones.
        """
        taken = {str(path): text for path, text in (known or {}).items()}
        files: dict[str, str] = {}
        for source, text in self.tree.files.items():
            if self.excluded(source):
                continue
            is_template = source.endswith(SUFFIX)
            for path, scope in self.paths(source.removesuffix(SUFFIX), context):
                if path in taken and source not in changed:
                    files[path] = taken[path]
                else:
                    files[path] = self._text(source, scope) if is_template else text
        return FileTree(files)

    def text(self, wanted: PurePosixPath, context: Mapping[str, Any]) -> str | None:
        """The text of one path alone; None where no template makes it."""
        for source, text in self.tree.files.items():
            if self.excluded(source):
                continue
            for path, scope in self.paths(source.removesuffix(SUFFIX), context):
                if path == str(wanted):
                    is_template = source.endswith(SUFFIX)
                    return self._text(source, scope) if is_template else text
        return None

    def sources(self, context: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """The paths each template makes, in its order."""
        return {
            source: tuple(
                path for path, _ in self.paths(source.removesuffix(SUFFIX), context)
            )
            for source in self.tree.files
            if not self.excluded(source)
        }

    def excluded(self, source: str) -> bool:
        """Whether copier.yml leaves a file out, as it does with included macros."""
        if source not in self._excluded:
            self._excluded[source] = self._is_excluded(source)
        return self._excluded[source]

    def _is_excluded(self, source: str) -> bool:
        """Hold a path against the patterns of copier.yml."""
        patterns = self.tree.settings.get("_exclude", ())
        path = PurePosixPath(source)
        return any(
            path.match(p) or any(q.match(p) for q in path.parents) for p in patterns
        )

    def _text(self, source: str, scope: Mapping[str, Any]) -> str:
        """The text of one template."""
        try:
            return self.environment.get_template(source).render(scope)
        except TemplateError as error:
            line = _line_of(error, source)
            raise UsageError(f"{self.tree.root / source}:{line}: {error}") from error

    def paths(
        self, path: str, context: Mapping[str, Any]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The paths a template stands for, each with what is in scope there."""
        if "{" not in path:
            yield path, context
            return
        found = _YIELD.search(path)
        if found is None:
            yield from self._named(path, context)
            return
        each = self._expression(found["each"])(**context)
        head, tail = path[: found.start()], path[found.end() :]
        for value in each or ():
            scope = {**context, found["name"]: value}
            body = self._piece(found["body"]).render(scope)
            if body:
                yield from self.paths(f"{head}{body}{tail}", scope)

    def _piece(self, text: str) -> Template:
        """A piece of a path, compiled once."""
        if text not in self._pieces:
            self._pieces[text] = self.environment.from_string(text)
        return self._pieces[text]

    def _expression(self, text: str) -> TemplateExpression:
        """What a path is looped over, compiled once."""
        if text not in self._expressions:
            self._expressions[text] = self.environment.compile_expression(text)
        return self._expressions[text]

    def _named(
        self, path: str, context: Mapping[str, Any]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The path itself, unless one of its parts renders to nothing."""
        parts = [self._piece(p).render(context) for p in path.split("/")]
        if all(parts):
            yield "/".join(parts), context


def _bytecode_cache() -> FileSystemBytecodeCache | None:
    """Compiled templates of earlier runs, in the user's own cache; none where it is closed."""
    folder = cache.folder("templates")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK) or folder.stat().st_uid != os.geteuid():
        return None
    return FileSystemBytecodeCache(str(folder))


def _line_of(error: TemplateError, source: str) -> int:
    """The line of a template an error came from, read off the traceback."""
    line = getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in (source, "<template>"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line or 1
