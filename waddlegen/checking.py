"""Carry out `waddlegen check`: options and pyproject in, text and exit code out."""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from waddlegen import check, discover, recall, reports
from waddlegen.check import Options
from waddlegen.errors import UsageError
from waddlegen.findings import Report, Severity
from waddlegen.rules.rule import Rule, load, rules_of_others

Baseline = dict[tuple[str, str, str], int]
PROFILES = ("standard", "legacy")


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    directory: Path
    paths: tuple[Path, ...] = ()
    output_format: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    profile: str | None = None
    fail_level: str | None = None
    baseline: Path | None = None
    write_baseline: Path | None = None
    since: str | None = None
    exact: bool = False
    live: bool = False
    live_seconds: float = 180.0
    fix: bool = False
    unsafe_fixes: bool = False
    diff: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the command prints, and the code it ends with."""

    text: str
    code: int = 0
    note: str = ""


def carry_out(request: Request) -> int:
    """Check, print the answer, keep it for the next time, and return the exit code."""
    then = looked_at(request)
    answer = run(request)
    sys.stdout.write(answer.text)
    if answer.note:
        print(answer.note, file=sys.stderr)
    else:
        recall.remember(sys.argv[1:], answer.text, answer.code, then)
    return answer.code


def looked_at(request: Request) -> dict[str, object]:
    """The signature of everything that the answer depends on, rules of others apart."""
    if rules_of_others():
        return recall.UNSIGNED
    starts = [request.directory / path for path in request.paths] or [request.directory]
    roots = {discover.repository_of(start.resolve()) for start in starts}
    baseline = _settings(request.directory).get("baseline")
    files = [request.directory / str(baseline)] if baseline else []
    return recall.signed(roots, [*files, *_settings_files(request.directory)])


def run(request: Request) -> Answer:
    """Check what was asked for."""
    settings = _settings(request.directory)
    request = _with_settings(request, settings)
    name = request.output_format or "text"
    if name not in reports.FORMATS:
        known = ", ".join(reports.FORMATS)
        raise UsageError(f"--format {name}: known are {known}")
    level = _level(request.fail_level or "info")
    profile = request.profile or "standard"
    if profile not in PROFILES:
        raise UsageError(f"--profile {profile}: known are {', '.join(PROFILES)}")
    paths = [request.directory / path for path in request.paths] or [request.directory]
    options = Options(
        select=_split(request.select),
        ignore=_split(request.ignore),
        profile=profile,
        exact=request.exact,
        live=request.live,
        live_seconds=_seconds(request),
        baseline=_read_baseline(request.baseline),
        only=_changed(request.directory, request.since) if request.since else None,
    )
    note = ""
    if request.fix or request.unsafe_fixes or request.diff:
        from waddlegen import apply, mending

        static = replace(options, live=False)
        planned = mending.plan(paths, static, request.unsafe_fixes)
        if request.diff:
            return Answer(_differences(planned, request.directory), int(bool(planned)))
        for path, (_, wanted) in planned.items():
            apply.write_file(path, wanted)
        note = f"{len(planned)} file{'' if len(planned) == 1 else 's'} mended"
    report = check.check(paths, options)
    if request.write_baseline is not None:
        from waddlegen import apply

        text = baseline_text(report)
        apply.write_file(request.write_baseline, text)
        count = len(report.findings)
        return Answer("", 0, f"{request.write_baseline}: {count} findings kept")
    return Answer(reports.FORMATS[name](report), report.exit_code(level), note)


def _seconds(request: Request) -> float:
    """How long a module may be tried."""
    if request.live and not sys.platform.startswith("linux"):
        raise UsageError("--live: modules can be run on Linux alone")
    if not 5 <= request.live_seconds <= 3600:
        raise UsageError("--live-seconds: from 5 to 3600")
    return request.live_seconds


def _differences(planned: Mapping[Path, tuple[str, str]], start: Path) -> str:
    """What would be written, as a unified diff."""
    from difflib import unified_diff

    from waddlegen import output

    lines: list[str] = []
    for path, (found, wanted) in sorted(planned.items()):
        name = str(output.relative(path, start.resolve()))
        lines += unified_diff(
            found.splitlines(keepends=True),
            wanted.splitlines(keepends=True),
            name,
            name,
        )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _split(given: tuple[str, ...]) -> tuple[str, ...]:
    """Codes, given one by one or with commas."""
    return tuple(code.strip() for each in given for code in each.split(",") if code)


def _level(name: str) -> Severity:
    """A severity by its name."""
    try:
        return Severity(name.lower())
    except ValueError:
        known = ", ".join(Severity)
        raise UsageError(f"--fail-level {name}: known are {known}") from None


def _settings_files(directory: Path) -> Iterator[Path]:
    """Where `[tool.waddlegen]` may stand, the nearest first."""
    for folder in (directory.resolve(), *directory.resolve().parents):
        yield folder / "pyproject.toml"
        if (folder / ".git").exists():
            return


def _settings(directory: Path) -> Mapping[str, Any]:
    """`[tool.waddlegen]` of the nearest pyproject.toml."""
    for path in _settings_files(directory):
        if path.is_file():
            try:
                data = tomllib.loads(path.read_text("utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise UsageError(f"{path}: {error}") from None
            match data:
                case {"tool": {"waddlegen": dict(found)}}:
                    return _known_settings(path, found)
            return {}
    return {}


_SETTINGS = {
    "select": list,
    "ignore": list,
    "profile": str,
    "fail-level": str,
    "baseline": str,
    "format": str,
    # Where the modules are; read by the commands that render them.
    "fleet": str,
}


def _known_settings(path: Path, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse settings that nothing reads."""
    for key, value in found.items():
        kind = _SETTINGS.get(key)
        if kind is None:
            known = ", ".join(_SETTINGS)
            raise UsageError(
                f"{path}: [tool.waddlegen] has no key `{key}`; known are {known}"
            )
        if not isinstance(value, kind):
            word = "a list" if kind is list else "text"
            raise UsageError(f"{path}: [tool.waddlegen] {key} must be {word}")
    return found


