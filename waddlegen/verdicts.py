"""Judge a module by the standard's checklist: a verdict a bullet, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from waddlegen.checklist import BULLETS
from waddlegen.findings import Finding, Judgement, Proof, Verdict
from waddlegen.measures import MEASURES
from waddlegen.source import ModuleSource

Measure = Callable[[ModuleSource, Sequence[Finding]], tuple[Verdict, list[Proof]]]
_SHOWN = 8


def judge(source: ModuleSource, found: Sequence[Finding]) -> dict[str, Judgement]:
    """The verdict on each bullet."""
    if source.language != "python":
        why = f"a {source.language} module; these rules read Python"
        proof = (Proof(why),)
        return {b: Judgement(b, Verdict.NOT_APPLICABLE, proof) for b in BULLETS}
    source.memory["codes"] = {(each.code, each.topic) for each in found}
    verdicts: dict[str, Judgement] = {}
    for bullet in BULLETS:
        own = [finding for finding in found if finding.checklist == bullet]
        verdict, proofs = MEASURES[bullet](source, own)
        cited = {(proof.path, proof.line) for proof in proofs}
        for finding in own:
            at = finding.problem
            if (at.path, at.line) not in cited:
                proofs.append(Proof(f"{finding.code} {at.message}", at.path, at.line))
        verdicts[bullet] = Judgement(bullet, verdict, tuple(proofs[:_SHOWN]))
    return verdicts
