"""Any valid spec, with hostile text in every field, renders to files that mean what it says."""

import ast
import difflib
import json
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import black
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from ruamel.yaml import YAML

from tests.helpers import ROOT
from tests.strategies import spec_values
from waddlegen import consistency
from waddlegen.context import fleet_context, module_context
from waddlegen.filters import yaml
from waddlegen.render import Renderer
from waddlegen.spec import ModuleSpec
from waddlegen.templates import TemplateTree
from waddlegen.tree import FileTree

MODULE = Renderer(TemplateTree(ROOT / "templates" / "module"))
FLEET = Renderer(TemplateTree(ROOT / "templates" / "fleet"))
# A spec is large, so a failing one is shown as it is rather than shrunk for minutes.
PROPERTY = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
BLACK = black.Mode(target_versions={black.TargetVersion.PY311})


def spec_of(values: dict[str, Any]) -> ModuleSpec:
    """The spec of these values; proves that the strategy makes valid ones."""
    spec = ModuleSpec.model_validate(values)
    assert [] == list(consistency.check(spec))
    return spec


@cache
def what_black_changes(text: str) -> str:
    """What black would change in a file, as a difference; nothing when it is stable."""
    try:
        formatted = black.format_file_contents(text, fast=True, mode=BLACK)
    except black.NothingChanged:
        return ""
    lines = difflib.unified_diff(text.splitlines(), formatted.splitlines(), n=1)
    return "\n".join(line[:200] for line in lines)


def strings_of_python(tree: ast.AST) -> Iterator[str]:
    """Every string constant of a Python file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def leaves(value: Any) -> Iterator[str]:
    """Every text in a YAML, TOML or JSON value, keys included."""
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield from leaves(key)
                yield from leaves(item)
        case list():
            for item in value:
                yield from leaves(item)


def check_python(tree: FileTree) -> dict[str, set[str]]:
    """Parse every Python file, hold it against black, and return its strings."""
    strings: dict[str, set[str]] = {}
    for path, text in tree.items():
        if path.suffix == ".py":
            strings[str(path)] = set(strings_of_python(ast.parse(text, str(path))))
            assert "" == what_black_changes(text), path
    return strings


def check_data(tree: FileTree) -> dict[str, set[str]]:
    """Parse every YAML, TOML and JSON file and return its texts."""
    loaders = {
        ".yaml": lambda text: list(YAML(typ="safe").load_all(text)),
        ".yml": lambda text: list(YAML(typ="safe").load_all(text)),
        ".toml": tomllib.loads,
        ".json": json.loads,
    }
    return {
        str(path): set(leaves(loaders[path.suffix](text)))
        for path, text in tree.items()
        if path.suffix in loaders
    }


@PROPERTY
@given(values=spec_values())
def test_every_spec_renders_to_what_it_says(values: dict[str, Any]) -> None:
    """Python parses and is black-stable; YAML, TOML and JSON parse; no text changes."""
    spec = spec_of(values)

    tree = MODULE.render(module_context(spec))
    python, data = check_python(tree), check_data(tree)
    check_data(FLEET.render(fleet_context([spec])))

    for variable in spec.config:
        assert not variable.description or variable.description in python["config.py"]
        if isinstance(variable.default, str) and not variable.secret:
            assert variable.default in python["config.py"]
            assert variable.default in data["k8s/configmap.yaml"]
    for feature in spec.features:
        for action in feature.actions:
            for param in action.params:
                check_param(
                    param.model_dump(), python["models.py"], data["openapi.yaml"]
                )
            check_text(action.description, data["openapi.yaml"])
    check_text(spec.title, data["openapi.yaml"])
    check_text(spec.description, data["openapi.yaml"])


def check_param(param: dict[str, Any], models: set[str], openapi: set[str]) -> None:
    """A parameter's texts stand unchanged in the model and in the documentation."""
    texts = [param["description"], *param["choices"]]
    if isinstance(param["default"], str):
        texts.append(param["default"])
    for text in texts:
        assert not text or text in models
        check_text(text, openapi)


def check_text(text: str, found: set[str]) -> None:
    """A text is among those found, as it is or inside a longer one."""
    assert not text or text in found or any(text in other for other in found), text


@settings(PROPERTY, max_examples=75)
@given(values=spec_values())
def test_answers_for_copier_are_the_context(values: dict[str, Any]) -> None:
    """What `show --answers` prints is read back by YAML as exactly what we render with."""
    context = module_context(spec_of(values), {"services/x.py": values["title"]})

    assert context["module"] == YAML(typ="safe").load(yaml(context["module"]))


def test_the_properties_can_fail() -> None:
    """The helpers above do find an unstable file and a changed text."""
    assert "-x = 'single'" in what_black_changes("x = 'single'\n")
    with pytest.raises(AssertionError):
        check_text("gone", {"here"})
    with pytest.raises(SyntaxError):
        check_python(FileTree({PurePosixPath("a.py"): "def"}))
