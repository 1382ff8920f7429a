"""What workflows build: the Dockerfiles and folders that their steps name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from waddlegen.facts.compose import joined
from waddlegen.facts.survey import Survey
from waddlegen.facts.yamldocs import Node

_EXPRESSION = re.compile(r"\$\{\{\s*matrix\.([\w.-]+)\s*\}\}")
_COMMAND = re.compile(
    r"\b(?:docker|podman|nerdctl)\s+(?:buildx\s+|image\s+|builder\s+)?build\b|"
    r"\bbuildah\s+(?:bud|build)\b|\bbuildx\s+build\b"
)
_FILE_FLAG = re.compile(r"(?:--file|-f)[\s=]+[\"']?([^\s\"']+)")
_WITH_VALUE = re.compile(
    r"\s--?(?:t|tag|f|file|build-arg|label|platform|target|cache-from|cache-to|network|"
    r"progress|secret|o|output|iidfile|build-context|builder|ssh|provenance|sbom)"
    r"[\s=]+(?:\"[^\"]*\"|'[^']*'|\S+)"
)
_ACTION = re.compile(r"(docker/build-push-action|redhat-actions/buildah-build)@")
_PATH_INPUT = re.compile(r"(?i)path|context|dir|folder|file|module$|service$")
MAX_COMBINATIONS = 400


@dataclass(frozen=True)
class Build:
    """One Dockerfile that a workflow builds; what is not known stays in `${{ }}`."""

    path: str
    line: int
    column: int
    dockerfile: str


@dataclass(frozen=True)
class Workflow:
    """One workflow file."""

    path: str
    builds: tuple[Build, ...]
    # The texts of its triggers, steps and matrix, to find a module's folder in.
    uses_variables: bool
    text: str


def workflows_of(survey: Survey) -> tuple[Workflow, ...]:
    """Every workflow; `.github` may lie in a folder of fleets as well."""
    return tuple(
        _workflow(survey, path)
        for path in survey.yaml
        if "/.github/workflows/" in f"/{path}"
        or path.rpartition("/")[2] in (".gitlab-ci.yml", "azure-pipelines.yml")
    )


def _workflow(survey: Survey, path: str) -> Workflow:
    """What one file builds."""
    base = path.partition(".github/workflows/")[0].rstrip("/")
    builds: list[Build] = []
    for root in survey.documents(path).roots:
        for job in root["jobs"].keys.values():
            matrix = job.at("strategy", "matrix")
            builds += _at_values(matrix, _builds(path, base, root, job))
        if not root["jobs"]:
            for job in root.keys.values():
                for line in job["script"]:
                    builds += _commands(path, base, line, "", line.text or "")
    unknown = any("${" in each.dockerfile for each in builds)
    return Workflow(path, tuple(builds), unknown, survey.text(path))


def _builds(path: str, base: str, root: Node, job: Node) -> Iterator[Build]:
    """What the steps of a job build, once for each of its matrix's values."""
    values = list(_matrix(job.at("strategy", "matrix")))
    default = job.at("defaults", "run", "working-directory").text
    default = default or root.at("defaults", "run", "working-directory").text or ""
    inputs = job["with"]
    if job["uses"].text:
        yield from _called(path, base, inputs, values)
    for step in job["steps"]:
        if _ACTION.match(step["uses"].text or ""):
            yield from _named(path, base, step["with"], values)
        script = step["run"]
        if script.text:
            folder = step["working-directory"].text or default
            for value in values:
                yield from _commands(
                    path, base, script, _put(folder, value), _put(script.text, value)
                )


def _at_values(matrix: Node, builds: Iterator[Build]) -> Iterator[Build]:
    """Builds at the value of the matrix that says their folder, where there is one."""
    texts = [node for node in matrix.walk() if len(node.text or "") > 2]
    for build in builds:
        said = [node for node in texts if (node.text or "") in build.dockerfile]
        named = max(said, key=lambda node: len(node.text or ""), default=None)
        if named is None:
            yield build
        else:
            yield replace(build, line=named.line, column=named.column)


