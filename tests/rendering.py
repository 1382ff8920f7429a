"""The example specs and an awkward one, each rendered once, and the tools that judge them."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import ROOT, SPEC_FILES, spec
from waddlegen import fleet, specfile
from waddlegen.context import fleet_context, module_context
from waddlegen.render import Renderer
from waddlegen.spec import ModuleSpec
from waddlegen.templates import TemplateTree

MODULE = Renderer(TemplateTree(ROOT / "templates" / "module"))
FLEET = Renderer(TemplateTree(ROOT / "templates" / "fleet"))
HOSTILE = (
    'a "b" \'c\' {}} {{ .x }} ${HOME} $(id) `e` \\ # : - | <i>&amp;\n\n🦆\u2028end"'
)

# Every name is a word YAML reads as something else, every text is hostile.
AWKWARD = spec(
    id="null",
    deploy_name="on",
    title=HOSTILE,
    description=HOSTILE * 200,
    owner=HOSTILE,
    category="trigger",
    singleton=True,
    version="1.0.0-0",
    dependencies={"postgres": "none", "redis": "none"},
    config=[
        {"name": "Y", "default": HOSTILE, "description": HOSTILE},
        {"name": "API_URL", "type": "url", "default": "http://api:11434/v1"},
        {"name": "MAYBE", "type": "integer", "required": False},
        {"name": "NUMBER", "type": "number", "default": 1e-7},
    ],
    external_apis=[
        {"id": "near", "base_url_from": "API_URL"},
        {"id": "far", "base_url": "https://far.invalid"},
    ],
    publishes=[{"name": "no.yes", "description": HOSTILE}],
    features=[
        {
            "id": "yes",
            "description": HOSTILE,
            "actions": [
                {
                    "id": "no",
                    "description": HOSTILE,
                    "params": [
                        {
                            "name": "y",
                            "type": "number",
                            "required": True,
                            "minimum": 1e-7,
                            "maximum": 1e16,
                            "description": HOSTILE,
                        },
                        {"name": "n", "choices": [HOSTILE, "off"], "default": "off"},
                    ],
                    "result": [{"name": "true", "description": HOSTILE}],
                }
            ],
            "routes": [{"id": "off", "method": "GET", "path": "/api/v1/off"}],
        }
    ],
    slo={"availability_percent": 50, "latency_ms": 60_000, "latency_percent": 99.99},
    deployment={"namespace": "true", "autoscaling": None},
)


@dataclass(frozen=True)
class Case:
    """One module: its spec, and the files it renders to, by path."""

    spec: ModuleSpec
    seeds: Path | None = None

    @cached_property
    def module(self) -> dict[str, Any]:
        """What the templates see."""
        seeds = fleet.seeds_beside(self.seeds) if self.seeds else {}
        module: dict[str, Any] = module_context(self.spec, seeds)["module"]
        return module

    @cached_property
    def files(self) -> dict[str, str]:
        """The files of the module's folder."""
        rendered = MODULE.render({"module": self.module})
        return {str(path): text for path, text in rendered.items()}

    @cached_property
    def fleet(self) -> dict[str, str]:
        """The files of the fleet root, for this module alone."""
        rendered = FLEET.render(fleet_context([self.spec]))
        return {str(path): text for path, text in rendered.items()}

    def yaml(self, path: str) -> Any:
        """A file of the module, read as Kubernetes reads YAML."""
        return yaml.safe_load(self.files[path])

    @cached_property
    def objects(self) -> dict[str, dict[str, Any]]:
        """The Kubernetes objects of the module, by kind."""
        loaded = [self.yaml(path) for path in self.files if path.startswith("k8s/")]
        assert len({each["kind"] for each in loaded}) == len(loaded)
        return {each["kind"]: each for each in loaded}


CASES = (*(Case(specfile.load(path), path) for path in SPEC_FILES), Case(AWKWARD))
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.spec.id)


def tool(name: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a program of this environment; a missing one is a failure."""
    program = Path(sys.executable).with_name(name)
    assert program.exists(), f"{name} is not installed beside {sys.executable}"
    return subprocess.run(
        [program, *words], capture_output=True, text=True, timeout=120
    )
