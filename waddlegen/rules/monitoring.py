"""Rules on how a module is watched: alerts, what they say, and what it promises."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.alerts import (
    Objective,
    PrometheusRule,
    scrapers_of,
    targets_of,
)
from waddlegen.facts.delivery import Delivery
from waddlegen.facts.yamldocs import problem_at
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

WARNING = Severity.WARNING

_DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_OPERATORS = r"(?:==|!=|>=|<=|>|<|\+|-|\*|/|%|\^|\band\b|\bor\b|\bunless\b)"
_DANGLING = re.compile(rf"{_OPERATORS}\s*(bool\s*)?$|^\s*(?:==|!=|>=|<=|>|<|\*|/|%|\^)")
_DOUBLED = re.compile(r"(?:==|!=|>=|<=|>|<)\s*(?:bool\s+)?(?:==|!=|>=|<=|>|<|\*|/)")
_COMPARED = re.compile(r"(?:==|!=|>=|<=|>|<|\bunless\b)|\babsent(?:_over_time)?\s*\(")


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


@delivery_rule("WB914", severity=Severity.ERROR, topic="metrics")
def wrong_scrape_target(module: Delivery) -> Iterator[Problem]:
    """Prometheus asks the module on a port that it does not listen to.

    The target is down for ever, its metrics are missing, and its alerts fire or stay silent
    for the wrong reason. Write the port of the Service, or of the container.
    """
    hosts: dict[str, set[int]] = {}
    for service in module.manifests.of("Service"):
        found = {port["port"].integer or 0 for port in service.spec["ports"]}
        hosts.setdefault(service.name, set()).update(found)
    listened = {number for pod in module.manifests.pods for number in pod.port_numbers}
    for each in module.compose:
        offered = {number for number, _ in each.container_ports}
        hosts.setdefault(each.name, set()).update(offered)
    if module.port:
        listened.add(module.port.number)
    for target in targets_of(module.survey):
        known = hosts.get(target.host, set()) | listened
        if target.host in hosts and known - {0} and target.port not in known:
            right = ", ".join(str(number) for number in sorted(known - {0}))
            message = f"nothing of {target.host} listens to {target.port}"
            hint = f"it listens to {right}"
            yield problem_at(target.path, target.node, target.node, message, hint)


@delivery_rule("WB915", severity=WARNING, topic="metrics", checklist="M3")
def rules_not_loaded(module: Delivery) -> Iterator[Problem]:
    """Prometheus is not told to read the rules that watch the module.

    The alerts stand in the repository and never fire. Name their files in `rule_files`.
    """
    files = {
        rule.path
        for rule in module.prometheus_rules
        if rule.alert and b"apiVersion" not in module.survey.content(rule.path)
    }
    scrapers = scrapers_of(module.survey)
    if not files or any(list(root["rule_files"]) for _, root in scrapers):
        return
    for path, _ in scrapers:
        text = module.survey.text(path)
        said = re.search(r"(?m)^[ \t]*#[ \t]*rule_files\b", text)
        line = text.count("\n", 0, said.start()) + 1 if said else 1
        message = "rule_files names no file, so no alert is loaded"
        hint = f"add {sorted(files)[0]}"
        yield Problem(path, line, message, hint=hint)


_JOB = re.compile(r"\bjob\s*=\s*\"([^\"]+)\"")


@delivery_rule("WB917", severity=WARNING, topic="metrics", checklist="M3")
def unknown_job(module: Delivery) -> Iterator[Problem]:
    """An alert asks for a job that Prometheus does not have.

    It finds no series, so it never fires. Write the `job_name` of the scrape config.
    """
    jobs: set[str] = set()
    for _, root in scrapers_of(module.survey):
        for job in root["scrape_configs"]:
            if set(job.keys) - _PLAIN_JOB:
                return  # what is discovered, or named anew, cannot be seen here
            jobs.add(job["job_name"].text or "")
    for rule_ in module.prometheus_rules if jobs else ():
        if b"apiVersion" in module.survey.content(rule_.path) or not rule_.alert:
            continue
        for name in _JOB.findall(rule_.expr):
            if name not in jobs:
                message = f"no job is called {name}"
                hint = f"the jobs are {', '.join(sorted(jobs)[:6])}"
                yield rule_.problem(rule_.node["expr"], message, hint)


_PLAIN_JOB = frozenset(
    "job_name static_configs metrics_path scheme scrape_interval scrape_timeout params "
    "honor_labels basic_auth authorization tls_config".split()
)
_MATCHERS = re.compile(
    r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
)
_METRIC = re.compile(r"(?<![\w:.$])([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b(?!\s*\()")
_SUFFIX = re.compile(r"_(total|bucket|count|sum|created|info)$")
_GENERIC = frozenset(
    "core action trigger receiver interaction interactive module service processing api "
    "app flask waddlebot server".split()
)


@rule("WB916", severity=WARNING, topic="metrics", checklist="M3")
def unknown_metric(module: ModuleSource) -> Iterator[Problem]:
    """An alert asks for a metric of the module that nothing exposes.

    It can never fire. Use the name that the code gives the metric, with its labels.

    Bad:
        expr: rate(chat_errors_total[5m]) > 1      # the code counts chat_requests_total
    Good:
        expr: rate(chat_requests_total{result="error"}[5m]) > 1
    """
    delivery = module.delivery
    words = {word for name in delivery.handles for word in name.split("-")} - _GENERIC
    told: set[tuple[str, str]] = set()
    for rule_ in delivery.prometheus_rules:
        bare = _MATCHERS.sub(" ", _STRING.sub('""', rule_.expr))
        for name in _METRIC.findall(bare):
            own = name.partition("_")[0] in words
            known = own and not _is_exposed(module, name)
            if known and module.python and (rule_.alert, name) not in told:
                told.add((rule_.alert, name))
                message = f"nothing of the module exposes {name}"
                hint = "use the name that the code gives the metric"
                yield rule_.problem(rule_.node["expr"], message, hint)


_KINDS = ("Counter", "Gauge", "Histogram", "Summary", "Info", "Enum")
_SELECTED = re.compile(r"(?<![\w:])([a-z][a-z0-9_]*)\s*\{([^}]*)\}")
_LABEL = re.compile(r"([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)")
# Labels that Prometheus, an exporter or a relabelling adds.
_ADDED = re.compile(
    r"(job|instance|namespace|pod|container|service|endpoint|node|cluster|env|environment|"
    r"region|zone|app|module|component|team|host|hostname|le|quantile|prometheus|replica|"
    r"version|tenant|stage|deployment|image|exported_\w+|kubernetes_\w+|label_\w+|__\w+)"
)


@rule("WB918", severity=WARNING, topic="metrics", checklist="M3")
def unknown_label(module: ModuleSource) -> Iterator[Problem]:
    """An alert chooses among the values of a label that the metric does not have.

    No series has it, so the alert never fires, or always. Use a label that the code gives
    the metric.

    Bad:
        expr: rate(chat_requests_total{status="error"}[5m]) > 1   # its label is `result`
    Good:
        expr: rate(chat_requests_total{result="error"}[5m]) > 1
    """
    rules = module.delivery.prometheus_rules
    known = _labels(module) if rules else {}
    for rule_ in rules if known else ():
        told: set[str] = set()
        for name, matchers in _SELECTED.findall(rule_.expr):
            labels = known.get(_SUFFIX.sub("", name))
            if labels is None:
                continue
            for label in _LABEL.findall(_STRING.sub('""', matchers)):
                if label in labels or label in told or _ADDED.fullmatch(label):
                    continue
                told.add(label)
                message = f"{name} has no label `{label}`"
                hint = f"its labels are {', '.join(sorted(labels)) or 'none'}"
                yield rule_.problem(rule_.node["expr"], message, hint)


def _labels(module: ModuleSource) -> dict[str, frozenset[str]]:
    """The labels of the metrics that the module makes by whole names, each made once."""
    found: dict[str, frozenset[str]] = {}
    twice: set[str] = set()
    for kind in _KINDS:
        for _, call in module.calls_by_name.get(kind, ()):
            name = call.argument(0, "name")
            labels = call.argument(2, "labelnames")
            put = {"namespace", "subsystem"} & set(call.keywords) or call.double_star
            if name is None or name.kind != "str" or put:
                continue
            plain = _SUFFIX.sub("", name.text)
            if plain in found or (labels is not None and labels.kind != "list"):
                twice.add(plain)
            texts = labels.text.split(",") if labels is not None else []
            found[plain] = frozenset(texts) - {""}
    return {name: labels for name, labels in found.items() if name not in twice}


def _is_exposed(module: ModuleSource, name: str) -> bool:
    """Whether the module or flask_core may expose a metric, also one put together."""
    plain = _SUFFIX.sub("", name)
    text = _source_text(module)
    if re.search(rf"(?<![a-z0-9_]){plain}(?![a-z0-9])", text):
        return True
    words = plain.split("_")
    return any(
        re.search(rf"\}}_?{tail}(?![a-z0-9])|{_MADE}{tail}(?:_total)?[\"']", text)
        for start in range(1, len(words))
        for tail in ["_".join(words[start:])]
    )


# Where a part of a name stands that is put together with a prefix.
_MADE = r"(?:Counter|Gauge|Histogram|Summary|Info|Enum)\(\s*f?[\"'][^\"'\s]*_?"


def _source_text(module: ModuleSource) -> str:
    """All the code that may name a metric: the module's, flask_core's, recording rules."""

    def work() -> str:
        """The same, read once."""
        texts = [module.read(f) or "" for f in module.files if f.endswith(".py")]
        rules = module.delivery.prometheus_rules
        texts += [each.node["record"].text or "" for each in rules]
        return "\n".join((*texts, module.core_text))

    return module.once(_source_text, work)


_PERCENT = re.compile(r"\b\d{2}(\.\d+)?\s?%|\b0?\.9\d*\b|\b\d{2}\.\d+\b")
_WINDOW = re.compile(
    r"\b\d+\s*-?(d|days?|w|weeks?|months?|h|hours?)\b|rolling|month|quarter|timewindow"
)
_BUDGET = re.compile(r"budget|burn", re.I)
_INDICATOR = re.compile(
    r"sli\b|indicator|metric|ratio|query|latency|availab|success|error|good|total|\b5xx\b|"
    r"within \d+ ?m?s\b",
    re.I,
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
