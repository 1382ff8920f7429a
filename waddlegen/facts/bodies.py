"""Find where a function reads the request's body or query, and how it checks it."""

from __future__ import annotations

import ast
import re

from waddlegen.facts.expressions import children, dotted
from waddlegen.facts.failopen import branches_of
from waddlegen.facts.python import BodyRead, Function

READS = frozenset(
    {"request.json", "request.form", "request.args", "request.values", "request.data"}
)
METHODS = frozenset({"get_json", "get_data"})
_SCHEMA = (
    "validate_json validate_input validate_data validate_request validate_body "
    "validate_payload validate_schema validate_query validate_form model_validate parse_obj "
    "parse_raw model_validate_json validate_python validate_params TypeAdapter from_dict "
    "read_action read_flat read_body read_query validate_command validate_discord_payload "
    "structure deserialize validate_fields validate"
).split()
SCHEMAS = frozenset(_SCHEMA)
_CHECKS = frozenset({"isinstance", "int", "float", "len", "fullmatch", "match", "UUID"})


def reads(node: ast.AST) -> list[BodyRead]:
    """Every read of the body in a function, with the checks that follow it."""
    found: list[BodyRead] = []
    nodes = list(_walk(node))
    for item in nodes:
        made = _read(item)
        if made is not None:
            found.append(made)
    for made in found:
        _judge(made, nodes)
    return found


_HELPER = re.compile(
    r"body|json|payload|param|input|form|data|args|query|field|content"
)


def may_borrow(function: Function) -> bool:
    """Whether a function, a view perhaps, takes a body that another one reads for it."""
    return bool(function.decorators) and any(
        assign.value.kind in {"call", "await"}
        and (
            assign.target in function.subscripted
            or _HELPER.search(assign.value.text.rpartition(".")[2])
        )
        for assign in function.assigns
    )


def borrowed(node: ast.AST) -> list[BodyRead]:
    """What a function gets of helpers that may read the body, and how it checks that."""
    found = []
    for item in branches_of(getattr(node, "body", [])):
        if not isinstance(item, ast.Assign) or not isinstance(
            item.targets[0], ast.Name
        ):
            continue
        value = item.value.value if isinstance(item.value, ast.Await) else item.value
        name = dotted(value.func) if isinstance(value, ast.Call) else ""
        if name and "." not in name.removeprefix("self."):
            target = item.targets[0].id
            found.append(BodyRead(item.lineno, name, target, none_checked=True))
    nodes = _walk(node) if found else []
    for made in found:
        _judge(made, nodes)
    return found


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _walk(node: ast.AST) -> list[ast.AST]:
    """The nodes of a function in order, nested functions left out."""
    found: list[ast.AST] = []
    stack = list(reversed(children(node)))
    while stack:
        item = stack.pop()
        if isinstance(item, _DEFINITIONS):
            continue
        found.append(item)
        stack += reversed(children(item))
    return found


