"""Summarise expressions: dotted names, and what stands inside them."""

from __future__ import annotations

import ast

from waddlegen.facts.python import NOTHING, Value

LONGEST = 400
_MANY = 24
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}
_SKIPPED = frozenset(
    "ctx op ops type_comment kind type_ignores id attr arg name asname level conversion"
    " is_async simple".split()
)


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below one, contexts and operators left out."""
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = tuple(name for name in node._fields if name not in _SKIPPED)
        _FIELDS[kind] = fields
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if value.__class__ is list:
            # A list holds nodes alone, or names, or gaps between nodes.
            if value and None not in value and value[0].__class__ is not str:
                found += value
            elif value:
                found += [item for item in value if isinstance(item, ast.AST)]
        elif value is not None and isinstance(value, ast.AST):
            found.append(value)
    return found


def dotted(node: ast.AST | None) -> str:
    """The dotted spelling of a name, attribute, call or subscript chain."""
    if type(node) is ast.Name:  # as most are
        return node.id
    parts: list[str] = []
    while node is not None:
        kind = type(node)
        if kind is ast.Attribute:
            parts.append(node.attr)  # type: ignore[attr-defined]
            node = node.value  # type: ignore[attr-defined]
        elif kind is ast.Name:
            parts.append(node.id)  # type: ignore[attr-defined]
            break
        elif kind is ast.Call:
            inner = dotted(node.func)  # type: ignore[attr-defined]
            parts.append(f"{inner}()")
            break
        elif kind is ast.Await:
            node = node.value  # type: ignore[attr-defined]
        elif kind is ast.Subscript:
            parts.append(f"{dotted(node.value)}[]")  # type: ignore[attr-defined]
            break
        elif kind is ast.Constant:
            parts.append("''")
            break
        else:
            parts.append("?")
            break
    parts.reverse()
    return ".".join(parts)


def inside(node: ast.AST) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The dotted names and the status-like numbers inside an expression."""
    names: list[str] = []
    statuses: list[int] = []
    stack = [node]
    while stack and len(names) < _MANY:
        item = stack.pop()
        kind = type(item)
        if kind is ast.Name:
            names.append(item.id)  # type: ignore[attr-defined]
        elif kind is ast.Attribute:
            names.append(dotted(item))
            value = item.value  # type: ignore[attr-defined]
            while type(value) is ast.Attribute:
                value = value.value
            if type(value) is not ast.Name:
                stack.append(value)
        elif kind is ast.Constant:
            value = item.value  # type: ignore[attr-defined]
            if value.__class__ is int and 100 <= value <= 599:
                statuses.append(value)
        elif kind is ast.Call:
            for keyword in reversed(item.keywords):  # type: ignore[attr-defined]
                stack.append(keyword.value)
            stack += reversed(item.args)  # type: ignore[attr-defined]
            stack.append(item.func)  # type: ignore[attr-defined]
        elif kind is ast.Await or kind is ast.Starred:
            stack.append(item.value)  # type: ignore[attr-defined]
        elif kind is ast.Subscript:
            stack.append(item.slice)  # type: ignore[attr-defined]
            stack.append(item.value)  # type: ignore[attr-defined]
        elif kind is ast.Compare:
            stack += reversed(item.comparators)  # type: ignore[attr-defined]
            stack.append(item.left)  # type: ignore[attr-defined]
        else:
            stack += reversed(children(item))
    return tuple(names), tuple(statuses)


def strings(node: ast.AST) -> tuple[str, ...]:
    """Every text written inside an expression."""
    found: list[str] = []
    stack = [node]
    while stack and len(found) < 40:
        item = stack.pop()
        kind = type(item)
        if kind is ast.Constant:
            text = item.value  # type: ignore[attr-defined]
            if text.__class__ is str:
                found.append(text[:LONGEST])
        elif kind is ast.Attribute or kind is ast.Await:
            stack.append(item.value)  # type: ignore[attr-defined]
        elif kind is not ast.Name:
            stack += reversed(children(item))
    return tuple(found)


