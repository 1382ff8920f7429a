"""Rendering in memory: copier's notation, loud about every mistake, and copier's bytes."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.helpers import ROOT, SPEC_FILES, build_tree, read_tree
from waddlegen import fleet, specfile
from waddlegen.context import fleet_context, module_context
from waddlegen.errors import UsageError
from waddlegen.filters import yaml
from waddlegen.render import Renderer
from waddlegen.templates import TemplateTree

MODULE = ROOT / "templates" / "module"
FLEET = ROOT / "templates" / "fleet"


def renderer(root: Path, files: dict[str, str]) -> Renderer:
    """A renderer of a literal template tree."""
    return Renderer(TemplateTree(build_tree(root, files)))


def rendered(root: Path, files: dict[str, str], **context: object) -> dict[str, str]:
    """The files a literal template tree makes."""
    return {str(p): t for p, t in renderer(root, files).render(context).items()}


def test_a_template_mirrors_what_it_makes(tmp_path: Path) -> None:
    """`a/b.txt.jinja` makes `a/b.txt`; a file without the suffix is copied as it is."""
    made = rendered(tmp_path, {"a/b.txt.jinja": "{{ x }}", "c.txt": "{{ x }}"}, x=1)

    assert {"a/b.txt": "1", "c.txt": "{{ x }}"} == made


def test_a_yield_in_a_path_makes_a_file_each(tmp_path: Path) -> None:
    """The name is in scope in the path and in the text; an empty name makes no file."""
    path = "{% yield x from xs %}{{ x.id }}{% endyield %}/{{ y }}.txt.jinja"

    made = rendered(
        tmp_path, {path: "{{ x.id }}{{ y }}"}, xs=[{"id": "a"}, {"id": ""}], y="z"
    )

    assert {"a/z.txt": "az"} == made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\n{{ nothing }}\n", r"a\.txt\.jinja:2: 'nothing' is undefined"),
        ("{{ x.nothing }}", r"a\.txt\.jinja:1: .*has no attribute 'nothing'"),
        ("one\ntwo\n{% if %}", r"a\.txt\.jinja:3: "),
    ],
)
def test_a_mistake_in_a_template_is_told_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    """An unknown name and wrong Jinja are errors at file:line."""
    with pytest.raises(UsageError, match=message):
        rendered(tmp_path, {"a.txt.jinja": text}, x={})


@pytest.mark.parametrize("path", SPEC_FILES, ids=lambda path: path.stem)
def test_copier_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    """`copier copy` of the module tree, and of the fleet tree, renders what we render."""
    spec, seeds = specfile.load(path), fleet.seeds_beside(path)
    for name, root, context in (
        ("module", MODULE, module_context(spec, seeds)),
        ("modules", FLEET, fleet_context([spec])),
    ):
        ours = Renderer(TemplateTree(root)).render(context)
        answers = tmp_path / f"{name}.yml"
        answers.write_text(f"{name}: {yaml(context[name])}\n", "utf-8")

        assert context[name] == YAML(typ="safe").load(answers)[name]
        copier = [str(Path(sys.executable).with_name("copier")), "copy", "--trust"]
        options = ["--quiet", "--defaults", "--data-file", str(answers)]
        target = tmp_path / f"copied-{name}"
        subprocess.run([*copier, *options, str(root), str(target)], check=True)

        assert {str(path): text for path, text in ours.items()} == read_tree(target)
