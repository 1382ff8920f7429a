"""Whether a module's requirements can be installed together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.texts import normal
from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.trial import Trial
from waddlegen.live.workspace import Unavailable
from waddlegen.probes.probe import probe


@probe("WB824", severity=Severity.ERROR, topic="dependencies", checklist="P3")
def requirements_unresolvable(trial: Trial) -> Iterator[Problem]:
    """The module's requirements cannot be installed together, or do not let it start.

    The image does not build, is built with something that a library refuses, or ends at an
    import. Widen the bounds until `pip install --dry-run` finds versions that fit, with those of
    flask_core, and name what is missing.

    Bad:
        protobuf>=5.29 and a library that wants protobuf<5
    Good:
        bounds that meet
    """
    resolved = trial.interpreter
    if resolved.unresolved:
        raise Unavailable(f"pip install --dry-run: {resolved.unresolved}")
    required = trial.source.requirements
    if not required:
        return
    if resolved.conflict:
        text = f"the requirements do not resolve: {resolved.conflict}"
        trial.judge("P3", Verdict.FAIL, Proof(f"{text} (run)"))
        yield trial.source.problem(required[0].path, required[0].line, text)
        return
    missing = _missing(trial)
    if missing:
        top = missing.partition(".")[0]
        place = next((r for r in required if normal(top) == r.name), required[0])
        text = f"with these requirements installed, there is no module `{missing}`"
        trial.judge("P3", Verdict.FAIL, Proof(f"{text} (run)", place.path, place.line))
        yield trial.source.problem(place.path, place.line, text)
        return
    trial.judge("P3", Verdict.PASS, Proof("the requirements resolve together (run)"))


def _missing(trial: Trial) -> str:
    """The library that keeps the module from starting; nothing when it starts, or fails else."""
    try:
        _ = trial.module
    except Unavailable as error:
        found = re.search(
            r"ModuleNotFoundError: No module named '([\w.]+)'", str(error)
        )
        top = found[1].partition(".")[0] if found else ""
        own = top in trial.source.code.by_stem or any(
            inside.startswith(f"{top}/") for inside in trial.source.files
        )
        return found[1] if found and not own else ""
    return ""