def value_of(node: ast.AST | None) -> Value:
    """Summarise an expression."""
    if node is None:
        return NOTHING
    kind = type(node)
    if kind is ast.Constant:
        return _constant(node.value)  # type: ignore[attr-defined]
    if kind is ast.Name:
        name = node.id  # type: ignore[attr-defined]
        return Value("name", name, (name,))
    if kind is ast.Attribute:
        name = dotted(node)
        if "()" in name or "[]" in name:
            names, statuses = inside(node)
            return Value("name", name, names, statuses)
        return Value("name", name, (name,))
    names, statuses = inside(node)
    if kind is ast.Call:
        return Value("call", dotted(node.func), names, statuses)  # type: ignore[attr-defined]
    if kind is ast.Await:
        return Value("await", dotted(node.value), names, statuses)  # type: ignore[attr-defined]
    if kind is ast.JoinedStr:
        return Value("fstring", template(node), names, statuses)
    if kind is ast.BinOp:
        return Value(_operation(node), template(node), names, statuses)  # type: ignore[arg-type]
    if kind is ast.Dict:
        keys = [
            repr(key.value).strip("'") if isinstance(key, ast.Constant) else "*"
            for key in node.keys  # type: ignore[attr-defined]
        ]
        return Value("dict", ",".join(map(str, keys)), names, statuses)
    if kind in (ast.List, ast.Tuple, ast.Set):
        items = node.elts  # type: ignore[attr-defined]
        texts = [str(i.value) for i in items if isinstance(i, ast.Constant)]
        return Value("list", ",".join(texts), names, statuses)
    if kind is ast.Subscript:
        key = node.slice  # type: ignore[attr-defined]
        text = repr(key.value).strip("'") if isinstance(key, ast.Constant) else "*"
        base = dotted(node.value)  # type: ignore[attr-defined]
        return Value("subscript", f"{base}[{text}]", names, statuses)
    if kind is ast.UnaryOp and isinstance(node.operand, ast.Constant):  # type: ignore[attr-defined]
        return _constant(node.operand.value)  # type: ignore[attr-defined]
    return Value("other", kind.__name__, names, statuses)


def _constant(value: object) -> Value:
    """Summarise a constant."""
    if isinstance(value, str):
        return Value("str", value[:LONGEST])
    if isinstance(value, bytes):
        return Value("bytes", value[:LONGEST].decode("latin-1"))
    if isinstance(value, bool):
        return Value("bool", str(value))
    if value is None:
        return Value("none", "")
    if isinstance(value, int):
        within = (value,) if 100 <= value <= 599 else ()
        # Python refuses to spell out endless numbers.
        return Value("num", str(value) if value.bit_length() < 64 else "?", (), within)
    return Value("num", "0.5" if isinstance(value, float) else "?")


def _operation(node: ast.BinOp) -> str:
    """Tell text put together by `%` or `+` from arithmetic."""
    if isinstance(node.op, ast.Mod) and _is_text(node.left):
        return "format"
    if isinstance(node.op, ast.Add) and (_is_text(node.left) or _is_text(node.right)):
        return "concat"
    return "other"


def _is_text(node: ast.AST) -> bool:
    """Whether an operand is written as text."""
    for _ in range(50):
        if not isinstance(node, ast.BinOp):
            break
        if _is_leaf_text(node.right):
            return True
        node = node.left
    return _is_leaf_text(node)


def _is_leaf_text(node: ast.AST) -> bool:
    """Whether a node is a text constant or an f-string."""
    if isinstance(node, ast.JoinedStr):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def template(node: ast.AST) -> str:
    """The constant parts of a composed text, `{}` for the others."""
    parts: list[str] = []
    stack: list[ast.AST] = [node]
    while stack and len(parts) < 60:
        item = stack.pop()
        if isinstance(item, ast.Constant):
            text = item.value
            parts.append(text[:LONGEST] if isinstance(text, str) else "{}")
        elif isinstance(item, ast.JoinedStr):
            stack += reversed(item.values)
        elif isinstance(item, ast.BinOp) and isinstance(item.op, ast.Add):
            stack += [item.right, item.left]
        elif isinstance(item, ast.BinOp) and isinstance(item.op, ast.Mod):
            stack.append(item.left)
        else:
            parts.append("{}")
    return "".join(parts)[: LONGEST * 2]