def _called(
    path: str, base: str, inputs: Node, values: list[Mapping[str, str]]
) -> Iterator[Build]:
    """What a reusable workflow builds: some input says the folder, or the file."""
    for key, node in inputs.keys.items():
        if node.text and _PATH_INPUT.search(key):
            for value in values:
                name = _put(node.text, value)
                is_file = name.rpartition("/")[2].lower().startswith("dockerfile")
                yield from _build(
                    path, base, node, "", name if is_file else f"{name}/Dockerfile"
                )


def _named(
    path: str, base: str, inputs: Node, values: list[Mapping[str, str]]
) -> Iterator[Build]:
    """What an action builds that takes its file and context as inputs."""
    for value in values:
        context = _put(inputs["context"].text or ".", value)
        file = inputs["file"].text or inputs["dockerfile"].text
        named = _put(file, value) if file else f"{context}/Dockerfile"
        node = inputs["file"] or inputs["dockerfile"] or inputs["context"] or inputs
        yield from _build(path, base, node, "", named)


def _commands(
    path: str, base: str, node: Node, folder: str, script: str
) -> Iterator[Build]:
    """What `docker build` in a script builds."""
    script = re.sub(r"\\\r?\n", " ", script)
    for line in script.splitlines():
        moved = re.match(r"\s*cd\s+[\"']?([^\s\"';&]+)", line)
        if moved:
            folder = joined(folder, moved[1]) or ""
        for command in re.split(r"&&|;|\|\|", line):
            found = _COMMAND.search(command)
            if not found:
                continue
            arguments = command[found.end() :]
            file = _FILE_FLAG.search(arguments)
            rest = _WITH_VALUE.sub(" ", arguments).split()
            bare = [word.strip("\"'") for word in rest if not word.startswith("-")]
            context = bare[0] if bare else "."
            name = file[1] if file else f"{context}/Dockerfile"
            yield from _build(path, base, node, folder, name)


def _build(path: str, base: str, node: Node, folder: str, name: str) -> Iterator[Build]:
    """One build, unless its Dockerfile is not in the repository."""
    name = name.replace("${{ github.workspace }}/", "").replace("{{context}}", ".")
    named = joined(joined(base, folder) or base, name)
    if named is not None and "://" not in name:
        yield Build(path, max(1, node.line), max(1, node.column), named)


def _matrix(matrix: Node) -> Iterator[Mapping[str, str]]:
    """The combinations of a matrix, those of `include` too; one empty one without."""
    axes = {
        key: [_flat(item) for item in node]
        for key, node in matrix.keys.items()
        if key not in ("include", "exclude") and node.is_list
    }
    included = [_flat(item) for item in matrix["include"]]
    combinations: list[Mapping[str, str]] = []
    for values in itertools.islice(itertools.product(*axes.values()), MAX_COMBINATIONS):
        made: dict[str, str] = {}
        for axis, value in zip(axes, values, strict=True):
            made |= {f"{axis}.{k}" if k else axis: text for k, text in value.items()}
        combinations.append(made)
    for extra in included:
        keys = {key: value for key, value in extra.items() if key in axes}
        fits = [c for c in combinations if axes and keys.items() <= c.items()]
        combinations += [{**each, **extra} for each in fits] or [extra]
    return iter(combinations or [{}])


def _flat(item: Node) -> dict[str, str]:
    """The values of one entry by name; a plain value is under no name."""
    if item.is_mapping:
        return {key: str(node.value) for key, node in item.keys.items()}
    return {"": str(item.value)}


def _put(text: str, values: Mapping[str, str]) -> str:
    """A text with the values of a matrix in it."""
    return _EXPRESSION.sub(lambda match: values.get(match[1], match[0]), text)
