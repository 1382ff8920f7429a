"""Whether a module's requirements can be installed together."""

from __future__ import annotations

from collections.abc import Iterator

from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.trial import Trial
from waddlegen.live.workspace import Unavailable
from waddlegen.probes.probe import probe


@probe("WB824", severity=Severity.ERROR, topic="dependencies", checklist="P3")
def requirements_unresolvable(trial: Trial) -> Iterator[Problem]:
    """The module's requirements, with those of flask_core, cannot be installed together.

    The image does not build, or is built with something that a library refuses. Widen the
    bounds until `pip install --dry-run` finds versions that fit.

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
    trial.judge("P3", Verdict.PASS, Proof("the requirements resolve together (run)"))
