"""Read a Dockerfile into stages of instructions that know their lines; never raises.

Read as BuildKit does: parser directives, the escape character, comments and empty lines
inside a continued instruction, heredocs, JSON and shell form, flags. Variables are
replaced where ARG and ENV give them a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAX_BYTES = 2_000_000

KEYWORDS = frozenset(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD "
    "RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split()
)
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][\w-]*)\s*=\s*(\S.*?)\s*$")
_HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_]\w*)\1")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\"[^\"]*\"|'[^']*'|\S*))?(?:\s+|$)")
_PAIR = re.compile(
    r"([A-Za-z_][\w.-]*)=((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\"'])*)"
)
_VARIABLE = re.compile(
    r"\\\$|\$(?:(\w+)|\{(\w+)(?:(:?[-+?])((?:[^{}]|\{[^{}]*\})*))?\})"
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its keyword in capitals, flags, and the rest as one line."""

    keyword: str
    text: str
    line: int
    end_line: int
    flags: Mapping[str, str] = field(default_factory=dict)
    heredocs: tuple[str, ...] = ()
    # The words of the exec form; none in shell form.
    words: tuple[str, ...] | None = None
    # Where each line of the text starts: offset in `text`, and line of the file.
    offsets: tuple[tuple[int, int], ...] = ()

    @property
    def is_exec_form(self) -> bool:
        """Whether it is written as a JSON list."""
        return self.words is not None

    @property
    def script(self) -> str:
        """What is run, with the bodies of heredocs."""
        return "\n".join((self.text, *self.heredocs))

    def line_of(self, offset: int) -> int:
        """The line of the file that a place in `text` comes from."""
        found = self.line
        for start, line in self.offsets:
            if start > offset:
                break
            found = line
        return found


@dataclass(frozen=True, slots=True)
class Pair:
    """One name and value that ARG, ENV or LABEL sets; no value for a bare ARG."""

    name: str
    value: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What follows one FROM."""

    image: str
    name: str | None
    source: Instruction
    instructions: tuple[Instruction, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def of(self, *keywords: str) -> Iterator[Instruction]:
        """The instructions with one of these keywords."""
        return (each for each in self.instructions if each.keyword in keywords)

    def last(self, keyword: str) -> Instruction | None:
        """The instruction that counts where only the last does."""
        return next(
            (i for i in reversed(self.instructions) if i.keyword == keyword), None
        )

    def expand(self, text: str) -> str:
        """Replace the variables that have a value; the others stay as they are."""
        return expand(text, self.variables)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is no Dockerfile, and where."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole file."""

    path: str
    stages: tuple[Stage, ...] = ()
    arguments: tuple[Instruction, ...] = ()
    directives: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    text: str = ""

    @property
    def final(self) -> Stage | None:
        """The stage that becomes the image."""
        return self.stages[-1] if self.stages else None

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """Every instruction of every stage, and those before the first."""
        inside = (
            i for stage in self.stages for i in (stage.source, *stage.instructions)
        )
        return (*self.arguments, *inside)

    def parents(self, stage: Stage) -> tuple[Stage, ...]:
        """A stage after the stages of this file that it is built from, oldest first."""
        chain = [stage]
        while True:
            before = self.stages[: self.stages.index(chain[0])]
            parent = next((s for s in before if _is_named(s, chain[0].image)), None)
            if parent is None:
                return tuple(chain)
            chain.insert(0, parent)

    def inherited(self, stage: Stage) -> tuple[Instruction, ...]:
        """The instructions that make a stage, those of its parents first."""
        return tuple(i for each in self.parents(stage) for i in each.instructions)


def _is_named(stage: Stage, name: str) -> bool:
    """Whether FROM of a later stage means this one."""
    return stage.name is not None and stage.name.lower() == name.lower()


