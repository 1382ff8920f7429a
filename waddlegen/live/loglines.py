"""Take a log line apart: the AAA grammar, JSON, or what a server says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

_HEAD = re.compile(
    r"\[(?P<stamp>[^\]]+)\] (?P<level>[A-Z]+) (?P<module>[^ :]+):(?P<version>\S+)"
    r" (?P<event>[A-Z][A-Z_]*)(?P<rest>(?: .*)?)$"
)
_FIELD = re.compile(
    r" ([A-Za-z_][A-Za-z0-9_]*)=(\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)(?=\s|$)"
)
_OF_SERVER = re.compile(
    r"^\s*$|^\[[^\]]+\] \[\d+\] \[|^INFO: +|^WARNING: +|^ERROR: +| \* |Press CTRL|"
    r"^127\.0\.0\.1|WARNING: This is a development server|Running on http|"
    r"^Traceback|^ +File |^ +[\^~]|^ {4}|^\w+(\.\w+)*(Error|Exception|Warning|Exit)\b|Debugger|"
    r"^\x1b|[Rr]estarting with",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a log: its type and its fields."""

    event: str
    fields: Mapping[str, str]


def parse(text: str) -> Line | None:
    """The event that a line says, in AAA or JSON; None when it says none."""
    text = text.strip()
    if text.startswith("{"):
        return _json(text)
    match = _HEAD.fullmatch(text)
    if match is None:
        return None
    rest = match["rest"]
    fields = {found[1]: found[2].strip('"') for found in _FIELD.finditer(rest)}
    if _FIELD.sub("", rest).strip() and not fields:
        return None
    return Line(match["event"], fields)


def _json(text: str) -> Line | None:
    """A line of a JSON log."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    fields = {str(name): str(value) for name, value in found.items()}
    event = fields.get("event_type") or fields.get("event") or fields.get("type") or ""
    return Line(event.upper(), fields)


def own(text: str) -> list[str]:
    """The lines that the module wrote, without those of its server and of tracebacks."""
    return [line for line in text.splitlines() if not _OF_SERVER.search(line)]