def _read(item: ast.AST) -> BodyRead | None:
    """A statement that takes the body into a name, or uses it at once."""
    if isinstance(item, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        target = item.targets[0] if isinstance(item, ast.Assign) else item.target
        value = item.value
        if value is None:
            return None
        source, checked, silent = _source(value)
        if source:
            name = dotted(target)
            return BodyRead(item.lineno, source, name, checked, silent=silent)
        return None
    if isinstance(item, ast.Return | ast.Expr | ast.keyword):
        return None
    if isinstance(item, ast.Call):
        name = dotted(item.func)
        if name.endswith(
            ("request.args.get", "request.form.get", "request.values.get")
        ):
            typed = any(keyword.arg == "type" for keyword in item.keywords)
            typed = typed or len(item.args) > 2
            return BodyRead(item.lineno, "args", "", True, typed=typed)
    return None


def _source(value: ast.expr) -> tuple[str, bool, bool]:
    """What a value reads of the request, whether None is provided for, and silence."""
    if isinstance(value, ast.BoolOp) and isinstance(value.op, ast.Or):
        source, _, silent = _source(value.values[0])
        return source, bool(source), silent
    if isinstance(value, ast.IfExp):
        source, _, silent = _source(value.body)
        return source, bool(source), silent
    if isinstance(value, ast.Await):
        return _source(value.value)
    if isinstance(value, ast.Call):
        name = dotted(value.func)
        last = name.rpartition(".")[2]
        if last == "get_json":
            silent = any(
                keyword.arg == "silent"
                and isinstance(keyword.value, ast.Constant)
                and keyword.value.value is True
                for keyword in value.keywords
            )
            return "json", False, silent
        if (
            name in {"request.json", "json.loads"}
            and "request" in ast.dump(value)[:400]
        ):
            return "json", False, False
        return "", False, False
    name = dotted(value)
    if name == "request.json":
        return "json", False, False
    if name == "request.form":
        return "form", True, False
    return "", False, False


def _judge(made: BodyRead, nodes: list[ast.AST]) -> None:
    """Decide how the body is checked: by a schema, by hand, for presence, not at all."""
    if not made.name:
        return
    taken = {made.name}
    level = 0
    for item in nodes:
        line = getattr(item, "lineno", 0)
        if line < made.line:
            continue
        if isinstance(item, ast.Assign):
            if _mentions(item.value, taken) and len(item.targets) == 1:
                taken |= {dotted(each) for each in _targets(item.targets[0])}
        if isinstance(item, ast.For | ast.comprehension) and _mentions(
            item.iter, taken
        ):
            taken |= {dotted(each) for each in _targets(item.target)}
        if isinstance(item, ast.Call):
            level = max(level, _check_of_call(item, taken, made))
        elif isinstance(item, ast.If | ast.While | ast.IfExp | ast.Assert):
            level = max(level, _check_of_test(item.test, taken, made))
        if isinstance(item, ast.Match) and _mentions(item.subject, taken):
            level = max(level, 2)
        _use(item, made)
    made.validated = ("", "presence", "manual", "schema")[level]
    made.unasked = tuple(_unasked(made, nodes))


def _unasked(made: BodyRead, nodes: list[ast.AST]) -> list[tuple[str, int]]:
    """Keys that are taken with nothing asking for them, when all uses of the body are plain."""
    names = {made.name} | _parts(made.name, nodes)
    understood: set[int] = set()
    asked: set[str] = set()
    taken: list[tuple[str, int]] = []
    for item in nodes:
        for each in _plain_uses(item, asked):
            understood.add(id(each))
        if isinstance(item, ast.Subscript) and dotted(item.value) in names:
            if isinstance(item.slice, ast.Constant) and isinstance(
                item.slice.value, str
            ):
                if isinstance(item.ctx, ast.Load):
                    taken.append((item.slice.value, item.lineno))
                else:
                    asked.add(item.slice.value)
    for item in nodes:
        if isinstance(item, ast.Name) and item.id in names:
            if id(item) not in understood and isinstance(item.ctx, ast.Load):
                return []
    caught = _caught(nodes)
    return [
        (key, line)
        for key, line in taken
        if key not in asked and not any(a <= line <= b for a, b in caught)
    ]


def _parts(name: str, nodes: list[ast.AST]) -> set[str]:
    """The names that hold a mapping inside a body: `params = body.get("params") or {}`."""
    found: set[str] = set()
    for item in nodes:
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            value = item.value
            if isinstance(value, ast.BoolOp):
                empty = value.values[-1]
                value = value.values[0]
                if isinstance(empty, ast.Dict) and isinstance(value, ast.Call):
                    if dotted(value.func) == f"{name}.get":
                        found.add(item.targets[0].id)
    return found


def _plain_uses(item: ast.AST, asked: set[str]) -> list[ast.expr]:
    """The names that a node uses in a way that says what it asks; adds the keys it asks for."""
    match item:
        case ast.Subscript(value=ast.Name() as name, slice=ast.Constant()):
            return [name]
        case ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="get")):
            if item.args and isinstance(item.args[0], ast.Constant):
                asked.add(str(item.args[0].value))
                return [name]
        case ast.Call(func=ast.Name(id="isinstance" | "bool"), args=[first, *_]):
            return [first]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return [operand]
        case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()]):
            return [left]
        case ast.Compare(
            left=ast.Constant(value=key),
            ops=[ast.In() | ast.NotIn()],
            comparators=[one],
        ):
            asked.add(str(key))
            return [one]
        case ast.BoolOp(values=values):
            return list(values)
        case ast.If(test=test) | ast.IfExp(test=test):
            return [test]
    return []


_CATCH_KEYS = frozenset({"KeyError", "LookupError", "Exception", "BaseException"})


