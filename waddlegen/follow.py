"""Where seeded code does not follow its spec: told at file:line on both sides, never changed.

A missing method can be appended on request; a body that was written is never touched.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from waddlegen.endpoint import Endpoint, endpoints
from waddlegen.spec import FeatureSpec, ModuleSpec
from waddlegen.tree import FileTree
from waddlegen.yamlnodes import Node, compose

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """One thing a seeded file and its spec disagree about."""

    path: PurePosixPath
    line: int
    spec_line: int
    message: str


def drifts(spec: ModuleSpec, source: str, found: FileTree) -> tuple[Drift, ...]:
    """The disagreements of a module's services; `source` is the text of its spec."""
    lines = _Lines(source)
    every: list[Drift] = []
    for feature in spec.features:
        path = service_path(feature)
        if path in found:
            every += _of_service(spec, feature, path, found[path], lines)
    present = {service_path(feature) for feature in spec.features}
    for path in found:
        if path.match("services/*_service.py") and path not in present:
            name = path.stem.removesuffix("_service")
            message = f"the spec has no feature {name}"
            every.append(Drift(path, 1, lines.of("features"), message))
    return tuple(sorted(every))


def service_path(feature: FeatureSpec) -> PurePosixPath:
    """The service of a feature."""
    return PurePosixPath(f"services/{feature.id}_service.py")


def _of_service(
    spec: ModuleSpec,
    feature: FeatureSpec,
    path: PurePosixPath,
    text: str,
    lines: "_Lines",
) -> Iterator[Drift]:
    """The disagreements of one service."""
    place = ("features", spec.features.index(feature))
    service = class_of(text, feature.class_name)
    if service is None:
        yield Drift(path, 1, lines.of(*place), f"defines no class {feature.class_name}")
        return
    methods = _methods(service)
    wanted = _wanted(spec, feature)
    for name, endpoint in wanted.items():
        if name not in methods:
            spec_line = lines.of_operation(spec, feature, name)
            yield Drift(path, service.lineno, spec_line, f"{name} is missing")
        elif endpoint is not None:
            for line, field in _unknown_fields(methods[name], endpoint):
                message = f"{name} reads params.{field}, which the spec does not have"
                spec_line = lines.of_operation(spec, feature, name)
                yield Drift(path, line, spec_line, message)
    for name, method in methods.items():
        if name not in wanted and _is_operation(method):
            message = f"{name} is no operation of the spec any more"
            yield Drift(path, method.lineno, lines.of(*place), message)


def class_of(text: str, name: str) -> ast.ClassDef | None:
    """The class of a service; None where it is not defined or nothing parses."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    classes = (part for part in tree.body if isinstance(part, ast.ClassDef))
    return next((part for part in classes if part.name == name), None)


def _methods(service: ast.ClassDef) -> dict[str, Function]:
    """The methods of a class, by name."""
    return {part.name: part for part in service.body if isinstance(part, Function)}


def _wanted(spec: ModuleSpec, feature: FeatureSpec) -> Mapping[str, Endpoint | None]:
    """The methods a service must have; those of endpoints with what they take."""
    wanted: dict[str, Endpoint | None] = {
        each.function: each for each in endpoints(spec) if each.feature.id == feature.id
    }
    wanted |= {webhook.id: None for webhook in feature.webhooks}
    wanted |= {consume.function: None for consume in feature.consumes}
    return wanted | {job.id: None for job in feature.jobs}


def _is_operation(method: Function) -> bool:
    """Whether a public method takes a call and its parameters, as operations do."""
    names = [argument.arg for argument in method.args.args]
    return not method.name.startswith("_") and names[:3] == ["self", "call", "params"]


_OWN_NAMES = frozenset(
    {"given", "chosen", "model_dump", "model_copy", "limit", "after"}
)


def _unknown_fields(method: Function, endpoint: Endpoint) -> Iterator[tuple[int, str]]:
    """The parameters a method reads and its operation does not have."""
    known = {field.attribute for field in endpoint.params} | _OWN_NAMES
    seen: set[str] = set()
    for node in ast.walk(method):
        match node:
            case ast.Attribute(value=ast.Name(id="params"), attr=name):
                private = name.startswith(("_", "model_"))
                if name not in known and name not in seen and not private:
                    seen.add(name)
                    yield node.lineno, name


class _Lines:
    """Where things stand in the text of a spec."""

    def __init__(self, source: str) -> None:
        """Keep the text; it is read when a line is asked for."""
        self.source = source

    @cached_property
    def root(self) -> Node:
        """The text, read; one that is no YAML has only a first line."""
        root, _ = compose(self.source)
        return root or Node(1, 1, {})

    def of(self, *loc: str | int) -> int:
        """The line of a place, or of the nearest one around it."""
        node, line = self.root, 1
        for step in loc:
            inner: Node | None = None
            if isinstance(step, str):
                inner = node.keys.get(step)
            elif step < len(node.items):
                inner = node.items[step]
            if inner is None:
                return line
            node, line = inner, (inner.key_at or (inner.line, 0))[0]
        return line

    def of_operation(self, spec: ModuleSpec, feature: FeatureSpec, name: str) -> int:
        """The line of the operation a method is for."""
        number = spec.features.index(feature)
        for kind in ("actions", "routes", "webhooks", "jobs"):
            for place, each in enumerate(getattr(feature, kind)):
                if each.id == name:
                    return self.of("features", number, kind, place)
        for place, consume in enumerate(feature.consumes):
            if consume.function == name:
                return self.of("features", number, "consumes", place)
        return self.of("features", number)


def fixed(text: str, stub: str, name: str) -> str:
    """A service with the methods that only the freshly rendered one has, and their imports."""
    mine, fresh = class_of(text, name), class_of(stub, name)
    if mine is None or fresh is None or mine.end_lineno is None:
        return text
    have = _methods(mine)
    missing = [m for m in _methods(fresh).values() if m.name not in have]
    if not missing:
        return text
    lines, source = text.split("\n"), stub.split("\n")
    added: list[str] = []
    for method in missing:
        added += ["", *source[_first(method) - 1 : method.end_lineno]]
    lines[mine.end_lineno : mine.end_lineno] = added
    return _with_imports("\n".join(lines), stub, "\n".join(added))


def _first(method: Function) -> int:
    """The line a method begins on, its decorators included."""
    return min([method.lineno, *(each.lineno for each in method.decorator_list)])


def _with_imports(text: str, stub: str, added: str) -> str:
    """The imports of the fresh text that what was added needs, after those there are."""
    tree = ast.parse(text)
    used = {
        n.id for n in ast.walk(ast.parse("if 1:\n" + added)) if isinstance(n, ast.Name)
    }
    known = {
        alias.asname or alias.name for node in tree.body for alias in _aliases(node)
    }
    wanted = [
        ast.unparse(_only(node, alias))
        for node in ast.parse(stub).body
        for alias in _aliases(node)
        if (alias.asname or alias.name) in used - known
    ]
    if not wanted:
        return text
    imports = [
        n.end_lineno or 0
        for n in tree.body
        if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    line = max(imports, default=1 if ast.get_docstring(tree) else 0)
    lines = text.split("\n")
    lines[line:line] = wanted
    return "\n".join(lines)


def _aliases(node: ast.stmt) -> list[ast.alias]:
    """What a statement imports."""
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else []


def _only(node: ast.stmt, alias: ast.alias) -> ast.stmt:
    """An import of one name alone."""
    if isinstance(node, ast.ImportFrom):
        return ast.ImportFrom(node.module, [alias], node.level)
    return ast.Import([alias])
