"""What each output format says, and that nothing in a finding can break out of it."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from waddlegen.check import not_applicable
from waddlegen.findings import Finding, ModuleReport, Problem, Report, Severity
from waddlegen.reports import FORMATS
from waddlegen.rules.rule import load

HOSTILE = 'bad "quotes" <b>&amp; %0A ::error:: \x1b[31m \n]]> ünï'


def report(message: str = HOSTILE) -> Report:
    """A report with one finding."""
    load()
    problem = Problem("demo/a b,c:d.py", 3, message, 5)
    finding = Finding(
        "WB411",
        "unprotected-route",
        Severity.CRITICAL,
        "auth",
        "S1",
        "demo",
        problem,
        "x = 1",
    )
    module = ModuleReport(
        "demo", "demo", "python", (finding,), not_applicable("a test"), 95.0
    )
    return Report((module,), ("WB411", "WB441"))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_hostile_text_and_nothing(name: str) -> None:
    """No finding, and one whose text is full of markup, give text that can be written."""
    for each in (Report(()), report()):
        assert isinstance(FORMATS[name](each).encode("utf-8"), bytes)


def test_sarif_has_what_code_scanning_reads() -> None:
    """Version, tool, rules, results with rule, level, place and fingerprint."""
    data = json.loads(FORMATS["sarif"](report()))
    run = data["runs"][0]
    result = run["results"][0]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    place = result["locations"][0]["physicalLocation"]

    assert "2.1.0" == data["version"]
    assert ("WB411", "error") == (result["ruleId"], result["level"])
    assert "WB411" == rule["id"] and rule["help"]["text"]
    assert "demo/a%20b%2Cc%3Ad.py" == place["artifactLocation"]["uri"]
    assert {"startLine": 3, "startColumn": 5} == place["region"]
    assert result["partialFingerprints"]


def test_sarif_tells_the_worst_of_very_many() -> None:
    """GitHub refuses a file with more than 25,000 results."""
    (module,) = report().modules
    mild = replace(module.findings[0], severity=Severity.INFO, code="WB999")
    findings = (*[mild] * 25_000, *module.findings)
    many = Report((replace(module, findings=findings),), ("WB411", "WB999"))
    results = json.loads(FORMATS["sarif"](many))["runs"][0]["results"]

    assert 25_000 == len(results) and "WB411" == results[0]["ruleId"]


def test_sarif_says_which_rules_are_of_security() -> None:
    """With the score that GitHub sorts alerts by."""
    (rule,) = json.loads(FORMATS["sarif"](report()))["runs"][0]["tool"]["driver"][
        "rules"
    ]

    assert ["security", "auth"] == rule["properties"]["tags"]
    assert "9.0" == rule["properties"]["security-severity"]


def test_junit_is_xml_with_a_failure_a_rule() -> None:
    """A suite a module, a case a rule."""
    suite = ElementTree.fromstring(FORMATS["junit"](report()))[0]

    assert ("2", "1") == (suite.get("tests"), suite.get("failures"))
    assert ["WB411"] == [case.get("name") for case in suite if len(case)]


def test_github_keeps_a_finding_on_one_line() -> None:
    """A message cannot start a command of its own."""
    text = FORMATS["github"](report())

    assert 1 == len(text.splitlines())
    assert text.startswith("::error file=demo/a b%2Cc%3Ad.py,line=3,col=5,")


def test_gitlab_lists_issues_with_fingerprints() -> None:
    """What GitLab's widget needs."""
    row = json.loads(FORMATS["gitlab"](report()))[0]

    assert ("WB411", "blocker") == (row["check_name"], row["severity"])
    assert {"path": "demo/a b,c:d.py", "lines": {"begin": 3}} == row["location"]
    assert row["fingerprint"]


def test_the_page_shows_no_markup_of_a_finding() -> None:
    """A message is text on the page."""
    text = FORMATS["html"](report())

    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert 30 == text.count('class="na"')


def test_the_checklist_has_every_bullet(tmp_path: Path) -> None:
    """Markdown with a box for each of the 30."""
    text = FORMATS["checklist"](report())

    assert 30 == text.count("- [-] ")
    assert "# demo" in text
