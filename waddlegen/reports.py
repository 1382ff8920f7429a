"""Say what a check found, in each format; the names of the functions are the formats."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from typing import Any

from waddlegen import __version__
from waddlegen.checklist import BULLETS, section_of
from waddlegen.findings import Finding, ModuleReport, Report, Severity, Verdict

FORMATS: dict[str, Callable[[Report], str]] = {}


def output(function: Callable[[Report], str]) -> Callable[[Report], str]:
    """Register an output under its function's name."""
    FORMATS[function.__name__] = function
    return function


def summary(report: Report) -> str:
    """One line: how many modules, how many findings of which severity."""
    counts = {s: 0 for s in Severity}
    for finding in report.findings:
        counts[finding.severity] += 1
    modules = len(report.modules)
    text = f"{modules} module{'' if modules == 1 else 's'}"
    if not report.findings:
        return f"{text}, no findings"
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{text}, {len(report.findings)} findings: {listed}"


@output
def text(report: Report) -> str:
    """Each finding with its line and a caret, then a line a module."""
    blocks = []
    for finding in report.findings:
        blocks.append(_block(finding))
    for module in report.modules:
        for path, reason in module.skipped:
            blocks.append(f"{path}: skipped, {reason}\n")
    blocks += [f"{_module_line(module)}\n" for module in report.modules]
    return "\n".join(blocks).replace("\n\n\n", "\n\n") + summary(report) + "\n"


def _block(finding: Finding) -> str:
    """One finding with its snippet."""
    at = finding.problem
    head = f"{at.path}:{at.line}:{at.column}: {finding.severity} {finding.code} {at.message}"
    lines = [head]
    snippet = finding.snippet.expandtabs(4).rstrip()
    if snippet.strip():
        number = str(at.line)
        indent = len(snippet) - len(snippet.lstrip())
        place = max(min(at.column - 1, len(snippet)), indent)
        shown = "".join(c if c.isprintable() else "?" for c in snippet)[:160]
        lines.append(f"  {number} | {shown}")
        if place < 160:
            lines.append(f"  {' ' * len(number)} | {' ' * place}^ {finding.name}")
    if at.hint:
        lines.append(f"  = {at.hint}")
    return "\n".join(lines) + "\n"


def _module_line(module: ModuleReport) -> str:
    """A module's name, score and verdicts in one line."""
    counts = dict.fromkeys(Verdict, 0)
    for judgement in module.verdicts.values():
        counts[judgement.verdict] += 1
    listed = ", ".join(
        f"{count} {verdict}" for verdict, count in counts.items() if count
    )
    extra = ""
    if module.suppressed:
        extra += f", {module.suppressed} suppressed"
    if module.baselined:
        extra += f", {module.baselined} in the baseline"
    return f"{module.path}: score {module.score:g}, checklist {listed}{extra}"


@output
def concise(report: Report) -> str:
    """One line a finding."""
    return "".join(
        f"{f.problem.path}:{f.problem.line}:{f.problem.column}:"
        f" {f.code} {f.severity} {f.problem.message}\n"
        for f in report.findings
    )


@output
def json(report: Report) -> str:
    """Everything, for programs."""
    data = {
        "version": __version__,
        "rules": list(report.rules),
        "findings": [finding_data(f) for f in report.findings],
        "modules": [_module_data(module) for module in report.modules],
    }
    return jsonlib.dumps(data, indent=2, ensure_ascii=True) + "\n"


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    at = finding.problem
    return {
        "rule": finding.code,
        "name": finding.name,
        "path": at.path,
        "line": at.line,
        "column": at.column,
        "severity": str(finding.severity),
        "message": at.message,
        "topic": finding.topic,
        "checklist": finding.checklist,
        "module": finding.module,
    }


def _module_data(module: ModuleReport) -> dict[str, Any]:
    """A module as plain data."""
    return {
        "name": module.name,
        "path": module.path,
        "language": module.language,
        "score": module.score,
        "verdicts": {b: str(j.verdict) for b, j in module.verdicts.items()},
        "evidence": {
            b: [str(proof) for proof in j.evidence] for b, j in module.verdicts.items()
        },
        "findings": len(module.findings),
        "suppressed": module.suppressed,
        "baselined": module.baselined,
        "skipped": [
            {"path": path, "reason": reason} for path, reason in module.skipped
        ],
    }


_BOXES = {
    Verdict.PASS: "[x]",
    Verdict.PARTIAL: "[~]",
    Verdict.FAIL: "[ ]",
    Verdict.NOT_APPLICABLE: "[-]",
    Verdict.NOT_RUN: "[?]",
}


@output
def checklist(report: Report) -> str:
    """The standard's checklist for each module, filled in with evidence, as Markdown."""
    lines: list[str] = []
    for module in report.modules:
        lines += [f"# {module.name}", "", f"Score {module.score:g} of 100.", ""]
        section = ""
        for bullet, words in BULLETS.items():
            if section_of(bullet) != section:
                section = section_of(bullet)
                lines.append(f"- **{section}**")
            judgement = module.verdicts[bullet]
            box = _BOXES[judgement.verdict]
            note = {"na": " (not applicable)"}.get(str(judgement.verdict), "")
            if judgement.verdict in {Verdict.PARTIAL, Verdict.NOT_RUN}:
                note = f" ({judgement.verdict})"
            lines.append(f"  - {box} {bullet} {words}{note}")
            for proof in judgement.evidence:
                place = f"`{proof.path}:{proof.line}` " if proof.path else ""
                lines.append(f"    - {place}{_plain(proof.text)}")
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A text as Markdown shows it, on one line."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")
