"""Read which requests a hook lets on without asking who calls."""

from __future__ import annotations

import ast
import re

from waddlegen.facts.expressions import dotted
from waddlegen.facts.python import Exempt, Function

ASKS = frozenset(
    {"request.endpoint", "request.path", "request.blueprint", "request.method"}
)
_ASKED = {
    "request.endpoint": "endpoint",
    "request.path": "path",
    "request.full_path": "path",
    "request.url_rule.rule": "path",
    "request.blueprint": "blueprint",
    "request.method": "method",
}
# What a function that is asked for one of them calls it.
_PARAMETERS = {name: name for name in ("endpoint", "path", "blueprint", "method")}
# What leaves a path or an endpoint what it is.
_SPELLING = re.compile(r"\.(rstrip|strip|lower|casefold)\(\)$")
_LAST_PART = re.compile(r"^request\.endpoint\.(r?split|r?partition)\(\)\[\]$")
Entries = tuple[tuple[int, str], ...]


def exemptions(node: ast.AST, function: Function) -> list[Exempt]:
    """What the first statements of a hook let on: `if request.endpoint in OPEN: return`."""
    if ASKS.isdisjoint(function.names):
        return []
    found: list[Exempt] = []
    aliases: dict[str, str] = {}
    body: list[ast.stmt] = getattr(node, "body", [])
    if not isinstance(body, list):  # that of a lambda is an expression
        return []
    for place, item in enumerate(body):
        if isinstance(item, ast.Assign):
            for target in item.targets:
                aliases[dotted(target)] = _asked(item.value, aliases)
        elif isinstance(item, ast.If) and _lets_on(item.body):
            found += _matches(item.test, aliases)
        elif isinstance(item, ast.If) and not item.orelse:
            if not any(isinstance(later, ast.If) for later in body[place + 1 :]):
                found += _left_out(item.test, aliases)
    return found


def may_be_asked(function: Function) -> bool:
    """Whether a function only answers, and may ask for a path, an endpoint or a method."""
    if len(function.returns) != 1 or function.assigns or len(function.parameters) > 1:
        return False
    asked = any(each.name in _PARAMETERS for each in function.parameters)
    return asked or not ASKS.isdisjoint(function.names)


def predicate(node: ast.AST) -> list[Exempt]:
    """What a function that only asks says yes to: `def is_open(path): return path in OPEN`."""
    body: list[ast.stmt] = getattr(node, "body", [])
    if not isinstance(body, list) or not 1 <= len(body) <= 2:
        return []
    last = body[-1]
    if not isinstance(last, ast.Return) or last.value is None:
        return []
    arguments: list[ast.arg] = getattr(getattr(node, "args", None), "args", [])
    aliases = {a.arg: _PARAMETERS[a.arg] for a in arguments if a.arg in _PARAMETERS}
    return _matches(last.value, aliases)


def _lets_on(body: list[ast.stmt]) -> bool:
    """Whether a branch answers nothing, so that the request goes on."""
    last = body[-1]
    return isinstance(last, ast.Return) and (
        last.value is None
        or (isinstance(last.value, ast.Constant) and last.value.value is None)
    )


def _asked(node: ast.expr, aliases: dict[str, str]) -> str:
    """What of the request an expression is: endpoint, view, path, blueprint, or nothing."""
    if isinstance(node, ast.BoolOp):
        return _asked(node.values[0], aliases)
    if isinstance(node, ast.Call):
        name = f"{dotted(node.func)}()"
    else:
        name = dotted(node)
    if _LAST_PART.match(name):
        return "view"
    name = _SPELLING.sub("", name)
    return _ASKED.get(name) or aliases.get(name, "")


def _matches(test: ast.expr, aliases: dict[str, str]) -> list[Exempt]:
    """The requests that a test is true for; none when it asks for more than that."""
    match test:
        case ast.BoolOp(op=ast.Or(), values=values):
            return [each for value in values for each in _matches(value, aliases)]
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call() as operand):
            found = _matches(operand, aliases)
            return [each._replace(others=not each.others) for each in found]
        case ast.Call(func=ast.Name(id="any"), args=[ast.GeneratorExp() as each]):
            return _any_of(each, aliases)
        case ast.Call(
            func=ast.Attribute(attr="match" | "fullmatch"), args=[text, asked]
        ):
            by = _asked(asked, aliases)
            return _listed(test, f"{by}-pattern" if by == "path" else "", text)
        case ast.Compare(left=left, ops=[ast.In() | ast.Eq()], comparators=[right]):
            return _listed(test, _asked(left, aliases), right)
        case ast.Call(func=ast.Attribute(value=value, attr="startswith"), args=[given]):
            by = _asked(value, aliases)
            return _listed(test, f"{by}-prefix" if by else "", given)
        case ast.Call(func=func, args=[given]) if _asked(given, aliases):
            return [Exempt(test.lineno, "helper", (), dotted(func))]
        case ast.Call(func=ast.Name(id=name), args=[], keywords=[]):
            return [Exempt(test.lineno, "helper", (), name)]
    return []


def _any_of(node: ast.GeneratorExp, aliases: dict[str, str]) -> list[Exempt]:
    """`any(request.path.startswith(each) for each in OPEN)`."""
    over = node.generators[0]
    if len(node.generators) > 1 or over.ifs or not isinstance(over.target, ast.Name):
        return []
    return [
        each._replace(entries=texts(over.iter), name=dotted(over.iter))
        for each in _matches(node.elt, aliases)
        if each.name == over.target.id
    ]


def _left_out(test: ast.expr, aliases: dict[str, str]) -> list[Exempt]:
    """The requests that `if request.path not in OPEN and …: refuse` leaves out."""
    values = [test]
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        values = test.values
    found: list[Exempt] = []
    for each in values:
        match each:
            case ast.Compare(
                left=left, ops=[ast.NotIn() | ast.NotEq()], comparators=[right]
            ):
                found += _listed(each, _asked(left, aliases), right)
            case ast.UnaryOp(op=ast.Not(), operand=ast.Call() as operand):
                found += _matches(operand, aliases)
    return found


def _listed(node: ast.expr, by: str, given: ast.expr) -> list[Exempt]:
    """The entries that a request is compared with, or the name that holds them."""
    if not by:
        return []
    entries = texts(given)
    if entries:
        return [Exempt(node.lineno, by, entries)]
    if isinstance(given, ast.Name | ast.Attribute):
        return [Exempt(node.lineno, by, (), dotted(given))]
    return []


def texts(node: ast.AST) -> Entries:
    """The texts of a collection that holds nothing else, each with its line."""
    if isinstance(node, ast.Constant):
        return ((node.lineno, node.value),) if isinstance(node.value, str) else ()
    if isinstance(node, ast.Call):
        wraps = dotted(node.func) in {"frozenset", "set", "tuple", "list"}
        return texts(node.args[0]) if wraps and len(node.args) == 1 else ()
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return ()
    found = [each for each in node.elts if isinstance(each, ast.Constant)]
    if len(found) != len(node.elts):
        return ()
    return tuple(
        (each.lineno, each.value) for each in found if isinstance(each.value, str)
    )