def _caught(nodes: list[ast.AST]) -> list[tuple[int, int]]:
    """The first and last lines of what catches a key that is missing."""
    found = []
    for item in nodes:
        if isinstance(item, ast.Try):
            kinds: list[ast.expr | None] = []
            for handler in item.handlers:
                several = isinstance(handler.type, ast.Tuple)
                kinds += handler.type.elts if several else [handler.type]  # type: ignore
            if any(
                k is None or dotted(k).rpartition(".")[2] in _CATCH_KEYS for k in kinds
            ):
                found.append((item.body[0].lineno, item.body[-1].end_lineno or 0))
    return found


def _targets(node: ast.expr) -> list[ast.expr]:
    """The targets of an assignment, one by one."""
    return list(node.elts) if isinstance(node, ast.Tuple | ast.List) else [node]


def _mentions(node: ast.AST, names: set[str]) -> bool:
    """Whether an expression uses one of the names."""
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Name) and item.id in names:
            return True
        if isinstance(item, ast.Attribute) and dotted(item) in names:
            return True
        stack += children(item)
    return False


def _check_of_call(item: ast.Call, taken: set[str], made: BodyRead) -> int:
    """A call that validates what was read."""
    name = dotted(item.func)
    last = name.rpartition(".")[2]
    args = [*item.args, *(keyword.value for keyword in item.keywords)]
    if not any(_mentions(arg, taken) for arg in args):
        return 0
    if last in SCHEMAS or last.startswith(("validate_", "_validate", "check_payload")):
        made.evidence = item.lineno
        made.none_checked = True
        return 3
    spreads = any(keyword.arg is None for keyword in item.keywords)
    if spreads and last[:1].isupper():
        made.evidence = item.lineno
        return 3
    if last in {"fullmatch", "match"}:
        return 2
    return 0


def _check_of_test(test: ast.expr, taken: set[str], made: BodyRead) -> int:
    """A branch on what was read: its kind and bounds, or only its presence."""
    if not _mentions(test, taken):
        return 0
    if _mentions(test, {made.name}):
        made.none_checked |= _tests_none(test, made.name)
    level = 1
    if _denies(test):
        made.asked = True
    stack: list[ast.AST] = [test]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Call):
            last = dotted(item.func).rpartition(".")[2]
            if last in _CHECKS and any(_mentions(arg, taken) for arg in item.args):
                # How long something is says nothing of what it is.
                level = max(level, 1 if last == "len" and not made.asked else 2)
        if isinstance(item, ast.Compare):
            ordered = isinstance(item.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            chosen = isinstance(item.ops[0], ast.In | ast.NotIn) and _mentions(
                item.left, taken
            )
            sized = isinstance(item.left, ast.Call) and dotted(item.left.func) == "len"
            plain = isinstance(item.left, ast.Constant) or (sized and not made.asked)
            if (ordered or chosen) and not plain:
                level = 2
        stack += children(item)
    return level


def _denies(test: ast.expr) -> bool:
    """Whether a test, or a part of it, asks if something is missing, or what it is."""
    return any(
        isinstance(each, ast.UnaryOp)
        or (isinstance(each, ast.Call) and dotted(each.func) == "isinstance")
        for each in ast.walk(test)
    )


def _tests_none(test: ast.expr, name: str) -> bool:
    """Whether a test asks if the body is there, or is a mapping."""
    stack: list[ast.AST] = [test]
    while stack:
        item = stack.pop()
        match item:
            case ast.UnaryOp(op=ast.Not(), operand=operand) if dotted(operand) == name:
                return True
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()]):
                if dotted(left) == name:
                    return True
            case ast.Call(args=[first, *_]) if dotted(item.func) == "isinstance":
                if dotted(first) == name:
                    return True
            case ast.BoolOp(values=values):
                stack += values
                if any(dotted(each) == name for each in values):
                    return True
            case ast.UnaryOp(operand=operand):
                stack.append(operand)
    return dotted(test) == name


def _use(item: ast.AST, made: BodyRead) -> None:
    """Remember the first use that fails when the body is not a mapping."""
    if made.used_line:
        return
    if isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute):
        if dotted(item.func.value) == made.name and item.func.attr in {"get", "items"}:
            made.used_line = item.lineno
    elif isinstance(item, ast.Subscript) and dotted(item.value) == made.name:
        made.used_line = item.lineno
    elif isinstance(item, ast.Compare) and isinstance(item.ops[0], ast.In | ast.NotIn):
        if dotted(item.comparators[0]) == made.name:
            made.used_line = item.lineno
