"""Run the rules over modules: discover, collect, judge, suppress, and report."""

from __future__ import annotations

import datetime
import fnmatch
import gc
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from waddlegen import discover
from waddlegen.apart import MOST_TURNS, POSSIBLE, apart, turns
from waddlegen.checklist import BULLETS
from waddlegen.errors import UsageError
from waddlegen.facts.collect import suppressions
from waddlegen.facts.python import Suppression
from waddlegen.findings import (
    Finding,
    Judgement,
    ModuleReport,
    Outcome,
    Problem,
    Proof,
    Report,
    Severity,
    Verdict,
)
from waddlegen.linting import together, wait
from waddlegen.rules.rule import Rule, load
from waddlegen.source import ModuleSource, look_around, read_ahead
from waddlegen.verdicts import judge

ENGINE = "WB000"
# From here on, processes of their own pay for themselves.
SEVERAL = 6
_LINTED = ("WB201", "WB202")


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profile: str = "standard"
    exact: bool = False
    live: bool = False
    live_seconds: float = 180.0
    baseline: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    only: frozenset[str] | None = None


def check(paths: Sequence[Path], options: Options) -> Report:
    """Check the modules at or below each path."""
    places: dict[Path, discover.Place] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        for place in discover.places(path):
            places.setdefault(place.folder, place)
    sources = [_source(place, options) for place in places.values()]
    # Facts are many small objects without cycles; collecting garbage among them is a waste.
    gc.disable()
    try:
        with together(places.values() if _lints(options) else ()):
            workers = _workers(sources, options)
            if workers > 1:
                for source in _one_each(sources):
                    read_ahead(source)
            rules = chosen(load(options.live), options)
            modules = _all(sources, rules, options, workers)
    finally:
        gc.enable()
    return Report(modules, tuple(rule.code for rule in rules))


def _lints(options: Options) -> bool:
    """Whether a run asks what ruff says."""
    picked = options.select or ("ALL",)
    return not options.exact and any(
        each == "ALL" or code.startswith(each) for each in picked for code in _LINTED
    )


def _workers(sources: Sequence[ModuleSource], options: Options) -> int:
    """How many modules are checked at the same time."""
    alone = len(sources) < SEVERAL or options.live or not POSSIBLE
    return 1 if alone else min(os.cpu_count() or 1, len(sources))


def _one_each(sources: Iterable[ModuleSource]) -> Iterable[ModuleSource]:
    """One module of each repository."""
    return {each.repository: each for each in sources}.values()


def _all(
    sources: list[ModuleSource],
    rules: Sequence[Rule],
    options: Options,
    workers: int,
) -> tuple[ModuleReport, ...]:
    """Check every module, in processes where there are to be several.

    Each process has what this one has read so far.
    """
    if workers == 1:
        return tuple(check_source(each, rules, options) for each in sources)
    for source in _one_each(sources):
        look_around(source)
    wait()
    # What is known is shared with the processes, as long as nobody touches it.
    gc.freeze()
    waiting = dict(enumerate(sources))
    numbers = tuple(waiting)
    sources.clear()
    order = turns(min(len(numbers), MOST_TURNS))

    def some() -> dict[int, ModuleReport]:
        return {n: check_source(waiting.pop(n), rules, options) for n in order}

    away = [apart(some) for _ in range(workers - 1)]
    done = some()
    for result in away:
        done |= result()
    # What was too much to share out, or did not come back from a process.
    done |= {
        n: check_source(waiting.pop(n), rules, options)
        for n in numbers
        if n not in done
    }
    return tuple(done[n] for n in numbers)


def chosen(rules: Mapping[str, Rule], options: Options) -> tuple[Rule, ...]:
    """The rules that a run is asked for."""
    for code in (*options.select, *options.ignore):
        if code == "ALL" or any(_matches(r, (code,)) for r in rules.values()):
            continue
        if not any(_matches(rule, (code,)) for rule in load(live=True).values()):
            raise UsageError(f"{code}: no such rule; see `waddlegen rules`")
        if code in options.select:
            raise UsageError(f"{code}: looks at a running module; add --live")
    picked = []
    for rule in rules.values():
        if options.select and "ALL" not in options.select:
            if not _matches(rule, options.select):
                continue
        elif rule.optional and "ALL" not in options.select:
            continue
        if options.profile == "legacy" and not rule.legacy:
            continue
        if not _matches(rule, options.ignore):
            picked.append(rule)
    return tuple(picked)


