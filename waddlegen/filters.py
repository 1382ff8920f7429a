"""Spell a text of the spec so that it arrives intact and inert in each target language.

There is one filter a target. They are a Jinja extension, named in `copier.yml`, so that
copier and waddlegen render with the same ones.
"""

import json
import math
import re
import shlex
import textwrap
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

LINE_LENGTH = 88


def py(value: object) -> str:
    """A Python literal, quoted as black quotes it."""
    match value:
        case str():
            return _python_text(value)
        case list() | tuple():
            inside = ", ".join(py(item) for item in value)
            return f"[{inside}]" if isinstance(value, list) else f"({inside},)"
        case dict():
            inside = ", ".join(f"{py(key)}: {py(item)}" for key, item in value.items())
            return f"{{{inside}}}"
    return repr(value)


def py_ascii(text: str) -> str:
    """A Python literal of plain characters, whose width nobody has to guess."""
    return py(text).encode("ascii", "backslashreplace").decode()


def py_tree(value: object, indent: int = 0) -> str:
    """A Python literal with every bracket exploded; `python` closes those that fit."""
    margin = " " * (indent + 4)
    match value:
        case dict() if value:
            items = (f"{py(k)}: {py_tree(v, indent + 4)}" for k, v in value.items())
        case list() if value:
            items = (py_tree(item, indent + 4) for item in value)
        case _:
            return py(value)
    inside = "".join(f"{margin}{item},\n" for item in items)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inside}{' ' * indent}{closing}"


def _python_text(text: str) -> str:
    """Quote a text: double quotes unless single ones need fewer backslashes."""
    if _is_simple(text):
        return f'"{text}"'
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_python_character(c, quote) for c in text) + quote


def _is_simple(text: str) -> bool:
    """Whether a text can stand between double quotes as it is."""
    return text.isprintable() and '"' not in text and "\\" not in text


def _python_character(character: str, quote: str) -> str:
    """One character inside a Python string."""
    if character in ("\\", quote):
        return f"\\{character}"
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short:
        return short
    return character if character.isprintable() else _unicode_escape(character)


def _unicode_escape(character: str) -> str:
    """The shortest Python (and YAML) escape of a character."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str) -> str:
    """The words of a text on one line, with nothing invisible left in it."""
    words = " ".join(text.split())
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() else _unicode_escape(c) for c in words)


def doc(text: str, indent: int = 0) -> str:
    """The inside of a docstring, wrapped; the caller writes the three quotes.

    `indent` is the column of the docstring. A text of several lines ends with a newline
    and the indentation, so that the closing quotes stand on a line of their own.
    """
    paragraphs = [one_line(p) for p in re.split(r"\n\s*\n", text.strip())]
    margin = " " * indent
    lines: list[str] = []
    for paragraph in filter(None, paragraphs):
        escaped = paragraph.replace("\\", "\\\\").replace('"', '\\"')
        lines += ["", *_wrap(escaped, LINE_LENGTH - indent - 6)]
    lines = lines[1:] or ["No description."]
    # black puts the quotes behind a single line, however long its one word is.
    if len(lines) == 1:
        return lines[0] + (" " if lines[0].endswith('"') else "")
    joined = "\n".join(f"{margin}{line}" if line else "" for line in lines)
    return f"{joined.lstrip()}\n{margin}"


def _wrap(text: str, width: int) -> list[str]:
    """Break a text into lines; a longer word stands alone rather than being cut."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def comment(text: str) -> str:
    """The inside of a `#` comment, on one line."""
    return one_line(text).replace("\\", "\\\\")


_PLAIN_YAML = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_YAML_WORDS = frozenset("y n yes no on off true false null".split())


