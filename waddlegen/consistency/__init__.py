"""Find what no single value of a spec can show: the parts that do not fit each other.

Each file looks at one side of a spec; an issue names the loc it is at, and says what is
wrong and what to do next.
"""

from collections.abc import Iterator

from waddlegen.consistency import (
    deployment,
    names,
    operations,
    references,
    routes,
    tables,
    values,
)
from waddlegen.consistency.facts import Facts, Issue
from waddlegen.spec import ModuleSpec


def check(spec: ModuleSpec) -> Iterator[Issue]:
    """Every issue of a spec, each as the loc it is at and what to say about it."""
    facts = Facts.of(spec)
    for side in (names, values, tables, routes, operations, references, deployment):
        yield from side.check(facts)