def _with_settings(request: Request, settings: Mapping[str, Any]) -> Request:
    """The command line first, then what pyproject says."""
    baseline = settings.get("baseline")
    return replace(
        request,
        select=request.select or tuple(map(str, settings.get("select", ()))),
        ignore=(*request.ignore, *map(str, settings.get("ignore", ()))),
        profile=request.profile or settings.get("profile"),
        fail_level=request.fail_level or settings.get("fail-level"),
        output_format=request.output_format or settings.get("format"),
        baseline=request.baseline
        or (request.directory / baseline if baseline else None),
    )


def baseline_text(report: Report) -> str:
    """What a baseline file holds: each finding by its words, and how often."""
    counted = Counter(check.baseline_key(finding) for finding in report.findings)
    rows = [
        {"rule": code, "path": path, "snippet": snippet, "count": count}
        for (code, path, snippet), count in sorted(counted.items())
    ]
    return json.dumps({"version": 1, "findings": rows}, indent=1) + "\n"


def _read_baseline(path: Path | None) -> Baseline:
    """The findings of a baseline file."""
    if path is None:
        return {}
    try:
        data = json.loads(path.read_text("utf-8"))
        return {
            (row["rule"], row["path"], row["snippet"]): int(row["count"])
            for row in data["findings"]
        }
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path}: not a baseline; write one with --write-baseline"
        ) from None


def _changed(directory: Path, revision: str) -> frozenset[str]:
    """The files that changed since a revision, from the top of the repository."""
    from waddlegen import git

    found: set[str] = set()
    commands = (
        ("diff", "--name-only", "-z", revision, "--"),
        ("ls-files", "--others", "--exclude-standard", "-z", "--full-name"),
    )
    for command in commands:
        done = git.asked(directory, *command, what="--since")
        if done.returncode:
            reason = done.stderr.strip().splitlines()
            raise UsageError(
                f"--since {revision}: {reason[0] if reason else 'git failed'}"
            )
        found |= {name for name in done.stdout.split("\0") if name}
    return frozenset(found)


def rule_rows() -> list[tuple[str, str, str, str]]:
    """Every rule as a row of a table, the heading first."""
    rows = [("code", "severity", "bullet", "name")]
    for rule in load(live=True).values():
        rows.append((rule.code, str(rule.severity), rule.checklist or "-", rule.name))
    return rows


def explanation(code: str) -> str:
    """A rule's text: what, why, how, bad, good, and how to suppress it."""
    rules = load(live=True)
    rule = rules.get(code.upper())
    if rule is None:
        named = [each for each in rules.values() if each.name == code.lower()]
        if not named:
            raise UsageError(f"{code}: no such rule; see `waddlegen rules`")
        rule = named[0]
    return _explain(rule)


def _explain(rule: Rule) -> str:
    """The text of one rule."""
    from waddlegen.checklist import BULLETS

    strict = rule.severity.rank <= Severity.ERROR.rank
    until = " until=2027-01-31" if strict else ""
    bullet = rule.checklist
    words = f"; checklist {bullet}: {BULLETS[bullet]}" if bullet else ""
    return (
        f"{rule.code} {rule.name} ({rule.severity}, {rule.topic}{words})\n\n{rule.doc}\n\n"
        f"To ignore it on one line, say why"
        f"{' and until when' if strict else ''}:\n"
        f'    # waddlegen: ignore[{rule.code}] reason="…"{until}'
    )