def _matches(rule: Rule, patterns: Iterable[str]) -> bool:
    """Whether a rule is meant: by code, the start of one, or name."""
    return any(
        rule.code.startswith(pattern) or rule.name == pattern
        for pattern in patterns
        if pattern
    )


def check_module(
    place: discover.Place,
    rules: Sequence[Rule],
    options: Options,
    instead: Mapping[Path, bytes] | None = None,
) -> ModuleReport:
    """Check one module; `instead` holds bytes to be looked at in place of the disk's."""
    return check_source(_source(place, options, instead), rules, options)


def _source(
    place: discover.Place,
    options: Options,
    instead: Mapping[Path, bytes] | None = None,
) -> ModuleSource:
    """A module as the rules will see it."""
    return ModuleSource(
        place.repository,
        place.folder,
        place.language,
        options.exact,
        instead=instead or {},
    )


def check_source(
    source: ModuleSource, rules: Sequence[Rule], options: Options
) -> ModuleReport:
    """Check one module; a rule that fails is a finding, never the end of the run."""
    found: list[Finding] = []
    if source.language == "python":
        for file in source.every_python:
            if file.problem and not file.is_test:
                found.append(
                    _unreadable(source, file.path, file.problem, file.problem_line)
                )
    for rule in rules:
        if source.language != "python" and rule.code[2] not in "8":
            continue
        if not rule.live:
            found += _run(rule, source)
    seen: list[Outcome] = []
    if options.live and source.language == "python":
        tried, seen = _tried(rules, source, options)
        found += tried
    found = _unique(found)
    kept, suppressed = _suppress(source, found, rules)
    if options.only is not None:
        kept = [f for f in kept if f.problem.path in options.only]
    kept, baselined = _without_baseline(kept, options.baseline)
    kept.sort(key=lambda finding: finding.sort_key)
    verdicts = judge(source, kept, seen)
    return ModuleReport(
        source.name,
        source.relative or ".",
        source.language,
        tuple(kept),
        verdicts,
        score(kept),
        tuple(dict.fromkeys(source.skipped)),
        suppressed,
        baselined,
    )


def _run(rule: Rule, source: ModuleSource) -> list[Finding]:
    """What one rule finds."""
    try:
        return [_finding(rule, source, problem) for problem in rule.check(source)]
    except Exception as error:  # one broken rule must not hide what the others find
        problem = Problem(
            source.relative or ".",
            1,
            f"the rule {rule.code} failed: {type(error).__name__}: {error}",
        )
        return [_engine(source, problem)]


def _tried(
    rules: Sequence[Rule], source: ModuleSource, options: Options
) -> tuple[list[Finding], list[Outcome]]:
    """What the live rules find, and what they saw of each bullet."""
    from waddlegen.live import session

    live = {rule.code: rule for rule in rules if rule.live}
    if not live:
        return [], []
    problems, seen = session.probe(source, tuple(live.values()), options.live_seconds)
    found = [
        _finding(live[code], source, problem) if code else _engine(source, problem)
        for code, problem in problems
    ]
    return found, seen


def _finding(rule: Rule, source: ModuleSource, problem: Problem) -> Finding:
    """A problem as a finding."""
    return Finding(
        rule.code,
        rule.name,
        rule.severity,
        problem.topic or rule.topic,
        rule.checklist,
        source.name,
        problem,
        source.line_of(problem.path, problem.line),
    )


def _unreadable(source: ModuleSource, path: str, problem: str, line: int) -> Finding:
    """A file that rules cannot look into."""
    return _engine(source, source.problem(path, line, f"the file {problem}"))


def _engine(source: ModuleSource, problem: Problem) -> Finding:
    """A finding of the engine itself."""
    return Finding(
        ENGINE,
        "unreadable-file",
        Severity.ERROR,
        "lint",
        "CQ1",
        source.name,
        problem,
        source.line_of(problem.path, problem.line),
    )


def _unique(found: Iterable[Finding]) -> list[Finding]:
    """Each finding once."""
    seen: dict[tuple[str, str, int, str], Finding] = {}
    for each in found:
        at = each.problem
        seen.setdefault((each.code, at.path, at.line, at.message), each)
    return list(seen.values())


