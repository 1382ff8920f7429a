"""Rules on how a module is watched: alerts, what they say, and what it promises."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.alerts import Objective, PrometheusRule
from waddlegen.facts.delivery import Delivery
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule

WARNING = Severity.WARNING

_DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
_SEVERITIES = frozenset(
    "critical error warning warn info page ticket high medium low none".split()
)
_COUNTERS = re.compile(r"\b([a-zA-Z_:][\w:]*_total)\b")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_OPERATORS = r"(?:==|!=|>=|<=|>|<|\+|-|\*|/|%|\^|\band\b|\bor\b|\bunless\b)"
_DANGLING = re.compile(rf"{_OPERATORS}\s*(bool\s*)?$|^\s*(?:==|!=|>=|<=|>|<|\*|/|%|\^)")
_DOUBLED = re.compile(r"(?:==|!=|>=|<=|>|<)\s*(?:bool\s+)?(?:==|!=|>=|<=|>|<|\*|/)")
_COMPARED = re.compile(r"(?:==|!=|>=|<=|>|<|\bunless\b)|\babsent(?:_over_time)?\s*\(")
_RANGED = re.compile(
    r"\b(rate|irate|increase|delta|deriv|changes|resets|\w+_over_time)\s*\("
)


@delivery_rule("WB911", severity=WARNING, topic="metrics", checklist="M3")
def missing_alerts(module: Delivery) -> Iterator[Problem]:
    """No alert watches the module.

    Its failures are found by its users. Add a PrometheusRule (or a rule file of
    Prometheus) with alerts on its job or its metrics: no replica answers, errors,
    latency, a dependency that is away.
    """
    if not any(rule.alert for rule in module.prometheus_rules):
        message = "no alert watches the module"
        hint = "add k8s/prometheusrule.yaml with alerts on its job"
        yield Problem(_place(module), 1, message, hint=hint)


def _place(module: Delivery) -> str:
    """A file of the module to say of it what is nowhere."""
    for each in module.manifests.workloads:
        return each.path
    return module.dockerfile_path or module.within("README.md")


@delivery_rule("WB912", severity=WARNING, topic="metrics", checklist="M3")
def sloppy_alert(module: Delivery) -> Iterator[Problem]:
    """An alert cannot be read, fires at a blink, or does not tell what to do.

    Its expression must be complete and compare something; `for` keeps a single bad
    sample quiet; `severity` says whether to wake somebody; `summary` says what happens
    and `runbook_url` what to do.
    """
    for rule in module.prometheus_rules:
        fault = (
            faulty_expression(rule.expr) if rule.node["expr"] else "there is no expr"
        )
        name = rule.alert or rule.node["record"].text or "the rule"
        if fault:
            message = f"the expression of {name}: {fault}"
            yield rule.problem(rule.node["expr"], message, "try it in Prometheus")
        elif rule.alert:
            yield from _of_alert(rule)


def faulty_expression(expr: str) -> str:
    """What keeps an expression from being read by Prometheus; "" for nothing."""
    bare = _STRING.sub('""', re.sub(r"(?m)#.*$", "", _STRING.sub('""', expr)))
    if not bare.strip():
        return "it is empty"
    if '"' in bare.replace('""', "") or "'" in bare or "`" in bare:
        return "a quote does not end"
    closing = {")": "(", "]": "[", "}": "{"}
    waiting: list[str] = []
    for character in re.findall(r"[][(){}]", bare):
        if character in "([{":
            waiting.append(character)
        elif not waiting or waiting.pop() != closing[character]:
            return f"`{character}` closes nothing"
    if waiting:
        return f"`{waiting[-1]}` is not closed"
    if _DANGLING.search(bare.strip()):
        return "an operator lacks a side"
    if _DOUBLED.search(bare):
        return "two operators stand side by side"
    if re.search(r"&&|\|\||(?<![=!<>~])=(?![=~])", re.sub(r"\{[^}]*\}", "", bare)):
        return "comparing is `==`, joining is `and` and `or`"
    for duration in re.findall(r"\[([^\]:]*)", bare):
        if not _DURATION.fullmatch(duration.strip()) and "$" not in duration:
            return f"`[{duration}]` is no duration"
    return ""


def _of_alert(rule: PrometheusRule) -> Iterator[Problem]:
    """What an alert lacks."""
    bare = _STRING.sub('""', rule.expr)
    expr = rule.node["expr"]
    if not _COMPARED.search(re.sub(r"\{[^}]*\}", "", bare)):
        message = f"{rule.alert} compares nothing, so it always fires"
        yield rule.problem(expr, message, "add a threshold, like `> 0.05`")
    lasting = rule.node["for"]
    text = lasting.text
    if text is not None and not _DURATION.fullmatch(text):
        yield rule.problem(lasting, f"`{text}` is no duration", "write it like 5m")
    # A window or a vanished counter is as lasting as `for`.
    elif lasting.is_null and not re.search(r"\[[^\]]+\]|offset|absent_over", bare):
        message = f"{rule.alert} has no `for`, so one bad sample fires it"
        yield rule.problem(rule.node, message, "add `for: 5m`")
    severity = rule.node.at("labels", "severity")
    if severity.is_null:
        message = f"{rule.alert} has no severity"
        yield rule.problem(rule.node, message, "add `labels: {severity: warning}`")
    notes = rule.node["annotations"]
    if not {"summary", "description", "message"} & set(notes.keys):
        message = f"{rule.alert} does not say what happens"
        yield rule.problem(rule.node, message, "add the annotation `summary`")
    if not any(key.startswith("runbook") for key in notes.keys):
        message = f"{rule.alert} does not say what to do"
        yield rule.problem(rule.node, message, "add the annotation `runbook_url`")


_PERCENT = re.compile(r"\b\d{2}(\.\d+)?\s?%|\b0?\.9\d*\b|\b\d{2}\.\d+\b")
_WINDOW = re.compile(
    r"\b\d+\s*-?(d|days?|w|weeks?|months?|h|hours?)\b|rolling|month|quarter|timewindow"
)
_BUDGET = re.compile(r"budget|burn", re.I)
_INDICATOR = re.compile(
    r"sli\b|indicator|metric|ratio|query|latency|availab|success|error|good|total", re.I
)


@delivery_rule("WB913", severity=WARNING, topic="metrics", checklist="M4")
def missing_slo(module: Delivery) -> Iterator[Problem]:
    """The module promises nothing, or the promise is incomplete.

    Without an objective nobody can say whether it is healthy, or when to stop
    releasing. Say what is measured (the indicator), how much is good (99.5 %), over
    which window (30 days), and add an alert on the error budget. OpenSLO, Sloth, Pyrra,
    a Markdown page and burn-rate alerts of Prometheus are all read.
    """
    rules = module.prometheus_rules
    budget = any(_BUDGET.search(rule.said) for rule in rules)
    if not module.objectives:
        if not (budget and _is_ruled(module)):
            message = "the module has no service level objective"
            hint = "add an SLO: objective, indicator, window, error-budget alert"
            yield Problem(_place(module), 1, message, hint=hint)
        return
    faults = [(each, tuple(_lacks(each, budget))) for each in module.objectives]
    if all(lacking for _, lacking in faults):
        each, lacking = min(faults, key=lambda fault: len(fault[1]))
        message = f"the objective lacks {', '.join(lacking)}"
        yield Problem(each.path, each.line, message, hint=f"add {lacking[0]}")


def _is_ruled(module: Delivery) -> bool:
    """Whether rule files say the whole objective: share, window, ratio and budget."""
    rules = module.prometheus_rules
    paths = sorted({rule.path for rule in rules if _BUDGET.search(rule.said)})
    texts = " ".join(module.survey.text(path).lower() for path in paths)
    recorded = any(not rule.alert for rule in rules) or "ratio" in texts
    return bool(recorded and _PERCENT.search(texts) and _WINDOW.search(texts))


def _lacks(each: Objective, has_budget: bool) -> Iterator[str]:
    """The parts that an objective does not have."""
    if not _PERCENT.search(each.words):
        yield "a target (99.5 %)"
    if not _INDICATOR.search(each.words):
        yield "an indicator (what is measured)"
    sloth = each.node is not None and each.node["slos"].is_list
    # Sloth's window is 30 days unless it is told another.
    if not sloth and not _WINDOW.search(each.words):
        yield "a window (30 days)"
    if not has_budget and not _BUDGET.search(each.words) and "alert" not in each.words:
        yield "an alert on the error budget"
