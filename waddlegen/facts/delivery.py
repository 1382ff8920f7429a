"""How one module is built, deployed and watched.

Everything a rule on these files needs, each worked out once and only when asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from waddlegen.facts.alerts import (
    Objective,
    PrometheusRule,
    objectives_of,
    rule_files,
)
from waddlegen.facts.charts import Chart, charts_of
from waddlegen.facts.compose import Service, module_services
from waddlegen.facts.dockerfile import Dockerfile, pairs, read_dockerfile
from waddlegen.facts.kubernetes_fields import Misfit, misfits
from waddlegen.facts.manifests import (
    Manifest,
    Manifests,
    image_name,
    kebab,
    module_manifests,
)
from waddlegen.facts.survey import Survey, folder_of, is_inside
from waddlegen.facts.workflows import Workflow, workflows_of

_SOURCES = ("config.py", "settings.py", "main.py", "app.py", "src/config.py")
_SUFFIX = re.compile(r"[-_](module|service|svc|app)$")
_NAME = re.compile(
    r"(?:getenv|environ\.get)\(\s*['\"]MODULE_NAME['\"]\s*,\s*['\"]([\w.-]+)['\"]"
    r"|\bmodule_name\s*(?::\s*str\s*)?=\s*['\"]([\w.-]+)['\"]"
    r"|\bMODULE_NAME\s*(?::\s*str\s*)?=\s*['\"]([\w.-]+)['\"]"
)
_PORT = re.compile(
    r"(?:getenv|environ\.get)\(\s*['\"](?:MODULE_PORT|PORT)['\"]\s*,\s*['\"]?(\d{2,5})"
    r"|\bmodule_port\s*(?::\s*int\s*)?=\s*(?:Field\(\s*(?:default\s*=\s*)?)?(\d{2,5})\b"
    r"|^\s*(?:MODULE_)?PORT\s*(?::\s*int\s*)?=\s*(\d{2,5})\b",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Port:
    """A port and where it is said."""

    number: int
    path: str
    line: int


@dataclass(frozen=True)
class Delivery:
    """A module in the repository that was surveyed."""

    survey: Survey
    # Relative to the repository, with `/`; "" when the repository is the module.
    folder: str

    def within(self, name: str) -> str:
        """A path in the module's folder, relative to the repository."""
        return f"{self.folder}/{name}" if self.folder else name

    @cached_property
    def base_name(self) -> str:
        """The module's name as its folder has it."""
        last = self.folder.rpartition("/")[2] or self.survey.root.resolve().name
        return kebab(last)

    @cached_property
    def names(self) -> frozenset[str]:
        """What images, objects and labels may call the module."""
        found = {self.base_name, kebab(_SUFFIX.sub("", self.base_name))}
        for name in self._sources:
            match = _NAME.search(self._source(name))
            if match:
                found.add(kebab(match[1] or match[2] or match[3]))
        if self.dockerfile and self.dockerfile.final:
            found.add(kebab(self.dockerfile.final.variables.get("MODULE_NAME", "")))
        for each in module_services(self.survey, self.folder, frozenset()):
            found |= {kebab(each.name)}
            found.add(kebab(image_name(each.node["image"].text or "")))
        return frozenset(name for name in found if name and "$" not in name)

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        """Where the module may say its name and port: in its folder, or in its package."""
        below = self.folder.count("/") + bool(self.folder)
        inner = (
            path.rpartition("/")[2]
            for path in self.survey.packages
            if is_inside(path, self.folder) and path.count("/") == below
        )
        return (*_SOURCES, *(f"{p}/{name}" for p in inner for name in _SOURCES[:4]))

    @cached_property
    def port(self) -> Port | None:
        """The port that the code listens to when nothing else is said."""
        for name in self._sources:
            text = self._source(name)
            match = _PORT.search(text)
            if match:
                number = int(match[1] or match[2] or match[3])
                line = text.count("\n", 0, match.start(match.lastindex or 0)) + 1
                return Port(number, self.within(name), line)
        return None

    @cached_property
    def is_python(self) -> bool:
        """Whether the module is written in Python."""
        return any(self._source(n) for n in self._sources) or bool(self.requirements)

    @cached_property
    def requirements(self) -> str:
        """The text of its requirements."""
        return self._source("requirements.txt") + self._source("pyproject.toml")

    @cached_property
    def dockerfile_path(self) -> str | None:
        """Its Dockerfile: the plain one, or the first with an addition to the name."""
        known = self.survey.dockerfiles
        for name in ("Dockerfile", "Containerfile", "docker/Dockerfile"):
            if self.within(name) in known:
                return self.within(name)
        beside = [p for p in known if folder_of(p) == self.folder]
        return beside[0] if beside else None

    @cached_property
    def dockerfile(self) -> Dockerfile | None:
        """Its Dockerfile, read."""
        path = self.dockerfile_path
        return read_dockerfile(self.survey.content(path), path) if path else None

    @cached_property
    def manifests(self) -> Manifests:
        """Its Kubernetes objects."""
        homes = self.survey.homes
        return module_manifests(self.survey, self.folder, self.names, homes)

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """Its Helm charts, as they are written."""
        return tuple(charts_of(self.survey, self.folder, self.names))

    @cached_property
    def misfits(self) -> tuple[tuple[Manifest, Misfit], ...]:
        """What does not fit the fields of the kinds that its objects are of."""
        return tuple(
            (each, misfit)
            for each in self.manifests.own
            for misfit in misfits(each.root, each.kind, each.api_version)
        )

    @cached_property
    def compose(self) -> tuple[Service, ...]:
        """Its services in Compose files."""
        return module_services(self.survey, self.folder, self.names)

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        """Every workflow of the repository."""
        return self.survey.once(workflows_of, lambda: workflows_of(self.survey))

    @cached_property
    def handles(self) -> frozenset[str]:
        """The names that a job, a label or a metric may have for the module."""
        objects = {m.name for m in self.manifests.workloads}
        return frozenset(self.names | objects)

    @cached_property
    def prometheus_rules(self) -> tuple[PrometheusRule, ...]:
        """The alerts and recording rules that are about the module."""
        found: list[PrometheusRule] = []
        for path, plain, rules in rule_files(self.survey):
            if self._is_own(path):
                found += rules
            elif any(spelled in plain for spelled in self._spelled):
                found += (r for r in rules if self._is_named_in(r.said, r.plain))
        return tuple(found)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives that are about the module."""
        return tuple(
            each
            for each in objectives_of(self.survey, self.folder)
            if self._is_own(each.path)
            or self._is_named_in(each.text, each.plain)
            or self._is_page(each)
        )

    def _is_page(self, each: Objective) -> bool:
        """Whether a page lies in a folder called like the module, or has it as its title."""
        stem = kebab(each.path.rpartition("/")[2].partition(".")[0])
        folders = {kebab(part) for part in each.path.split("/")[:-1]}
        if stem in self._short or folders & (self.names | self.handles):
            return True
        if each.node is not None:
            return False
        title = re.search(r"(?m)^#\s+(.*)$", each.text)
        words = f"-{kebab(title[1])}-" if title else ""
        return any(f"-{name}-" in words for name in self.handles)

    @cached_property
    def _short(self) -> frozenset[str]:
        """The module's names without the words that many modules have."""
        kinds = r"\b(action|core|trigger|interaction|module|service)\b"
        return frozenset(
            kebab(re.sub(kinds, "", name)) for name in self.names | self.handles
        ) - {""}

    def _is_named_in(self, text: str, plain: str) -> bool:
        """Whether a text names the module; `plain` is the text as `plain` makes it."""
        likely = any(spelled in plain for spelled in self._spelled)
        return likely and self._named.search(text) is not None

    @cached_property
    def _spelled(self) -> tuple[str, ...]:
        """The module's names as they stand in a plain text."""
        return tuple(name.replace("-", "_") for name in self.handles)

    @cached_property
    def _named(self) -> re.Pattern[str]:
        """Finds a name of the module."""
        return _any_of(self.handles)

    def _is_own(self, path: str) -> bool:
        """Whether a file lies in the module's folder, and in no other module's."""
        inside = is_inside(path, self.folder)
        return inside and len(self.survey.home_of(path)) <= len(self.folder)

    def _source(self, name: str) -> str:
        """The text of a file of the module; "" when there is none."""
        return self.survey.text(self.within(name))


def image_variables(dockerfile: Dockerfile | None) -> dict[str, str]:
    """What ENV sets in the image; ARG is gone when it runs."""
    if dockerfile is None or dockerfile.final is None:
        return {}
    found: dict[str, str] = {}
    for each in dockerfile.inherited(dockerfile.final):
        if each.keyword == "ENV":
            for pair in pairs(each):
                found[pair.name] = dockerfile.final.expand(pair.value or "")
    return found


def _any_of(names: frozenset[str]) -> re.Pattern[str]:
    """Finds one of some names, with `-` or `_` between its words."""
    spelled = (re.escape(name).replace(r"\-", "[-_]") for name in sorted(names))
    return re.compile(
        rf"(?i)(?<![a-z0-9])(?:{'|'.join(spelled) or '(?!)'})(?![a-z0-9])"
    )
