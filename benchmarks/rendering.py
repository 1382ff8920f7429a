"""How long rendering takes, against copier and cookiecutter on the same templates."""

import itertools
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Result, pairs, process
from waddlegen import bundled, fleet
from waddlegen.context import module_context
from waddlegen.filters import yaml
from waddlegen.fleet import Fleet
from waddlegen.project import Project
from waddlegen.render import Renderer
from waddlegen.spec import ModuleSpec
from waddlegen.templates import SUFFIX, TemplateTree

MODULE = "inventory-interaction"
FLEET_SIZE = 24
TEMPLATES = bundled.TEMPLATES / "module"


def _fresh(folder: Path) -> Iterator[Path]:
    """Ever new, empty project folders."""
    for number in itertools.count():
        path = folder / str(number)
        (path / "module_specs").mkdir(parents=True)
        yield path


def _tool(name: str) -> str:
    """A console script of this environment."""
    return str(Path(sys.executable).with_name(name))


def _spec() -> tuple[ModuleSpec, dict[str, str]]:
    """The module that is rendered."""
    return fleet.load(Project(bundled.CATALOGUE.parent), MODULE)


def new_against_copier(folder: Path) -> Result:
    """`waddlegen new` as a whole process, against `copier copy` of the same tree."""
    answers = folder / "answers.yml"
    spec, seeds = _spec()
    answers.write_text(
        f"module: {yaml(module_context(spec, seeds)['module'])}\n", "utf-8"
    )
    projects = _fresh(folder / "projects")
    copier = [_tool("copier"), "copy", "--trust", "--quiet", "--defaults"]

    def ours() -> float:
        return process([_tool("waddlegen"), "new", MODULE], next(projects))

    def peer() -> float:
        target = str(next(projects) / "module")
        return process(
            [*copier, "--data-file", str(answers), str(TEMPLATES), target], folder
        )

    return pairs("new-vs-copier", ours, peer, goal=0.5)


def new_against_cookiecutter(folder: Path) -> Result:
    """`waddlegen new` as a whole process, against cookiecutter with the same templates."""
    template = cookiecutter_template(folder / "cookiecutter")
    projects = _fresh(folder / "projects")
    cookiecutter = [_tool("cookiecutter"), "--no-input", str(template), "--output-dir"]

    def ours() -> float:
        return process([_tool("waddlegen"), "new", MODULE], next(projects))

    def peer() -> float:
        return process([*cookiecutter, str(next(projects))], folder)

    return pairs("new-vs-cookiecutter", ours, peer, goal=1.0)


def cookiecutter_template(root: Path) -> Path:
    """The same templates for cookiecutter: it knows no loops over files, so they are unrolled."""
    spec, seeds = _spec()
    context = module_context(spec, seeds)
    tree = TemplateTree(TEMPLATES)
    renderer = Renderer(tree)
    target = root / "{{ cookiecutter._module.package }}"
    for source, text in tree.files.items():
        if renderer.excluded(source):
            _write(root / "templates" / source, text)
            continue
        for path, scope in renderer.paths(source.removesuffix(SUFFIX), context):
            names = {key: value for key, value in scope.items() if key != "module"}
            sets = "".join(f"{{% set {k} = {v!r} %}}" for k, v in names.items())
            _write(
                target / path, f"{{% set module = cookiecutter._module %}}{sets}{text}"
            )
    settings = {
        "_module": context["module"],
        "_extensions": ["waddlegen.filters.Filters"],
        "_jinja2_env_vars": {"trim_blocks": True, "lstrip_blocks": True},
    }
    _write(root / "cookiecutter.json", json.dumps(settings))
    return root


def _write(path: Path, text: str) -> None:
    """Write one file of the cookiecutter template."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def whole_fleet(folder: Path) -> Result:
    """24 modules in one process, against 24 times `run_copy`."""
    import copier

    spec, seeds = _spec()
    specs = [
        spec.model_copy(update={"id": f"{MODULE}-{n}", "port": 9000 + n})
        for n in range(FLEET_SIZE)
    ]
    contexts = [module_context(each, seeds) for each in specs]
    projects = _fresh(folder / "projects")

    def ours() -> float:
        project = Project(next(projects))
        start = time.perf_counter()
        modules = Fleet(project)
        fleet.apply_all([modules.module_step(each, seeds) for each in specs])
        return time.perf_counter() - start

    def peer() -> float:
        target = next(projects)
        start = time.perf_counter()
        for number, context in enumerate(contexts):
            copier.run_copy(
                str(TEMPLATES),
                target / str(number),
                data=context,
                defaults=True,
                quiet=True,
                unsafe=True,
            )
        return time.perf_counter() - start

    result = pairs("fleet-of-24", ours, peer, goal=1 / 15)
    shutil.rmtree(folder / "projects")
    return result