def yaml(value: object) -> str:
    """A YAML value on one line: plain where nothing can be misread, else in quotes."""
    match value:
        case str() if _PLAIN_YAML.fullmatch(value) and value.lower() not in _YAML_WORDS:
            return value
        case str():
            return yaml_text(value)
        case list() | tuple():
            return "[" + ", ".join(yaml(item) for item in value) + "]"
        case dict():
            pairs = (f"{yaml(key)}: {yaml(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case float():
            return _yaml_float(value)
    return json.dumps(value)


def _yaml_float(number: float) -> str:
    """A number YAML 1.1 reads too: `1e+16` is a text there, `1.0e+16` is not."""
    if not math.isfinite(number):
        return str(number).replace("inf", ".inf").replace("nan", ".nan")
    return re.sub(r"^(-?\d+)e", r"\1.0e", repr(number))


def yaml_text(text: str) -> str:
    """A YAML text that is always in quotes, so that a number stays a text."""
    if _is_simple(text):
        return f'"{text}"'
    return '"' + "".join(_yaml_character(c) for c in text) + '"'


def _yaml_character(character: str) -> str:
    """One character inside a double-quoted YAML text."""
    if character in '"\\':
        return f"\\{character}"
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short:
        return short
    return character if character.isprintable() else _unicode_escape(character)


def toml(value: object) -> str:
    """A TOML value on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + "".join(_toml_character(c) for c in value) + '"'
        case list() | tuple():
            return "[" + ", ".join(toml(item) for item in value) + "]"
    return repr(value)


def _toml_character(character: str) -> str:
    """One character inside a basic TOML string, which knows no `\\x`."""
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def markdown(text: str) -> str:
    """Markdown that shows exactly these words, in a paragraph or a table's cell."""
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~!&$+:@^=()-])", r"\\\1", one_line(text))
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", escaped)


def markdown_code(value: object) -> str:
    """Inline code for a table's cell; nothing at all for an empty text.

    A code span knows no escapes, and in a table a pipe ends even that, so a text with a
    backtick or a pipe is spelled as the HTML element.
    """
    text = one_line(value if isinstance(value, str) else json.dumps(value))
    if "`" not in text and "|" not in text:
        return f"`{text}`" if text else ""
    inert = re.sub(r"[^\w\s]|_", lambda found: f"&#{ord(found[0])};", text)
    return f"<code>{inert}</code>"


def shell(text: str) -> str:
    """One word of a POSIX shell."""
    return shlex.quote(text)


_DOTENV_CONTROLS = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def dotenv(value: object) -> str:
    """A value in a .env file, as python-dotenv reads it: plain where possible.

    `${NAME}` is replaced even inside quotes; only its own default, `${:-$}`, spells a
    dollar that stays one.
    """
    text = value if isinstance(value, str) else json.dumps(value)
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,=-]*", text):
        return text
    quote = '"' if _DOTENV_CONTROLS.keys() & set(text) else "'"
    escaped = text.replace("${", "${:-$}{")
    escaped = escaped.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    if quote == '"':
        escaped = "".join(_DOTENV_CONTROLS.get(c, c) for c in escaped)
    return f"{quote}{escaped}{quote}"


def dockerfile(text: str) -> str:
    """A quoted value in a Dockerfile; a Dockerfile has no newline in a value."""
    escaped = re.sub(r'(["\\$])', r"\\\1", one_line(text))
    return f'"{escaped}"'


