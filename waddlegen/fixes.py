"""Mend what a rule has found: text in, text out; never touches the disk.

A fix changes one call on one line. Whoever applies it checks the whole module again.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from waddlegen.findings import Finding

Fix = Callable[[str, ast.Call], str | None]


def mend(text: str, findings: list[Finding], unsafe: bool) -> str:
    """The text with every finding mended that can be; from the end, so that lines hold."""
    known: Mapping[str, Fix] = {**SAFE, **(UNSAFE if unsafe else {})}
    wanted = [f for f in findings if f.code in known]
    for finding in sorted(wanted, key=lambda f: f.sort_key, reverse=True):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return text
        call = _call_at(tree, finding.problem.line, finding.problem.column)
        if call is not None:
            text = known[finding.code](text, call) or text
    return text


def _call_at(tree: ast.AST, line: int, column: int) -> ast.Call | None:
    """The outermost call that begins at a place; columns count from 1."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if (node.lineno, node.col_offset + 1) == (line, column):
                return node
    return None


def _offset(text: str, line: int, column: int) -> int:
    """A place in a text, from a line and a column in bytes."""
    lines = text.splitlines(keepends=True)
    before = sum(len(each) for each in lines[: line - 1])
    inside = lines[line - 1].encode("utf-8")[:column].decode("utf-8", "ignore")
    return before + len(inside)


def _add_argument(text: str, call: ast.Call, argument: str) -> str:
    """A call with one more argument at its end."""
    end = _offset(text, call.end_lineno or call.lineno, call.end_col_offset or 0) - 1
    inside = text[:end].rstrip()
    if inside.endswith("("):
        return f"{inside}{argument}{text[end:]}"
    if inside.endswith(","):
        return f"{inside} {argument}{text[end:]}"
    return f"{inside}, {argument}{text[end:]}"


def _replace(text: str, call: ast.Call, code: str) -> str:
    """Other code in the place of a call."""
    start = _offset(text, call.lineno, call.col_offset)
    end = _offset(text, call.end_lineno or call.lineno, call.end_col_offset or 0)
    return text[:start] + code + text[end:]


def _timeout(text: str, call: ast.Call) -> str | None:
    """A timeout of ten seconds where there is none."""
    name = ast.unparse(call.func)
    if any(keyword.arg == "timeout" for keyword in call.keywords):
        return None
    if name == "aiohttp.ClientSession":
        return _add_argument(text, call, "timeout=aiohttp.ClientTimeout(total=10)")
    if name.startswith(("requests.", "urllib.")):
        return _add_argument(text, call, "timeout=10")
    return None


def _debug_off(text: str, call: ast.Call) -> str | None:
    """`debug=True` switched off."""
    for keyword in call.keywords:
        value = keyword.value
        if keyword.arg == "debug" and isinstance(value, ast.Constant) and value.value:
            start = _offset(text, value.lineno, value.col_offset)
            end = _offset(text, value.end_lineno or 0, value.end_col_offset or 0)
            return f"{text[:start]}False{text[end:]}"
    return None


def _no_default(text: str, call: ast.Call) -> str | None:
    """`os.environ["X"]`, which fails at the start, for a default that everybody knows."""
    if ast.unparse(call.func) not in {"os.getenv", "os.environ.get"} or not call.args:
        return None
    match call.args[0]:
        case ast.Constant(value=str(name)):
            return _replace(text, call, f'os.environ["{name}"]')
    return None


def _collect_errors(text: str, call: ast.Call) -> str | None:
    """`return_exceptions=True`."""
    return _add_argument(text, call, "return_exceptions=True")


SAFE: Mapping[str, Fix] = {"WB213": _timeout, "WB446": _debug_off}
UNSAFE: Mapping[str, Fix] = {"WB402": _no_default, "WB554": _collect_errors}
