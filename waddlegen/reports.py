"""Say what a check found, in each format; the names of the functions are the formats."""

from __future__ import annotations

import hashlib
import json as jsonlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from waddlegen import __version__
from waddlegen.checklist import BULLETS, section_of
from waddlegen.findings import Finding, ModuleReport, Report, Severity, Verdict
from waddlegen.rules.rule import RULES

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


_SARIF_LEVELS = {"critical": "error", "error": "error", "warning": "warning"}
_SARIF = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json"
)

# GitHub takes no file with more.
_MOST_RESULTS = 25_000


@output
def sarif(report: Report) -> str:
    """SARIF 2.1.0, for code scanning; of very many findings, the worst."""
    ranked = sorted(report.findings, key=lambda finding: finding.severity.rank)
    shown = ranked[:_MOST_RESULTS]
    codes = sorted({finding.code for finding in shown})
    first = {f.code: f for f in reversed(shown)}
    run = {
        "tool": {
            "driver": {
                "name": "waddlegen",
                "version": __version__,
                "informationUri": "https://github.com/penguintechinc/waddlebot",
                "rules": [_sarif_rule(first[code]) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(f, codes.index(f.code)) for f in shown],
    }
    data = {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}
    return jsonlib.dumps(data, indent=2) + "\n"


def _sarif_rule(finding: Finding) -> dict[str, Any]:
    """A rule as SARIF describes it."""
    doc = _doc(finding.code)
    return {
        "id": finding.code,
        "name": finding.name,
        "shortDescription": {"text": doc.partition("\n\n")[0] or finding.name},
        "fullDescription": {"text": doc or finding.name},
        "help": {"text": doc or finding.name},
        "defaultConfiguration": {"level": _level(finding)},
        "properties": {
            "tags": [finding.topic],
            **_security(finding),
            "problem.severity": _SARIF_LEVELS.get(finding.severity, "recommendation"),
        },
    }


_SECURITY = frozenset(
    "auth secret sql webhook isolation dangerous-call cors path xss debug".split()
)


def _security(finding: Finding) -> dict[str, Any]:
    """What makes a rule of security one for GitHub: the tag, and a score up to 10."""
    if finding.topic not in _SECURITY:
        return {}
    score = {"critical": "9.0", "error": "7.0", "warning": "5.0"}
    tags = ["security", finding.topic]
    return {"tags": tags, "security-severity": score.get(finding.severity, "2.0")}


def _doc(code: str) -> str:
    """A rule's text, when its rule is known."""
    rule = RULES.get(code)
    return rule.doc if rule else ""


def _level(finding: Finding) -> str:
    """A severity as SARIF has it."""
    return _SARIF_LEVELS.get(finding.severity, "note")


def _sarif_result(finding: Finding, index: int) -> dict[str, Any]:
    """A finding as SARIF describes it; its fingerprint does not know the line."""
    at = finding.problem
    words = "\0".join((finding.code, at.path, " ".join(finding.snippet.split())))
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _level(finding),
        "message": {"text": at.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(at.path)},
                    "region": {"startLine": at.line, "startColumn": at.column},
                }
            }
        ],
        "partialFingerprints": {"waddlegen/v1": _digest(words)},
    }


