"""Find what is put into the HTML of an f-string as it came."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from waddlegen.facts.expressions import dotted

_TAG = re.compile(
    r"</?(html|body|div|span|p|li|ul|td|tr|th|h[1-6]|a|b|i|em|strong|section|article|title|"
    r"label|button|option)\b",
    re.IGNORECASE,
)
# Parts of people's things that hold text.
_TEXTS = re.compile(
    r"(^|_)(name|title|text|message|description|username|nick|nickname|content|login|query|"
    r"comment|reason|author|subject|body|caption|topic|quote|bio|note|term|answer|question)$"
)


def raw_parts(node: ast.JoinedStr) -> Iterator[tuple[int, str]]:
    """The line and the name of each text of somebody that HTML shows unescaped."""
    texts = [v.value for v in node.values if isinstance(v, ast.Constant)]
    if not any(isinstance(text, str) and _TAG.search(text) for text in texts):
        return
    for value in node.values:
        if isinstance(value, ast.FormattedValue) and value.format_spec is None:
            name = _text_of(value.value)
            if name:
                yield value.value.lineno, name


def raw_arguments(node: ast.Call) -> Iterator[tuple[int, str]]:
    """The same of what `"<p>{}</p>".format(…)` is given."""
    text = getattr(getattr(node.func, "value", None), "value", None)
    if isinstance(text, str) and _TAG.search(text):
        for value in (*node.args, *(each.value for each in node.keywords)):
            name = _text_of(value)
            if name:
                yield value.lineno, name


def _text_of(node: ast.expr) -> str:
    """The name of a text that an object or a mapping holds; "" for anything else."""
    name = ""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        name = str(node.slice.value)
    elif isinstance(node, ast.Attribute):
        name = "" if dotted(node.value) in {"self", "cls"} else node.attr
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "get" and node.args:
            first = node.args[0]
            name = str(first.value) if isinstance(first, ast.Constant) else ""
    return name if _TEXTS.search(name) else ""
