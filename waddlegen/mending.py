"""Plan what --fix writes: mended files that parse and bring no new finding."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from waddlegen import discover, fixes
from waddlegen.check import Options, check_module, chosen
from waddlegen.findings import Finding
from waddlegen.rules.quality import tidy
from waddlegen.rules.rule import Rule, load

# What tools say of files on the disk; a plan is not there yet.
_ON_DISK = frozenset({"WB201", "WB202", "WB203"})


def plan(
    paths: Sequence[Path], options: Options, unsafe: bool
) -> dict[Path, tuple[str, str]]:
    """The files to write: what each holds, and what it should hold."""
    rules = chosen(load(), options)
    planned: dict[Path, tuple[str, str]] = {}
    for path in paths:
        for place in discover.places(path):
            if place.language == "python":
                planned |= _module(place, rules, options, unsafe)
    return planned


def _module(
    place: discover.Place, rules: Sequence[Rule], options: Options, unsafe: bool
) -> dict[Path, tuple[str, str]]:
    """The files of one module; each mended file is taken back when it makes things worse."""
    before = check_module(place, rules, options)
    by_path: dict[str, list[Finding]] = {}
    for finding in before.findings:
        by_path.setdefault(finding.problem.path, []).append(finding)
    planned: dict[Path, tuple[str, str]] = {}
    quiet = replace(options, ignore=(*options.ignore, *_ON_DISK))
    rest = [rule for rule in rules if rule.code not in _ON_DISK]
    counted = _count(before.findings)
    for shown, found in by_path.items():
        path = _on_disk(place, shown)
        if path.suffix != ".py" or not path.is_file():
            continue
        data = path.read_bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        wanted = fixes.mend(text, found, unsafe)
        if {f.code for f in found} & _ON_DISK:
            wanted = tidy(wanted, path)
        if wanted == text or not _parses(wanted):
            continue
        trial: Mapping[Path, bytes] = {
            **{each: new.encode() for each, (_, new) in planned.items()},
            path: wanted.encode(),
        }
        after = _count(check_module(place, rest, quiet, trial).findings)
        if all(after[code] <= counted[code] for code in after):
            planned[path] = (text, wanted)
    return planned


def _count(findings: Sequence[Finding]) -> Counter[str]:
    """How often each rule found something, the tools' rules left out."""
    return Counter(f.code for f in findings if f.code not in _ON_DISK)


def _on_disk(place: discover.Place, shown: str) -> Path:
    """The file that a path of the report means."""
    path = place.repository / shown
    return path if path.exists() else place.repository.parent / shown


def _parses(text: str) -> bool:
    """Whether a text is still Python."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True