def _digest(text: str) -> str:
    """A short name of a text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


@output
def junit(report: Report) -> str:
    """JUnit XML: a suite a module, a case a rule."""
    suites = []
    for module in report.modules:
        cases = []
        by_rule: dict[str, list[Finding]] = {}
        for finding in module.findings:
            by_rule.setdefault(finding.code, []).append(finding)
        for code in sorted({*report.rules, *by_rule}):
            found = by_rule.get(code, [])
            body = "".join(
                f"{f.problem.path}:{f.problem.line}: {f.problem.message}\n"
                for f in found
            )
            head = f'<testcase classname={_attribute(module.path)} name="{code}"'
            if found:
                message = _attribute(found[0].problem.message)
                kind = f'type="{found[0].severity}"'
                cases.append(
                    f"{head}><failure message={message} {kind}>"
                    f"{_xml(body)}</failure></testcase>"
                )
            else:
                cases.append(f"{head}/>")
        failures = len(by_rule)
        suites.append(
            f'<testsuite name={_attribute(module.path)} tests="{len(cases)}"'
            f' failures="{failures}" errors="0">\n'
            + "\n".join(cases)
            + "\n</testsuite>"
        )
    inside = "\n".join(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n{inside}\n</testsuites>\n'


def _xml(text: str) -> str:
    """A text inside XML; what XML cannot hold is replaced."""
    clean = "".join(c if c in "\n\t" or ord(c) >= 32 else "?" for c in text)
    clean = clean.encode("utf-8", "replace").decode("utf-8")
    return _escaped(clean, quote=False)


def _escaped(text: str, quote: bool = True) -> str:
    """A text inside HTML."""
    # With this comes every entity that there is, which the other formats have no use for.
    from html import escape

    return escape(text, quote=quote)


def _attribute(text: str) -> str:
    """A text as an attribute of XML, in its quotes."""
    return '"' + _xml(text.replace("\n", " ")).replace('"', "&quot;") + '"'


_COMMANDS = {"critical": "error", "error": "error", "warning": "warning"}


@output
def github(report: Report) -> str:
    """Workflow commands, which GitHub shows at the lines of a pull request."""
    lines = []
    for finding in report.findings:
        at = finding.problem
        command = _COMMANDS.get(finding.severity, "notice")
        place = f"file={_property(at.path)},line={at.line},col={at.column}"
        title = _property(f"{finding.code} {finding.name}")
        lines.append(f"::{command} {place},title={title}::{_command(at.message)}\n")
    return "".join(lines)


def _command(text: str) -> str:
    """A text as a workflow command takes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property of a workflow command."""
    return _command(text).replace(":", "%3A").replace(",", "%2C")


_GITLAB = {
    "critical": "blocker",
    "error": "critical",
    "warning": "major",
    "info": "info",
}


@output
def gitlab(report: Report) -> str:
    """GitLab's code quality report."""
    rows = []
    seen: dict[str, int] = {}
    for finding in report.findings:
        at = finding.problem
        words = "\0".join((finding.code, at.path, at.message, finding.snippet.strip()))
        number = seen[words] = seen.get(words, 0) + 1
        rows.append(
            {
                "type": "issue",
                "check_name": finding.code,
                "description": at.message,
                "categories": ["Security" if finding.code[2] == "4" else "Style"],
                "severity": _GITLAB[finding.severity],
                "fingerprint": _digest(f"{words}\0{number}"),
                "location": {"path": at.path, "lines": {"begin": at.line}},
            }
        )
    return jsonlib.dumps(rows, indent=2) + "\n"


_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem;color:#1c2024;background:#fff}
table{border-collapse:collapse;font-size:13px}th,td{padding:.25rem .4rem;text-align:left}
.map td{width:1.6rem;text-align:center;border:1px solid #fff;cursor:default}
.pass{background:#bfe5c8}.partial{background:#fbe6a6}.fail{background:#f5b5ae}
.na{background:#e8eaed}.not-run{background:#d5dcf0}
details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}
.findings td{border-top:1px solid #e3e5e8;vertical-align:top}
code{font:12px ui-monospace,monospace}.critical,.error{color:#a3261b}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#e6e8ea}
.map td{color:#111;border-color:#16181b}.findings td{border-color:#33373c}
.critical,.error{color:#ff9b90}}
"""


@output
def html(report: Report) -> str:
    """One page: modules against bullets, and what is behind each."""
    heads = "".join(f"<th title={_attribute(w)}>{b}</th>" for b, w in BULLETS.items())
    rows = "".join(_map_row(module) for module in report.modules)
    details = "".join(_drill_down(module) for module in report.modules)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>waddlegen check</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>waddlegen check</h1><p>{_escaped(summary(report))}</p>\n"
        f'<table class="map"><tr><th>module</th><th>score</th>{heads}</tr>\n{rows}</table>\n'
        f"{details}</body></html>\n"
    )


def _map_row(module: ModuleReport) -> str:
    """A module's verdicts as a row of coloured cells."""
    signs = {"pass": "+", "partial": "~", "fail": "−", "na": "", "not-run": "?"}
    cells = []
    for bullet, judgement in module.verdicts.items():
        verdict = str(judgement.verdict)
        proof = "; ".join(str(each) for each in judgement.evidence[:3])
        title = _attribute(f"{bullet} {BULLETS[bullet]}: {verdict}. {proof}")
        cells.append(f'<td class="{verdict}" title={title}>{signs[verdict]}</td>')
    name = f"<a href={_attribute('#' + module.path)}>{_escaped(module.path)}</a>"
    return f"<tr><th>{name}</th><td>{module.score:g}</td>{''.join(cells)}</tr>\n"


def _drill_down(module: ModuleReport) -> str:
    """A module's findings, to be opened."""
    rows = []
    for finding in module.findings:
        at = finding.problem
        rows.append(
            f'<tr><td class="{finding.severity}">{finding.code}</td>'
            f"<td><code>{_xml(at.path)}:{at.line}</code></td><td>{_xml(at.message)}</td></tr>"
        )
    count = len(module.findings)
    return (
        f"<details id={_attribute(module.path)}><summary>{_escaped(module.path)}:"
        f" {count} finding{'' if count == 1 else 's'}</summary>"
        f'<table class="findings">{"".join(rows)}</table></details>\n'
    )