def pairs(instruction: Instruction) -> tuple[Pair, ...]:
    """The names and values of ARG, ENV or LABEL, in either way of writing them."""
    found = tuple(
        Pair(match[1], _unquoted(match[2]), instruction.line_of(match.start()))
        for match in _PAIR.finditer(instruction.text)
    )
    if instruction.keyword == "ARG":
        bare = re.sub(_PAIR, " ", instruction.text).split()
        return (*found, *(Pair(name, None, instruction.line) for name in bare))
    name, _, value = instruction.text.partition(" ")
    if "=" not in name and value:
        return (Pair(name, value.strip(), instruction.line),)
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$NAME`, `${NAME}` and `${NAME:-default}` by what is known."""

    def replaced(match: re.Match[str]) -> str:
        """The value of one variable."""
        name = match[1] or match[2]
        if name is None:
            return match[0]
        value, operator = variables.get(name), match[3] or ""
        if operator.endswith("+"):
            return expand(match[4], variables) if value else ""
        if operator.endswith("-") and not value:
            return expand(match[4], variables)
        return match[0] if value is None else value

    return _VARIABLE.sub(replaced, text)


def read_dockerfile(content: str | bytes, path: str = "Dockerfile") -> Dockerfile:
    """Read a file; what is wrong with it is a fault, never an exception."""
    if len(content) > MAX_BYTES:
        return Dockerfile(path, faults=(Fault(1, "larger than any Dockerfile"),))
    if isinstance(content, bytes):
        content = content.decode("utf-8", "replace")
    text = content.removeprefix("\ufeff")
    directives = _directives(text)
    faults: list[Fault] = []
    instructions = list(_instructions(text, directives.get("escape", "\\"), faults))
    return _staged(path, text, directives, instructions, faults)


def _directives(text: str) -> dict[str, str]:
    """The parser directives; the first line that is none ends them."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _DIRECTIVE.match(line)
        if not match or match[1].lower() in found:
            break
        if match[1].lower() not in ("syntax", "escape", "check"):
            break
        found[match[1].lower()] = match[2]
    return found


def _instructions(text: str, escape: str, faults: list[Fault]) -> Iterator[Instruction]:
    """Join continued lines and heredocs to instructions."""
    lines = text.replace("\r\n", "\n").split("\n")
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        if not line or line.startswith("#"):
            index += 1
            continue
        start = index
        joined, offsets, index = _joined(lines, index, escape)
        bodies, index = _heredocs(lines, index, joined, start, faults)
        made = _instruction(joined, offsets, bodies, start + 1, index)
        if made.keyword in KEYWORDS:
            yield made
        elif not any("heredoc" in fault.message for fault in faults):
            message = f"`{made.keyword[:30]}` is no instruction"
            faults.append(Fault(start + 1, message))


def _joined(
    lines: list[str], index: int, escape: str
) -> tuple[str, list[tuple[int, int]], int]:
    """One logical line, where its parts come from, and the line after it."""
    parts: list[str] = []
    offsets: list[tuple[int, int]] = []
    length = 0
    while index < len(lines):
        line = lines[index]
        bare = line.strip()
        index += 1
        if parts and (not bare or bare.startswith("#")):
            continue
        continued = bare.endswith(escape)
        part = line.rstrip()[:-1] if continued else line
        offsets.append((length, index))
        parts.append(part)
        length += len(part)
        if not continued:
            break
    return "".join(parts), offsets, index


def _heredocs(
    lines: list[str], index: int, joined: str, start: int, faults: list[Fault]
) -> tuple[list[str], int]:
    """The bodies of the heredocs that a line opens, and the line after them."""
    bodies: list[str] = []
    keyword = joined.split(None, 1)[0].upper() if joined.split() else ""
    if keyword not in ("RUN", "COPY", "ADD"):
        return bodies, index
    for match in _HEREDOC.finditer(joined):
        strips = match[0].startswith("<<-")
        body: list[str] = []
        end = index
        while end < len(lines):
            line = lines[end].lstrip("\t") if strips else lines[end]
            end += 1
            if line.rstrip("\r") == match[2]:
                bodies.append("\n".join(body))
                index = end
                break
            body.append(line)
        else:
            # A shift in arithmetic looks the same; only a real heredoc ends.
            if not re.search(r"\$\(\(|\(\(", joined):
                faults.append(Fault(start + 1, f"the heredoc {match[2]} does not end"))
    return bodies, index


def _instruction(
    joined: str,
    offsets: list[tuple[int, int]],
    bodies: list[str],
    line: int,
    end_line: int,
) -> Instruction:
    """Take one logical line apart."""
    stripped = joined.lstrip()
    cut = len(joined) - len(stripped)
    keyword = stripped.split(None, 1)[0] if stripped.split() else ""
    rest = stripped[len(keyword) :]
    cut += len(keyword) + len(rest) - len(rest.lstrip())
    rest = rest.lstrip()
    flags: dict[str, str] = {}
    if keyword.upper() in ("FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"):
        while match := _FLAG.match(rest):
            flags[match[1]] = _unquoted(match[2] or "true")
            rest = rest[match.end() :]
            cut += match.end()
    moved = tuple((max(0, start - cut), number) for start, number in offsets)
    text = rest.rstrip()
    words = _words(text, keyword.upper())
    return Instruction(
        keyword.upper(), text, line, end_line, flags, tuple(bodies), words, moved
    )


def _words(text: str, keyword: str) -> tuple[str, ...] | None:
    """The words of the exec form, or None."""
    if keyword == "HEALTHCHECK":
        text = re.sub(r"^CMD\s+", "", text, flags=re.IGNORECASE)
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return tuple(words)
    return None


def _unquoted(text: str) -> str:
    """A value without its quotes."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def _staged(
    path: str,
    text: str,
    directives: Mapping[str, str],
    instructions: list[Instruction],
    faults: list[Fault],
) -> Dockerfile:
    """Sort instructions into stages."""
    outer: dict[str, str] = {}
    arguments: list[Instruction] = []
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for each in instructions:
        if each.keyword == "FROM":
            stages.append((each, []))
        elif stages:
            stages[-1][1].append(each)
        elif each.keyword == "ARG":
            arguments.append(each)
            outer.update(_values(each, outer))
        else:
            faults.append(
                Fault(each.line, f"{each.keyword} stands before the first FROM")
            )
    if not stages:
        faults.append(Fault(1, "there is no FROM"))
    made: list[Stage] = []
    for source, inside in stages:
        made.append(_stage(source, inside, outer, made))
    return Dockerfile(
        path, tuple(made), tuple(arguments), directives, tuple(faults), text
    )


def _stage(
    source: Instruction,
    inside: list[Instruction],
    outer: Mapping[str, str],
    before: list[Stage],
) -> Stage:
    """One stage with the variables it ends with."""
    words = source.text.split()
    image = expand(words[0], outer) if words else ""
    named = len(words) >= 3 and words[1].upper() == "AS"
    parent = next((stage for stage in before if _is_named(stage, image)), None)
    variables = dict(parent.variables) if parent else {}
    for each in inside:
        if each.keyword == "ARG":
            for pair in pairs(each):
                if pair.value is not None:
                    variables[pair.name] = expand(pair.value, variables)
                elif pair.name in outer:
                    variables[pair.name] = outer[pair.name]
        elif each.keyword == "ENV":
            variables.update(_values(each, variables))
    return Stage(image, words[2] if named else None, source, tuple(inside), variables)


def _values(instruction: Instruction, known: Mapping[str, str]) -> dict[str, str]:
    """What ARG or ENV sets, with the variables replaced."""
    return {
        pair.name: expand(pair.value, known)
        for pair in pairs(instruction)
        if pair.value is not None
    }