def _suppress(
    source: ModuleSource, found: list[Finding], rules: Sequence[Rule]
) -> tuple[list[Finding], int]:
    """Leave out what a comment asks to ignore, and find the comments that are wrong."""
    comments: dict[str, list[Suppression]] = {
        source.path(file.path): file.suppressions
        for file in source.every_python
        if file.suppressions
    }
    for inside in source.files:
        if (
            inside.endswith((".yaml", ".yml", ".txt", ".toml"))
            or "Dockerfile" in inside
        ):
            if source.says(inside, b"waddlegen:"):
                text = source.read(inside) or ""
                comments[source.path(inside)] = suppressions(text)
    if not comments:
        return found, 0
    today = datetime.date.today().isoformat()
    strict = {r.code for r in rules if r.severity.rank <= Severity.ERROR.rank}
    used: set[tuple[str, int]] = set()
    kept: list[Finding] = []
    for each in found:
        comment = _comment_for(each, comments.get(each.problem.path, []))
        if comment is None:
            kept.append(each)
            continue
        used.add((each.problem.path, comment.line))
        expired = comment.until and comment.until < today
        endless = each.code in strict and not comment.until
        if not comment.reason or expired or endless:
            kept.append(each)
    if any(rule.code == "WB991" for rule in rules):
        by_code = {rule.code: rule for rule in rules}
        for path, listed in comments.items():
            for comment in listed:
                done = (path, comment.line) in used or _waits(comment, by_code)
                problem = _wrong(comment, done, strict, today)
                if problem:
                    at = Problem(path, comment.line, problem)
                    kept.append(_finding(by_code["WB991"], source, at))
    return kept, len(found) - sum(1 for each in kept if each.code != "WB991")


def _waits(comment: Suppression, ran: Mapping[str, Rule]) -> bool:
    """Whether a comment is about rules that only a run of the module would show."""
    every = load(live=True) if any(code not in ran for code in comment.codes) else {}
    return any(
        code in every and every[code].live for code in comment.codes if code not in ran
    )


def _comment_for(
    finding: Finding, comments: Sequence[Suppression]
) -> Suppression | None:
    """The comment on a finding's line, or alone on the line above."""
    for comment in comments:
        line, codes, own = comment.line, comment.codes, comment.own_line
        covers = line == finding.problem.line or (
            own and line + 1 == finding.problem.line
        )
        if covers and any(
            fnmatch.fnmatch(finding.code, code) or code == "*" for code in codes
        ):
            return comment
    return None


def _wrong(comment: Suppression, used: bool, strict: set[str], today: str) -> str:
    """What is wrong with a comment; nothing when it is as it should be."""
    codes = ",".join(comment.codes)
    until = comment.until
    if not comment.reason:
        return f"ignoring {codes} needs a reason"
    if until and until < today:
        return f"ignoring {codes} has expired on {until}"
    if not until and any(code in strict for code in comment.codes):
        return f"ignoring {codes} needs an expiry: until=YYYY-MM-DD"
    if not used:
        return f"nothing here is found by {codes}; remove the comment"
    return ""


def baseline_key(finding: Finding) -> tuple[str, str, str]:
    """What a baseline knows a finding by: its words, not its line."""
    snippet = " ".join(finding.snippet.split())
    return finding.code, finding.problem.path, snippet


def _without_baseline(
    found: list[Finding], baseline: Mapping[tuple[str, str, str], int]
) -> tuple[list[Finding], int]:
    """Leave out what was there when the baseline was written."""
    left = dict(baseline)
    kept = []
    for each in sorted(found, key=lambda finding: finding.sort_key):
        key = baseline_key(each)
        if left.get(key, 0) > 0:
            left[key] -= 1
        else:
            kept.append(each)
    return kept, len(found) - len(kept)


def score(found: Iterable[Finding]) -> float:
    """0 to 100: each rule costs its weight once, and a little more for each repetition."""
    per_rule: dict[str, list[Finding]] = {}
    for each in found:
        per_rule.setdefault(each.code, []).append(each)
    lost = 0.0
    for group in per_rule.values():
        weight = group[0].severity.weight
        lost += weight * (1 + min(len(group) - 1, 10) / 10) / 2
    return round(max(0.0, 100.0 - lost), 1)


def not_applicable(reason: str) -> dict[str, Judgement]:
    """Every bullet, not applicable for one reason."""
    proof = (Proof(reason),)
    return {b: Judgement(b, Verdict.NOT_APPLICABLE, proof) for b in BULLETS}
