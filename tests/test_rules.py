"""Every rule on small trees: what it must find, on which line, and what it must leave alone.

A case is a mapping of paths to texts; a path that starts with `/` lies in the repository, the
others in the module `demo`. A line that ends with `# !` is where the finding belongs; `at`
names places in files that have no such comments.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import build_tree
from waddlegen.check import Options, check_module, chosen
from waddlegen.discover import Place
from waddlegen.findings import Severity
from waddlegen.rules.delivered import DELIVERY_RULES
from waddlegen.rules.rule import Rule, load

CASES = Path(__file__).parent / "rules"
RULES = load()
# Their cases need more than a tree: a tool, the clock, several modules.
ELSEWHERE = {"WB203", "WB991"}
MARK = "# !"


def read_cases(code: str) -> dict[str, list[dict[str, Any]]]:
    """The cases of one rule."""
    text = (CASES / f"{code}.yaml").read_text("utf-8")
    cases: dict[str, list[dict[str, Any]]] = yaml.safe_load(text)
    return cases


def every_case(kind: str) -> list[Any]:
    """The cases of one kind of every rule, named."""
    return list(_cases(kind))


def _cases(kind: str) -> Iterator[Any]:
    """As above, one by one."""
    for path in sorted(CASES.glob("*.yaml")):
        if path.stem in DELIVERY_RULES:
            continue
        for number, case in enumerate(read_cases(path.stem)[kind], 1):
            yield pytest.param(path.stem, case, id=f"{path.stem}-{kind}-{number}")


def found_places(code: str, case: dict[str, Any], root: Path) -> set[str]:
    """Where the rule finds something in a case."""
    files = {_place(name): text for name, text in case.items() if name != "at"}
    build_tree(root, {".git/HEAD": "", **files})
    place = Place(root / "demo", root)
    (root / "demo").mkdir(exist_ok=True)
    report = check_module(place, (RULES[code],), Options())
    for finding in report.findings:
        assert finding.code == code, finding.problem.message
    return {f"{f.problem.path}:{f.problem.line}" for f in report.findings}


def wanted_places(case: dict[str, Any]) -> set[str]:
    """Where the case says that something is wrong."""
    wanted = {_place(place) for place in case.get("at", ())}
    for name, text in case.items():
        if name == "at":
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if line.endswith(MARK):
                wanted.add(f"{_place(name)}:{number}")
    return wanted


def _place(name: str) -> str:
    """Where a file of a case lies."""
    return name[1:] if name.startswith("/") else f"demo/{name}"


@pytest.mark.parametrize(("code", "case"), every_case("bad"))
def test_what_is_wrong_is_found(
    code: str, case: dict[str, Any], tmp_path: Path
) -> None:
    """Each bad case is found exactly where it is wrong."""
    assert wanted_places(case), "the case marks no line"
    assert wanted_places(case) == found_places(code, case, tmp_path)


@pytest.mark.parametrize(("code", "case"), every_case("ok"))
def test_what_is_right_is_left_alone(
    code: str, case: dict[str, Any], tmp_path: Path
) -> None:
    """Each ok case, the traps of real code among them, has no finding."""
    assert set() == found_places(code, case, tmp_path)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_explains_itself(rule: Rule) -> None:
    """What is wrong, why, how to mend it, and for code an example of each."""
    paragraphs = rule.doc.split("\n\n")

    assert len(paragraphs) >= 2
    if rule.code not in DELIVERY_RULES:
        assert "Bad:" in rule.doc and "Good:" in rule.doc
    assert paragraphs[0].endswith((".", ")"))
    assert rule.topic and rule.name == rule.name.lower()


@pytest.mark.parametrize("code", sorted(set(RULES) - ELSEWHERE))
def test_a_rule_is_proved(code: str) -> None:
    """At least three bad and three ok cases."""
    cases = read_cases(code)

    assert len(cases["bad"]) >= 3
    assert len(cases["ok"]) >= 3


def test_every_case_file_belongs_to_a_rule() -> None:
    """No cases of a rule that is gone."""
    assert {path.stem for path in CASES.glob("*.yaml")} <= set(RULES)


def test_rules_are_chosen_by_code_beginning_and_name() -> None:
    """`--select WB4`, `--ignore unprotected-route`."""
    some = chosen(RULES, Options(select=("WB4",), ignore=("unprotected-route",)))

    assert {"WB401", "WB441"} <= {rule.code for rule in some}
    assert "WB411" not in {rule.code for rule in some}
    assert all(rule.code.startswith("WB4") for rule in some)


def test_optional_rules_run_when_asked_for() -> None:
    """`--select ALL` runs them, silence does not."""
    usual = {rule.code for rule in chosen(RULES, Options())}
    every = {rule.code for rule in chosen(RULES, Options(select=("ALL",)))}

    assert every - usual == {rule.code for rule in RULES.values() if rule.optional}
    assert all(RULES[code].severity is Severity.INFO for code in every - usual)
