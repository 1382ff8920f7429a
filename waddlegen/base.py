"""The text a file was rendered to last: the base of a merge, rendered again from the history."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from waddlegen import disk
from waddlegen.context import fleet_context, module_context
from waddlegen.errors import WaddlegenError
from waddlegen.history import NAME, History
from waddlegen.lock import Lock, digest
from waddlegen.render import Renderer
from waddlegen.spec import ModuleSpec
from waddlegen.templates import TemplateTree

MODULE, FLEET, LIBRARY = "module", "fleet", "libs/flask_core"
Base = Callable[[PurePosixPath], str | None]


@dataclass(frozen=True)
class Bases:
    """The template history of a project, and renderers of its versions."""

    templates: Path
    _renderers: dict[str, Renderer | None] = field(default_factory=dict)

    @cached_property
    def history(self) -> History:
        """What the templates were."""
        path = self.templates / NAME
        return History(disk.read_text(path) if path.is_file() else "", str(path))

    def renderer(self, tree: str, version: str) -> Renderer | None:
        """A renderer of one version; None when the history does not know it."""
        key = f"{tree}@{version}"
        if key not in self._renderers:
            files = self.history.files(tree, version)
            root = self.templates / f"{tree}@{version}"
            self._renderers[key] = (
                None if files is None else Renderer(TemplateTree(root, files))
            )
        return self._renderers[key]

    def of_module(
        self,
        lock: Lock,
        seeds: Mapping[str, str],
        context: Mapping[str, object] | None = None,
    ) -> Base:
        """The bases of a module's files; `context` is that of the recorded spec."""

        def base(path: PurePosixPath) -> str | None:
            """Try the seeds of today first: the README names those there are."""
            renderer = self.renderer(MODULE, lock.template_version)
            if renderer is not None and context is not None:
                text = _text(renderer, path, context)
                if text is not None and digest(text) == lock.files.get(path):
                    return text
            spec = recorded_spec(lock.spec)
            if renderer is None or spec is None:
                return None
            for each in (seeds, {}):
                text = _text(renderer, path, module_context(spec, each))
                if text is not None and digest(text) == lock.files.get(path):
                    return text
            return None

        return base

    def of_fleet(self, lock: Lock) -> Base:
        """The bases of the fleet root's files."""

        def base(path: PurePosixPath) -> str | None:
            """Render with every spec as it was recorded."""
            renderer = self.renderer(FLEET, lock.template_version)
            recorded = lock.spec.get("modules")
            if renderer is None or not isinstance(recorded, list):
                return None
            specs = [recorded_spec(each) for each in recorded]
            known = [spec for spec in specs if spec is not None]
            return _text(renderer, path, fleet_context(known))

        return base

    def of_library(self, lock: Lock) -> Base:
        """The bases of the shared library's files, which are copied as they are."""

        def base(path: PurePosixPath) -> str | None:
            """Look the text up."""
            files = self.history.files(LIBRARY, lock.template_version)
            return None if files is None else files.get(str(path))

        return base


def recorded_spec(record: object) -> ModuleSpec | None:
    """A spec as a lock recorded it; None when the language of specs has moved on."""
    try:
        return ModuleSpec.model_validate_json(json.dumps(record))
    except ValidationError:
        return None


def _text(
    renderer: Renderer, path: PurePosixPath, context: Mapping[str, object]
) -> str | None:
    """One file of an old version; None when it cannot be rendered any more."""
    try:
        return renderer.text(path, context)
    except WaddlegenError:
        return None


def recorded_specs(specs: Iterable[ModuleSpec]) -> dict[str, object]:
    """Specs as the lock of the fleet root records them."""
    ordered = sorted(specs, key=lambda spec: spec.id)
    return {
        "modules": [
            spec.model_dump(mode="json", exclude_defaults=True) for spec in ordered
        ]
    }