def json_text(value: object) -> str:
    """A JSON value on one line, with nothing invisible left in it."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def go_template(text: str) -> str:
    """A text inert in a Go template, as Prometheus reads annotations.

    Braces are spelled a run at a time: one left beside an action would join its delimiter.
    """
    return re.sub(r"[{}]{2,}", lambda found: f'{{{{ "{found[0]}" }}}}', text)


_OPENING = re.compile(r"(?P<indent> *)(?P<head>\S.*)?(?P<bracket>[(\[{])")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = frozenset(_CLOSING.values())


def python(source: str) -> str:
    """Lay a Python file out as black does: brackets that fit on a line, imports in use.

    A template writes every bracket exploded, one element a line with a trailing comma, and
    names all that any spec may need, one import a line; black would keep it so.
    """
    return _imports("\n".join(_collapse(source.split("\n"))))


def _collapse(lines: list[str]) -> list[str]:
    """Put each bracket on one line where it fits, the inner ones first."""
    done: list[str] = []
    for line in lines:
        done.append(line)
        if line.lstrip(" ")[:1] not in _CLOSERS:
            continue
        joined = _joined(done)
        while joined:
            start, text = joined
            done[start:] = [text]
            joined = None
        _keep_exploded(done)
    return done


def _keep_exploded(lines: list[str]) -> None:
    """Write the only choice of a Literal twice where it does not fit on a line.

    It means the same. black takes the comma behind a single one for nothing, and would
    break the line elsewhere, depending on what stands around it.
    """
    if len(lines) > 2 and lines[-1].lstrip().startswith("]"):
        if lines[-3].endswith("Literal[") and lines[-2].endswith(","):
            lines.insert(-1, lines[-2])


def _joined(lines: list[str]) -> tuple[int, str] | None:
    """Where the bracket begins that the last line closes, and it all on one line."""
    last = lines[-1]
    indent = len(last) - len(last.lstrip(" "))
    if last[indent : indent + 1] not in (")", "]", "}"):
        return None
    start = len(lines) - 2
    inner = " " * (indent + 4)
    while (
        start >= 0
        and lines[start].startswith(inner)
        and lines[start][indent + 4] != " "
    ):
        start -= 1
    opening = _OPENING.fullmatch(lines[start]) if start >= 0 else None
    if opening is None or len(opening["indent"]) != indent:
        return None
    elements = [line.strip() for line in lines[start + 1 : -1]]
    if _CLOSING[opening["bracket"]] != last[indent] or not _are_elements(elements):
        return None
    text = _one_line(lines[start], elements, last[indent:])
    return (start, text) if _widest(text) <= LINE_LENGTH else None


def _widest(text: str) -> int:
    """The most columns black may count for a line: some characters take two.

    A bracket that is left exploded is never wrong, so a guess on this side is safe.
    """
    return len(text) + (0 if text.isascii() else sum(c > "\x7f" for c in text))


def _are_elements(elements: list[str]) -> bool:
    """Whether the lines are whole elements, each with its comma, and no comments."""
    return all(line.endswith(",") and not line.startswith("#") for line in elements)


def _one_line(opening: str, elements: list[str], closing: str) -> str:
    """A bracket on one line; a tuple of one element keeps its comma."""
    inside = " ".join(elements)
    before = opening[-2:-1]
    is_tuple = opening.endswith("(") and not re.match(r"[\w\])]", before)
    if not (is_tuple and len(elements) == 1):
        inside = inside.removesuffix(",")
    return f"{opening}{inside}{closing}"


_IMPORT = re.compile(r"from (?P<module>\S+) import (?P<names>.+)|import (?P<whole>\S+)")
_QUOTED = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*''',
    re.DOTALL,
)


def _imports(source: str) -> str:
    """Drop what a file imports and does not use, and gather what comes from one module."""
    lines = source.split("\n")
    found = [number for number, line in enumerate(lines) if _IMPORT.fullmatch(line)]
    if not found:
        return source
    first, last = found[0], found[-1] + 1
    body = "\n".join(lines[last:]).lstrip("\n")
    used = set(re.findall(r"\w+", _QUOTED.sub(" ", body)))
    groups = "\n".join(lines[first:last]).split("\n\n")
    kept = [_used_imports(group, used) for group in groups]
    head = "\n".join(lines[:first]) + "\n" + "\n".join(filter(None, kept))
    gap = "\n\n" if re.match(r"class |(async )?def |@", body) else "\n"
    return f"{head.rstrip()}\n{gap}{body}"


def _used_imports(group: str, used: set[str]) -> str:
    """One group of imports without the unused names; ends with a newline."""
    names: dict[str, list[str]] = {}
    for line in filter(None, group.split("\n")):
        match = _IMPORT.fullmatch(line)
        if match is None:
            names[line] = []
        elif match["whole"]:
            if match["whole"].split(".")[0] in used:
                names[line] = []
        else:
            found = [n for n in match["names"].split(", ") if n.split(" ")[-1] in used]
            if found:
                names.setdefault(match["module"], []).extend(found)
    return "".join(
        _import_line(module, found) + "\n" if found else f"{module}\n"
        for module, found in names.items()
    )


def _import_line(module: str, names: list[str]) -> str:
    """One import, exploded where it does not fit in a line."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= LINE_LENGTH:
        return line
    inside = "".join(f"    {name},\n" for name in names)
    return f"from {module} import (\n{inside})"


class Filters(Extension):
    """The filters of waddlegen's templates, for any Jinja environment."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        filters: dict[str, Any] = {
            "py": py,
            "py_ascii": py_ascii,
            "py_tree": py_tree,
            "doc": doc,
            "one_line": one_line,
            "comment": comment,
            "yaml": yaml,
            "yaml_text": yaml_text,
            "toml": toml,
            "markdown": markdown,
            "markdown_code": markdown_code,
            "shell": shell,
            "dotenv": dotenv,
            "dockerfile": dockerfile,
            "json": json_text,
            "go_template": go_template,
            "python": python,
        }
        environment.filters.update(filters)
