"""What a module's own tests say when they run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from waddlegen.findings import Problem, Proof, Severity, Verdict
from waddlegen.live.suite import Case, Result
from waddlegen.live.trial import Trial
from waddlegen.live.workspace import Unavailable
from waddlegen.probes.probe import probe
from waddlegen.source import ModuleSource

ENOUGH = 80.0


@probe("WB304", severity=Severity.ERROR, topic="coverage", checklist="T1")
def too_little_covered(trial: Trial) -> Iterator[Problem]:
    """The module's tests run less than 80 % of its lines, or fail.

    What no test runs breaks unseen. The tests are run with coverage, in the environment of the
    module's requirements; tests and generated code do not count.

    Bad:
        TOTAL 120 statements, 27 %
    Good:
        TOTAL 120 statements, 84 %
    """
    result = trial.tests
    passed, failed = result.of("passed"), result.of("failed")
    if not passed and not failed:
        raise Unavailable(f"pytest ran no test: {result.last_line}")
    if not result.statements:
        raise Unavailable(f"coverage measured nothing: {result.last_line}")
    _judge(trial, result)
    first = next(
        (file for file in trial.source.tests if file.name[:5] == "test_"), None
    )
    place = first or trial.source.tests[0]
    if failed:
        names = ", ".join(case.name for case in failed[:3])
        text = f"{len(failed)} of {len(passed) + len(failed)} tests fail: {names}"
        yield trial.source.problem(_file(trial.source, failed[0], place.path), 1, text)
    elif result.covered < ENOUGH:
        text = f"the tests cover {result.covered:.0f} % of {result.statements} lines"
        yield trial.source.problem(place, 1, text)


def _file(source: ModuleSource, case: Case, otherwise: str) -> str:
    """The file of a test, as the module names it."""
    return case.file if case.file in source.files else otherwise


def _judge(trial: Trial, result: Result) -> None:
    """What the run says of unit tests and of those of several parts together."""
    unit = [case for case in result.cases if not case.is_integration]
    failed = sum(case.outcome == "failed" for case in unit)
    text = f"coverage {result.covered:.0f} % of {result.statements} lines, {failed} fail (run)"
    if failed or result.covered < ENOUGH:
        trial.judge("T1", Verdict.PARTIAL, Proof(text), decides=True)
    else:
        trial.judge("T1", Verdict.PASS, Proof(text), decides=True)
    _judge_integration(trial, [case for case in result.cases if case.is_integration])


def _judge_integration(trial: Trial, cases: Sequence[Case]) -> None:
    """Integration tests pass, or they do not; skipped ones were not run."""
    if not cases:
        return
    failed = [case for case in cases if case.outcome == "failed"]
    skipped = [case for case in cases if case.outcome == "skipped"]
    if failed:
        text = f"{failed[0].name} fails: {failed[0].message.splitlines()[0:1]} (run)"
        trial.judge("T2", Verdict.FAIL, Proof(text), decides=True)
    elif len(skipped) == len(cases):
        text = f"{len(skipped)} integration tests are skipped: {skipped[0].message}"
        trial.judge("T2", Verdict.NOT_RUN, Proof(text))
    else:
        text = f"{len(cases) - len(skipped)} integration tests pass (run)"
        trial.judge("T2", Verdict.PASS, Proof(text), decides=True)
