"""Find the operations of a module that are still to be written by hand."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from waddlegen import disk
from waddlegen.spec import CustomOperation, EndpointPart, FeatureSpec, ModuleSpec


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A service method that only says that it is not written yet."""

    path: Path
    line: int
    function: str


def hand_written(feature: FeatureSpec) -> tuple[str, ...]:
    """The service methods of a feature that no template can write."""
    endpoints: tuple[EndpointPart, ...] = (*feature.actions, *feature.routes)
    custom = (e.id for e in endpoints if isinstance(e.operation, CustomOperation))
    return (
        *custom,
        *(webhook.id for webhook in feature.webhooks),
        *(job.id for job in feature.jobs),
        *(consume.function for consume in feature.consumes),
    )


def unfinished(module: Path, spec: ModuleSpec) -> Iterator[Unfinished]:
    """The methods of a rendered module that raise NotImplementedError or are missing."""
    for feature in spec.features:
        path = module / "services" / f"{feature.id}_service.py"
        wanted = hand_written(feature)
        if not wanted or not path.is_file():
            continue
        lines = _stub_lines(disk.read_text(path))
        for function in wanted:
            line = lines.get(function, 1)
            if line:
                yield Unfinished(path, line, function)


def _stub_lines(source: str) -> dict[str, int]:
    """For each method, the line of its `raise NotImplementedError`, or 0 where there is none."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    return {
        node.name: _stub_line(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _stub_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The line on which a function says that it is not written yet, or 0."""
    for statement in function.body:
        match statement:
            case ast.Raise(exc=ast.Call(func=ast.Name(id="NotImplementedError"))):
                return statement.lineno
            case ast.Raise(exc=ast.Name(id="NotImplementedError")):
                return statement.lineno
    return 0
