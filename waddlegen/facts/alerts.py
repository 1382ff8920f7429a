"""Alerts, recording rules and objectives, in whichever file they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from waddlegen.facts.survey import Survey, is_aside, is_inside
from waddlegen.facts.yamldocs import Node, problem_at
from waddlegen.findings import Problem

_SLO_NAME = re.compile(r"(?i)(^|[^a-z])slos?([^a-z]|$)")
# What every heading and sentence about objectives has.
_OBJECTIVE_KINDS = frozenset({"SLO", "PrometheusServiceLevel", "ServiceLevelObjective"})


def plain(text: str) -> str:
    """A text in small letters, with `_` for every `-`."""
    return text.lower().replace("-", "_")


@dataclass(frozen=True)
class PrometheusRule:
    """One alert or recording rule."""

    path: str
    node: Node
    group: str

    @property
    def alert(self) -> str:
        """The alert's name; "" for a recording rule."""
        return self.node["alert"].text or ""

    @property
    def expr(self) -> str:
        """Its expression."""
        value = self.node["expr"].value
        return "" if value is None else str(value)

    @cached_property
    def said(self) -> str:
        """All of its texts, to find a module's name in."""
        texts = (each.text or "" for each in self.node.walk())
        return " ".join((self.group, *texts))

    @cached_property
    def plain(self) -> str:
        """The same, to look a name up in quickly."""
        return plain(self.said)

    def problem(self, node: Node, message: str, hint: str = "") -> Problem:
        """What is wrong at a value of the rule."""
        return problem_at(self.path, node, self.node, message, hint)


@dataclass(frozen=True)
class Objective:
    """A file or document that says what a service promises."""

    path: str
    line: int
    text: str
    # None for prose.
    node: Node | None = None

    @cached_property
    def words(self) -> str:
        """Its text in small letters."""
        return self.text.lower()

    @cached_property
    def plain(self) -> str:
        """Its text, to look a name up in quickly."""
        return plain(self.text)


def rules_of(survey: Survey) -> tuple[PrometheusRule, ...]:
    """Every rule of every rule file."""
    return survey.once(rules_of, lambda: tuple(_rules_of(survey)))


def rule_files(
    survey: Survey,
) -> tuple[tuple[str, str, tuple[PrometheusRule, ...]], ...]:
    """The files that have rules: path, all that they say as `plain` makes it, the rules."""
    return survey.once(rule_files, lambda: tuple(_rule_files(survey)))


def _rule_files(
    survey: Survey,
) -> Iterator[tuple[str, str, tuple[PrometheusRule, ...]]]:
    """The same, looked for."""
    for path, found in groupby(rules_of(survey), key=lambda rule: rule.path):
        rules = tuple(found)
        yield path, "\n".join(rule.plain for rule in rules), rules


def _rules_of(survey: Survey) -> Iterator[PrometheusRule]:
    """The same, looked for."""
    for path in survey.yaml:
        content = survey.content(path)
        if is_aside(path) or b"groups" not in content or b"rules" not in content:
            continue
        for root in survey.documents(path).roots:
            for groups in (root["groups"], root.at("spec", "groups")):
                for group in groups:
                    name = group["name"].text or ""
                    for rule in group["rules"]:
                        if "alert" in rule or "record" in rule or "expr" in rule:
                            yield PrometheusRule(path, rule, name)


@dataclass(frozen=True)
class Target:
    """An address that Prometheus is told to ask for metrics."""

    path: str
    host: str
    port: int
    node: Node


def targets_of(survey: Survey) -> tuple[Target, ...]:
    """Every fixed address that Prometheus is told to ask."""
    return survey.once(targets_of, lambda: tuple(_targets_of(survey)))


def scrapers_of(survey: Survey) -> tuple[tuple[str, Node], ...]:
    """The files that configure Prometheus itself."""
    return survey.once(scrapers_of, lambda: tuple(_scrapers_of(survey)))


def _scrapers_of(survey: Survey) -> Iterator[tuple[str, Node]]:
    """The same, looked for."""
    for path in survey.yaml:
        if not is_aside(path) and b"scrape_configs" in survey.content(path):
            for root in survey.documents(path).roots:
                if root["scrape_configs"]:
                    yield path, root


def _targets_of(survey: Survey) -> Iterator[Target]:
    """The same, looked for."""
    for path, root in scrapers_of(survey):
        for job in root["scrape_configs"]:
            for static in job["static_configs"]:
                for node in static["targets"]:
                    host, _, port = (node.text or "").rpartition(":")
                    if host and port.isdigit():
                        yield Target(path, host.partition(".")[0], int(port), node)


_PROMISES = ("slo", "objective", "service level", "service-level")


def objectives_of(survey: Survey, folder: str) -> Iterator[Objective]:
    """Every SLO document, and every page or section of a module about objectives."""
    yield from survey.once(objectives_of, lambda: tuple(_documents_of(survey)))
    yield from _pages_of(survey, folder)


def _documents_of(survey: Survey) -> Iterator[Objective]:
    """Every SLO document."""
    for path in survey.yaml:
        words = survey.content(path).lower()
        if is_aside(path) or not (b"slo" in words or b"servicelevel" in words):
            continue
        for root in survey.documents(path).roots:
            known = root["kind"].text in _OBJECTIVE_KINDS or root["slos"].is_list
            if known or (_SLO_NAME.search(path) and _is_promise(root)):
                texts = (f"{n.shown} {' '.join(n.keys)}" for n in root.walk())
                yield Objective(path, max(1, root.line), " ".join(texts), root)


def _pages_of(survey: Survey, folder: str) -> Iterator[Objective]:
    """Every page or section of a module about objectives."""
    named = survey.once(_is_about, lambda: set(filter(_is_about, survey.markdown)))
    for path in survey.markdown:
        about = path in named
        if not about and not is_inside(path, folder):
            continue
        text = survey.text(path)
        words = text.lower()
        if not about and not any(each in words for each in _PROMISES):
            continue
        heading = re.search(
            r"(?im)^#{1,6}\s.*(\bslos?\b|service.level objective).*$"
            r"|^#{1,6}\s+service.levels?\s*$(?=[\s\S]{0,300}?\d{2}(\.\d+)?\s?%)"
            r"|^.*\bobjectives?\b.*\b\d{2}(\.\d+)?\s?%.*$",
            text,
        )
        if about or heading:
            start = 0 if about or not heading else heading.start()
            yield Objective(path, text.count("\n", 0, start) + 1, text[start:])


def _is_about(path: str) -> bool:
    """Whether a document is one of objectives by its name, or by that of its folder."""
    folder, _, name = path.rpartition("/")
    words = (name.rpartition(".")[0], folder.rpartition("/")[2])
    return any(map(_SLO_NAME.search, words))


def _is_promise(root: Node) -> bool:
    """Whether a document of another shape has an objective."""
    keys = {key.lower() for node in root.walk() for key in node.keys}
    return bool(keys & {"objective", "objectives", "target", "targets", "slo"})
