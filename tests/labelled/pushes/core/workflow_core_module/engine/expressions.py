"""Conditions: a small subset of Python expressions, walked by hand."""

import ast
import operator

MAX_LENGTH = 500

_OPS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}


class ExpressionError(ValueError):
    """Not in the subset, or does not apply to the values."""


class Expression:
    """Parsed expression."""

    def __init__(self, text):
        if len(text) > MAX_LENGTH:
            raise ExpressionError("too long")
        try:
            self.tree = ast.parse(text, mode="eval").body
        except SyntaxError as exc:
            raise ExpressionError("syntax") from exc

    def eval(self, variables):
        """Value for the variables."""
        try:
            return self._walk(self.tree, variables)
        except (TypeError, KeyError, IndexError) as exc:
            raise ExpressionError(str(exc)) from exc

    def _walk(self, node, env):
        """Value of one node."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return env.get(node.id)
        if isinstance(node, ast.Subscript):
            return self._walk(node.value, env)[self._walk(node.slice, env)]
        if isinstance(node, ast.BoolOp):
            want_all = isinstance(node.op, ast.And)
            values = (self._walk(v, env) for v in node.values)
            return all(values) if want_all else any(values)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not self._walk(node.operand, env)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPS:
            return _OPS[type(node.op)](
                self._walk(node.left, env), self._walk(node.right, env)
            )
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            fn = _OPS.get(type(node.ops[0]))
            if fn is not None:
                return fn(
                    self._walk(node.left, env), self._walk(node.comparators[0], env)
                )
        raise ExpressionError(f"{type(node).__name__} is not allowed")


def truth(text, variables):
    """Truth of a condition."""
    return bool(Expression(text).eval(variables))
