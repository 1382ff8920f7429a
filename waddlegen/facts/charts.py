"""Helm charts: what they say before they are rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from waddlegen.facts.manifests import kebab
from waddlegen.facts.survey import Survey, folder_of, is_inside
from waddlegen.facts.yamldocs import Node

_VALUES = r"/values[\w.-]*\.ya?ml$|/(values|environments)/[\w.-]+\.ya?ml$"
_NAME = re.compile(r"-\s*name:\s*[\"']?([A-Z][A-Z0-9_]+)[\"']?\s*$")
_PLAIN = re.compile(r"value:\s*.*\{\{.*\.Values\.[\w.]+")
_VALUE = re.compile(r"\.Values\.([\w.]+)")


@dataclass(frozen=True)
class Chart:
    """A chart of one module: its templates as texts, its values by key."""

    folder: str
    templates: tuple[tuple[str, str], ...]
    values_path: str
    values: tuple[tuple[str, Node], ...]
    # The values of one environment: the file, the key, the value.
    others: tuple[tuple[str, str, Node], ...] = ()

    @property
    def path(self) -> str:
        """The template that makes the pods, or the first there is."""
        makers = [path for path, text in self.templates if "containers:" in text]
        return (makers or [f"{self.folder}/Chart.yaml"])[0]

    def plain_variables(self) -> Iterator[tuple[str, int, str]]:
        """File, line and name of variables whose value comes straight from the values."""
        for path, text in self.templates:
            name = ""
            for number, line in enumerate(text.splitlines(), 1):
                named = _NAME.search(line)
                if named:
                    name = named[1]
                elif name and _PLAIN.search(line):
                    yield path, number, name
                    name = ""
                elif line.strip():
                    name = ""

    def asks_for(self, key: str) -> bool:
        """Whether a template of pods takes a value, by the last part of its path."""
        return any(
            path.rpartition(".")[2] == key
            for _, text in self.templates
            if "containers:" in text
            for path in _VALUE.findall(text)
        )


def charts_of(survey: Survey, folder: str, names: frozenset[str]) -> Iterator[Chart]:
    """The charts that are one module's alone: by their folder's name, or within its own."""
    for chart in sorted(set(survey.charts)):
        inside = bool(folder) and is_inside(chart, folder)
        if inside or kebab(chart.rpartition("/")[2]) in names:
            yield _read(survey, chart)


def _read(survey: Survey, chart: str) -> Chart:
    """One chart."""
    paths = [path for path in survey.yaml if is_inside(path, f"{chart}/templates")]
    values = f"{chart}/values.yaml"
    known = values in survey.yaml and folder_of(values) == chart
    roots = survey.documents(values).roots if known else ()
    return Chart(
        chart,
        tuple((path, survey.text(path)) for path in paths),
        values,
        tuple(each for root in roots for each in _leaves(root)),
        tuple(_others(survey, chart, values)),
    )


def _others(survey: Survey, chart: str, values: str) -> Iterator[tuple[str, str, Node]]:
    """The values of a chart for some environment, in files such as `values-prod.yaml`."""
    for path in survey.yaml:
        beside = folder_of(path) in (chart, f"{chart}/values", f"{chart}/environments")
        if beside and path != values and re.search(_VALUES, path):
            for root in survey.documents(path).roots:
                for key, node in _leaves(root):
                    yield path, key, node


def _leaves(node: Node) -> Iterator[tuple[str, Node]]:
    """Every key with its value, however deep; mappings too."""
    for key, value in node.keys.items():
        yield key, value
        yield from _leaves(value)
