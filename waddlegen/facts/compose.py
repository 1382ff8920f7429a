"""Services of Compose files, and which of them is a module's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waddlegen.facts.manifests import image_name, kebab
from waddlegen.facts.survey import Survey, folder_of, is_aside
from waddlegen.facts.yamldocs import Node, problem_at
from waddlegen.findings import Problem

_FILE = re.compile(r"(docker-)?compose([._-][\w.-]*)?\.ya?ml")
_PORT = re.compile(r"(?:.*:)?(\d+)(?:/\w+)?")


@dataclass(frozen=True)
class Setting:
    """One environment variable of a service."""

    name: str
    value: str | None
    node: Node


@dataclass(frozen=True)
class Service:
    """One service of a Compose file."""

    path: str
    name: str
    node: Node
    # Where the Dockerfile lies that it is built from, when it is built.
    dockerfile: str | None
    # The service of the same file that it extends.
    base: Service | None = None

    def is_made_of(self, other: Service) -> bool:
        """Whether another service is this one, or one that it extends."""
        if self.base is not None and self.base.is_made_of(other):
            return True
        return self.name == other.name

    @property
    def settings(self) -> Iterator[Setting]:
        """Its environment, and that of the service that it extends."""
        own = tuple(self._own)
        names = {each.name for each in own}
        yield from own
        if self.base is not None:
            yield from (each for each in self.base.settings if each.name not in names)

    @property
    def _own(self) -> Iterator[Setting]:
        """What it sets itself, written as a mapping or as a list."""
        environment = self.node["environment"]
        for key, node in environment.keys.items():
            said = node.shown if node.text is None else node.text
            yield Setting(key, None if node.is_null else said, node)
        for item in environment:
            name, equals, value = (item.text or "").partition("=")
            if name:
                yield Setting(name, value if equals else None, item)

    @property
    def container_ports(self) -> Iterator[tuple[int, Node]]:
        """The ports that it listens to, as its `ports` and `expose` say."""
        for key in ("ports", "expose"):
            for item in self.node[key]:
                target = item["target"].integer
                whole = target if target is not None else item.integer
                found = _PORT.fullmatch(item.text or "")
                if whole is not None:
                    yield whole, item
                elif found:
                    yield int(found[1]), item

    def problem(self, node: Node, message: str, hint: str = "") -> Problem:
        """What is wrong at a value of the service."""
        return problem_at(self.path, node, self.node, message, hint)


def services_of(survey: Survey) -> Iterator[Service]:
    """Every service of every Compose file."""
    for path in survey.yaml:
        if not _FILE.fullmatch(path.rpartition("/")[2]) or is_aside(path):
            continue
        for root in survey.documents(path).roots:
            services = root["services"].keys
            for name in services:
                yield _service(path, name, services, 3)


def _service(path: str, name: str, services: Mapping[str, Node], depth: int) -> Service:
    """One service, with those of its file that it extends."""
    node = services[name]
    extended = node["extends"]
    other = extended.text or extended["service"].text or ""
    elsewhere = extended["file"].text
    base = None
    if other in services and other != name and not elsewhere and depth:
        base = _service(path, other, services, depth - 1)
    built = _built_from(path, node["build"]) or (base.dockerfile if base else None)
    return Service(path, name, node, built, base)


def module_services(
    survey: Survey, folder: str, names: frozenset[str]
) -> tuple[Service, ...]:
    """The services built from a module's folder; by name and image where none is."""
    everything = survey.once(services_of, lambda: tuple(services_of(survey)))
    built = tuple(
        each
        for each in everything
        if each.dockerfile and folder_of(each.dockerfile) == folder
    )
    named = tuple(
        each
        for each in everything
        if not each.dockerfile
        and (
            kebab(each.name) in names
            or kebab(image_name(each.node["image"].text or "")) in names
        )
    )
    return (*built, *named)


def _built_from(path: str, build: Node) -> str | None:
    """The Dockerfile that `build` means, relative to the repository."""
    context = build.text if build.text is not None else build["context"].text
    if context is None or "://" in context or "$" in context:
        return None
    base = joined(folder_of(path), context)
    if base is None:
        return None
    return joined(base, build["dockerfile"].text or "Dockerfile")


def joined(folder: str, name: str) -> str | None:
    """A path relative to a folder; none when it leaves the repository."""
    parts = folder.split("/") if folder else []
    for part in name.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)
