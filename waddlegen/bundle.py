"""Publish the module templates as a git bundle, so that stock copier can update modules."""

import os
import tempfile
from pathlib import Path

from waddlegen import git
from waddlegen.base import MODULE
from waddlegen.context import module_context
from waddlegen.errors import UsageError
from waddlegen.filters import yaml
from waddlegen.fleet import Fleet, load, read_lock
from waddlegen.history import History
from waddlegen.project import Project

ANSWERS = ".copier-answers.yml"
_WHO = {
    "GIT_AUTHOR_NAME": "waddlegen",
    "GIT_AUTHOR_EMAIL": "waddlegen@invalid",
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "waddlegen",
    "GIT_COMMITTER_EMAIL": "waddlegen@invalid",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def write(project: Project, target: Path) -> int:
    """Write the bundle, a tag for each version in the history; says how many."""
    history = _history(project)
    versions = history.versions(MODULE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _git(folder, "init", "--quiet", "--initial-branch", "main")
        for number, version in enumerate(versions, start=1):
            _write_tree(folder, history.files(MODULE, version) or {})
            _git(folder, "add", "--all", "--force")
            message = f"templates {version}"
            _git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
            _git(folder, "tag", tag(number))
        _git(folder, "bundle", "create", "--quiet", str(target.resolve()), "--all")
    return len(versions)


def tag(number: int) -> str:
    """The tag of a version; copier orders them as it does Python's own."""
    return f"v{number}.0.0"


def answers(project: Project, name: str, bundle: Path) -> str:
    """What a module's `.copier-answers.yml` says, for stock copier to go on from."""
    spec, seeds = load(project, name)
    recorded = read_lock(project.fleet / spec.package)
    versions = _history(project).versions(MODULE)
    if recorded.template_version not in versions:
        raise UsageError(f"{name}: its templates' version is not in the history")
    number = versions.index(recorded.template_version) + 1
    data = yaml(module_context(spec, seeds)["module"])
    return f"_commit: {tag(number)}\n_src_path: {bundle.resolve()}\nmodule: {data}\n"


def _history(project: Project) -> History:
    """The history, with the templates as they are."""
    modules = Fleet(project)
    tree = modules.renderer.tree
    return modules.bases.history.recorded(MODULE, tree.version, tree.texts)


def _write_tree(folder: Path, files: dict[str, str]) -> None:
    """Put one version of the templates in the place of the one before."""
    _git(folder, "rm", "-r", "--quiet", "--force", "--ignore-unmatch", ".")
    files = {**files, "{{ _copier_conf.answers_file }}.jinja": _ANSWERS}
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "w", encoding="utf-8", newline="") as stream:
            stream.write(_without_git(text) if path == "copier.yml" else text)


_ANSWERS = "{{ _copier_answers | to_nice_yaml }}\n"


def _without_git(settings: str) -> str:
    """Copier copies a template's own .git once a template lists what it excludes."""
    return settings.replace("_exclude:\n", "_exclude:\n  - .git\n", 1)


def _git(folder: Path, *words: str) -> None:
    """Run git, as nobody in particular."""
    git.done(folder, *words, what="a bundle", env=_WHO)
