"""Judge a module by the standard's checklist: a verdict a bullet, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from waddlegen.checklist import BULLETS
from waddlegen.findings import Finding, Judgement, Outcome, Proof, Verdict
from waddlegen.measures import MEASURES
from waddlegen.source import ModuleSource

Measure = Callable[[ModuleSource, Sequence[Finding]], tuple[Verdict, list[Proof]]]
_SHOWN = 8


_FROM_BEST = (
    *(Verdict.NOT_RUN, Verdict.NOT_APPLICABLE),
    *(Verdict.PASS, Verdict.PARTIAL, Verdict.FAIL),
)


def judge(
    source: ModuleSource, found: Sequence[Finding], seen: Sequence[Outcome] = ()
) -> dict[str, Judgement]:
    """The verdict on each bullet; `seen` is what a run of the module showed."""
    if source.language != "python":
        why = f"a {source.language} module; these rules read Python"
        proof = (Proof(why),)
        return {b: Judgement(b, Verdict.NOT_APPLICABLE, proof) for b in BULLETS}
    source.memory["codes"] = {(each.code, each.topic) for each in found}
    verdicts: dict[str, Judgement] = {}
    for bullet in BULLETS:
        own = [finding for finding in found if finding.checklist == bullet]
        verdict, proofs = MEASURES[bullet](source, own)
        shown = [outcome for outcome in seen if outcome.bullet == bullet]
        verdict = _together(verdict, shown)
        proofs = [*(proof for each in shown for proof in each.evidence), *proofs]
        cited = {(proof.path, proof.line) for proof in proofs}
        for finding in own:
            at = finding.problem
            if (at.path, at.line) not in cited:
                proofs.append(Proof(f"{finding.code} {at.message}", at.path, at.line))
        verdicts[bullet] = Judgement(bullet, verdict, tuple(proofs[:_SHOWN]))
    return verdicts


def _together(verdict: Verdict, seen: Sequence[Outcome]) -> Verdict:
    """A static verdict and what was seen.

    What was not run changes nothing, but that it is no pass where only a run can tell.
    """
    missed = [each for each in seen if each.verdict is Verdict.NOT_RUN and each.decides]
    if missed and verdict is Verdict.PASS:
        verdict = Verdict.NOT_RUN
    ran = [each for each in seen if each.verdict is not Verdict.NOT_RUN]
    deciding = [each.verdict for each in ran if each.decides]
    bounds = [each.verdict for each in ran if not each.decides]
    if deciding:
        verdict = max(deciding, key=_FROM_BEST.index)
    return max((verdict, *bounds), key=_FROM_BEST.index) if bounds else verdict
