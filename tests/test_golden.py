"""`generated/` is the golden record: every spec renders to exactly what is committed."""

import pytest

from tests.helpers import ROOT
from waddlegen import create, fleet
from waddlegen.plan import Action, Ownership
from waddlegen.project import Project

PROJECT = Project(ROOT)


def test_there_are_specs_to_render() -> None:
    """The fleet of this repository is not empty."""
    assert {"ai-interaction", "inventory-interaction", "router"} <= set(
        PROJECT.module_ids()
    )


def test_generated_is_what_the_specs_render() -> None:
    """Nothing to create, update or delete, and no managed file edited by hand."""
    steps = create.renew(PROJECT, PROJECT.module_ids(), force=False)
    drift = [
        f"{change.action.value} {step.folder.relative_to(ROOT) / change.path}"
        for step in steps
        for change in step.plan.changes
        if change.action is not Action.UNCHANGED
    ]

    assert [] == drift, "waddlegen update --all, then read the difference"


@pytest.mark.parametrize("module_id", PROJECT.module_ids())
def test_seeded_files_are_the_text_beside_the_spec(module_id: str) -> None:
    """What is handed to a new project is what is tested here."""
    spec, seeds = fleet.load(PROJECT, module_id)
    step = fleet.Fleet(PROJECT).module_step(spec, seeds)
    seeded = {c.path: c for c in step.plan.changes if c.ownership is Ownership.SEEDED}

    assert seeded
    assert {} == {
        p: c.action for p, c in seeded.items() if c.action is not Action.UNCHANGED
    }


@pytest.mark.parametrize("module_id", PROJECT.module_ids())
def test_locks_are_current(module_id: str) -> None:
    """A lock records the templates and the spec that are here."""
    spec, seeds = fleet.load(PROJECT, module_id)
    step = fleet.Fleet(PROJECT).module_step(spec, seeds)

    assert step.lock is not None
    assert not step.lock_differs(step.lock.text)
