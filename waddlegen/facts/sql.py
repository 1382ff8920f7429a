"""Find the SQL of a function, and which parts of it come from elsewhere.

A part is clean when it can only be what the program itself wrote: constants, placeholders,
names from literal lists, numbers, choices that were checked against a literal list.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Set
from types import MappingProxyType

from waddlegen.facts.expressions import children, dotted, inside, template
from waddlegen.facts.python import Call, Function, Sql, SqlPart, Value

SINKS = frozenset(
    "execute executemany executesql executescript fetch fetchrow fetchval fetchall "
    "fetchone fetch_one fetch_all fetch_val execute_query execute_raw raw_query raw query "
    "text execute_sql run_query executesql_async execute_async iterate prepare".split()
)
_STATEMENT = re.compile(
    r"^\s*(?:--[^\n]*\n\s*)*\(?\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|"
    r"TRUNCATE|MERGE|REPLACE|GRANT|CALL|EXPLAIN|COPY|SET|REFRESH|LISTEN|NOTIFY)\b",
    re.IGNORECASE,
)
_NUMBERS = frozenset("int float len bool round abs ord hash max min sum".split())
_TEXTS = frozenset(
    "join format upper lower strip replace rstrip lstrip title casefold capitalize "
    "partition rpartition split rsplit removeprefix removesuffix quote_ident "
    "quote_identifier Identifier SQL".split()
)
_QUOTERS = frozenset({"quote_ident", "quote_identifier", "Identifier", "quote_literal"})
_REQUEST = re.compile(
    r"(^|\.)request\.|get_json|\.args\.|\.form\b|\.json\b|^(data|body|payload|json|params)$"
)
_CHECKS = ("validate", "check_", "ensure", "sanitize", "require_", "assert_")
_DEPTH = 12


# What says beyond doubt that a text is SQL, whichever function takes it.
_SPELLED = re.compile(
    r"^\s*\(?(SELECT\s[\s\S]*?\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|"
    r"DELETE\s+FROM\s)|^\{\}\s+(ORDER BY|WHERE|GROUP BY|LIMIT|AND)\s",
)
_NO_SINK = re.compile(
    r"^(append|extend|format|join|debug|info|warning|error|critical|exception|log|print|"
    r"startswith|compile|search|match|fullmatch|sub|strip|replace|split|text|dedent|len)$|"
    r"Error$|Exception$"
)


def written_in(function: Function) -> dict[str, str]:
    """The names that are given SQL, and the SQL: those of a file are its constants."""
    return {
        each.target: each.value.text
        for each in function.assigns
        if each.value.kind in _WRITTEN and _SPELLED.match(each.value.text)
    }


def hands_over(function: Function, constants: Mapping[str, str]) -> bool:
    """Whether a function may hand SQL to a database, or to what hands it on."""
    named = {*written_in(function), *constants}
    return any(may_be_given(call, named) for call in function.calls)


def may_be_given(call: Call, named: Set[str]) -> bool:
    """Whether a call is given SQL; `named` are the names that hold some."""
    if call.last in SINKS:
        return True
    if not call.args:
        return False
    kind, text, names, _ = call.args[0]
    if kind == "name":
        last = text.rpartition(".")[2]
        return text in _SQL_NAMES or text in named or last in named
    if kind not in _WRITTEN:
        return False
    return _SPELLED.match(text) is not None or not named.isdisjoint(names[:1])


_WRITTEN = frozenset({"str", "fstring", "concat", "format"})
_SQL_NAMES = frozenset("sql query stmt statement paged".split())


def statements(
    node: ast.AST, function: Function, constants: Mapping[str, str]
) -> list[Sql]:
    """Every SQL text the function hands to a database."""
    scope = _Scope(node, function, constants)
    found = []
    for call in scope.sinks:
        text = _sql_argument(call)
        if text is None:
            continue
        whole = scope.text_of(text)
        known = dotted(call.func).rpartition(".")[2] in SINKS
        if not (_STATEMENT if known else _SPELLED).match(whole):
            continue
        parts = tuple(dict.fromkeys(scope.unclean(text, 0)))
        line = scope.line_of(text) if parts else call.lineno
        end = call.end_lineno or call.lineno
        made = Sql(line, dotted(call.func), whole, parts, end)
        made.written = line if parts else scope.written(text, call.lineno)
        if whole.lstrip()[:6].upper() == "UPDATE":
            made.worked_out = tuple(_worked_out(call, text))
        found.append(made)
    return found


def _worked_out(call: ast.Call, text: ast.expr) -> Iterator[str]:
    """The names of which a call works out what it is given beside its SQL."""
    stack: list[ast.AST] = [arg for arg in call.args if arg is not text]
    stack += [k.value for k in call.keywords if k.value is not text]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.BinOp) and isinstance(item.op, ast.Add | ast.Sub):
            yield from inside(item)[0]
        elif isinstance(item, ast.Call) and dotted(item.func) in {"max", "min"}:
            yield from inside(item)[0]
        elif isinstance(item, ast.List | ast.Tuple | ast.Dict | ast.Starred):
            stack += children(item)


# A part of a statement with a gap in it, where no value may stand.
_FRAGMENT = re.compile(
    r"\b(ORDER BY|GROUP BY|LIMIT|OFFSET)\s[^%$?]*\{\}|\bI?LIKE\s*\(?'[^']*\{\}|"
    r"\b(WHERE|AND|OR|SET)\s[^'{}]*(=|IN)\s*\(?'[^']*\{\}|"
    r"^\{\} (=|<|>|<=|>=|!=|I?LIKE|\{\}) (%s|\$|:|\?)|"
    r"^\s*(SELECT|UPDATE|DELETE\s+FROM|INSERT\s+INTO)\s[\w\s,.*()]*\{\}"
)
_COMPOSED = frozenset({"fstring", "concat", "format"})
# What SQLAlchemy takes for SQL as it is, though it be no whole statement.
_RAW = frozenset({"text", "literal_column"})


def may_compose(function: Function) -> bool:
    """Whether a function may make a part of a statement, or answer with what it was given."""
    if any(_may_pass(function, each.value) for each in function.returns):
        return True
    return any(
        "{}" in value.text and _FRAGMENT.search(value.text)
        for value in _composed_in(function)
    ) or any(
        call.last in _RAW and call.args and call.args[0].kind not in {"str", "num"}
        for call in function.calls
    )


def _may_pass(function: Function, value: Value) -> bool:
    """Whether what a function answers may be made of the text of a parameter."""
    if not (_is_textual(value) or value.kind == "name"):
        return False
    held = {
        each.name
        for each in function.parameters
        if each.annotation not in _NUMBERS and each.name not in {"self", "cls"}
    }
    if not held:
        return False
    for assign in function.assigns:
        if _is_textual(assign.value) and not held.isdisjoint(assign.value.names):
            held.add(assign.target)
    return not held.isdisjoint(value.names) or _splits(function)


def _is_textual(value: Value) -> bool:
    """Whether an expression makes a text of texts, or chooses one."""
    if value.kind in _COMPOSED or value.text in {"IfExp", "BoolOp"}:
        return True
    return value.kind == "call" and value.text.rpartition(".")[2] in _TEXTS


def _splits(function: Function) -> bool:
    """Whether a function takes a parameter apart into several names."""
    names = {each.name for each in function.parameters}
    return any(
        call.last in {"partition", "rpartition", "split", "rsplit"}
        and call.receiver in names
        for call in function.calls
    )


def _composed_in(function: Function) -> Iterator[Value]:
    """The composed texts that a function answers with, keeps, adds to a list or hands on."""
    values = [each.value for each in function.returns]
    values += [each.value for each in function.assigns]
    yield from (value for value in values if value.kind in _COMPOSED)
    for call in function.calls:
        adds = call.last in _ADDS and bool(call.args)
        given = call.args[-1:] if adds else (*call.args, *call.keywords.values())
        made = [value for value in given if value.kind in _COMPOSED]
        if made and (adds or not _NO_SINK.search(call.last)):
            yield from made


_ADDS = frozenset({"append", "insert", "extend"})


def composed(node: ast.AST, function: Function) -> tuple[list[Sql], tuple[str, ...]]:
    """The parts of SQL that a function makes, and the parameters it answers as they came."""
    scope = _Scope(node, function)
    found = []
    for text in scope.texts():
        whole = scope.text_of(text)
        if _FRAGMENT.search(whole):
            parts = tuple(dict.fromkeys(scope.unclean(text, 0)))
            if parts:
                end = text.end_lineno or text.lineno
                found.append(Sql(scope.line_of(text), "", whole, parts, end))
    found += _raw(scope)
    passed = [name for each in scope.returned for name in scope.passed(each)]
    return found, tuple(dict.fromkeys(passed))


def _raw(scope: _Scope) -> Iterator[Sql]:
    """What SQLAlchemy is told to take as it is, where it is no whole statement."""
    for call in scope.sinks_of(_RAW):
        whole = scope.text_of(call.args[0])
        if not _STATEMENT.match(whole):
            parts = tuple(dict.fromkeys(scope.unclean(call.args[0], 0)))
            if parts:
                end = call.end_lineno or call.lineno
                yield Sql(call.lineno, "text", whole, parts, end)


def _sql_argument(call: ast.Call) -> ast.expr | None:
    """The argument that holds the SQL; that of text() is seen through."""
    arg: ast.expr | None = call.args[0] if call.args else None
    for keyword in call.keywords:
        if keyword.arg in {"query", "sql", "statement"}:
            arg = keyword.value
    return _inside_text(arg) if arg is not None else None


def _inside_text(node: ast.expr) -> ast.expr:
    """What SQLAlchemy's text() is given, or the expression itself."""
    if isinstance(node, ast.Call) and node.args:
        if dotted(node.func).rpartition(".")[2] == "text":
            return node.args[0]
    return node


def _key(node: ast.expr) -> str:
    """The text of a constant key."""
    return str(node.value) if isinstance(node, ast.Constant) else "*"


class _Scope:
    """What the names of one function may hold."""

    def __init__(
        self,
        node: ast.AST,
        function: Function,
        constants: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Collect assignments, additions, loops and checks of the function itself."""
        self.function = function
        self.constants = constants
        self.parameters = {p.name: p for p in function.parameters}
        self.values: dict[str, list[ast.expr]] = {}
        self.added: dict[str, list[ast.expr]] = {}
        self.keys: dict[str, list[ast.expr]] = {}
        self.loops: dict[str, list[ast.expr]] = {}
        self.checked: set[str] = set()
        self.sinks: list[ast.Call] = []
        self.calls: list[ast.Call] = []
        self.returned: list[ast.expr] = []
        self.active: set[str] = set()
        self._read(node)

    def _read(self, node: ast.AST) -> None:
        """One pass over the function, those inside it left out."""
        stack = list(reversed(children(node)))
        while stack:
            item = stack.pop()
            if (
                isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                and item is not node
            ):
                continue
            self._note(item)
            stack += reversed(children(item))

    def _note(self, item: ast.AST) -> None:
        """Keep what one node says about a name."""
        if isinstance(item, ast.Assign):
            for target in item.targets:
                self._assigned(target, item.value)
        elif isinstance(item, ast.AnnAssign | ast.NamedExpr) and item.value is not None:
            self._assigned(item.target, item.value)
        elif isinstance(item, ast.AugAssign):
            self.added.setdefault(dotted(item.target), []).append(item.value)
        elif isinstance(item, ast.For | ast.AsyncFor | ast.comprehension):
            self._looped(item.target, item.iter)
        elif isinstance(item, ast.Call):
            self._called(item)
        elif isinstance(item, ast.Compare):
            self._compared(item)
        elif isinstance(item, ast.Return) and item.value is not None:
            self.returned.append(item.value)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        """A name, a key of one, or several names at once."""
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(
                target.elts
            ):
                for one, given in zip(target.elts, value.elts, strict=True):
                    self._assigned(one, given)
                return
            for one in target.elts:
                self._assigned(one, value)
        elif isinstance(target, ast.Subscript):
            self.keys.setdefault(dotted(target.value), []).append(target.slice)
        else:
            self.values.setdefault(dotted(target), []).append(value)

    def _looped(self, target: ast.expr, over: ast.expr) -> None:
        """A loop's names take what the loop goes over; keys of a mapping are keys."""
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(over, ast.Call) and dotted(over.func) == "enumerate":
                if len(target.elts) == 2 and over.args:
                    self._looped(target.elts[1], over.args[0])
                    self.checked.add(dotted(target.elts[0]))
                    return
            rows = over.elts if isinstance(over, ast.Tuple | ast.List) else []
            wide = len(target.elts)
            if rows and all(
                isinstance(r, ast.Tuple) and len(r.elts) == wide for r in rows
            ):
                for place, one in enumerate(target.elts):
                    column = [
                        row.elts[place] for row in rows if isinstance(row, ast.Tuple)
                    ]
                    self._looped(one, ast.Tuple(elts=column))
                return
            for one in target.elts:
                self._looped(one, over)
        else:
            self.loops.setdefault(dotted(target), []).append(over)

    def _called(self, call: ast.Call) -> None:
        """Additions to a list, and calls of a database."""
        name = dotted(call.func)
        last = name.rpartition(".")[2]
        if last in {"append", "add", "insert", "extend"} and call.args:
            self.added.setdefault(name.rpartition(".")[0], []).append(call.args[-1])
        elif last in {
            "isdigit",
            "isidentifier",
            "isalpha",
            "isalnum",
            "fullmatch",
            "match",
        }:
            self.checked.add(name.rpartition(".")[0])
            if last in {"fullmatch", "match"} and call.args:
                self.checked.add(dotted(call.args[-1]))
        elif last.lstrip("_").startswith(_CHECKS):
            self.checked |= {name for arg in call.args for name in inside(arg)[0]}
        if last in _RAW:
            self.calls.append(call)
        if (call.args or call.keywords) and not _NO_SINK.search(last):
            self.sinks.append(call)

    def _compared(self, item: ast.Compare) -> None:
        """`name in CHOICES` and `name not in CHOICES` make a name a choice."""
        if isinstance(item.ops[0], ast.In | ast.NotIn):
            over = item.comparators[0]
            if self._is_choice(over):
                self.checked.add(dotted(item.left))
                if isinstance(item.left, ast.Call) and isinstance(
                    item.left.func, ast.Attribute
                ):
                    self.checked.add(dotted(item.left.func.value))
        elif isinstance(item.ops[0], ast.Eq):
            if isinstance(item.comparators[0], ast.Constant):
                pass

    def _is_choice(self, node: ast.expr) -> bool:
        """Whether something is a fixed set of choices."""
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return all(isinstance(each, ast.Constant) for each in node.elts)
        if isinstance(node, ast.Dict):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "keys":
                return self._is_choice(node.func.value)
        name = dotted(node)
        last = name.rpartition(".")[2]
        if last.lstrip("_").isupper():
            return True
        if re.search(r"allowed|valid|permitted|whitelist|safe|columns|fields", last):
            return last not in self.parameters and "data" not in name
        given = self.values.get(name, [])
        return bool(given) and all(
            isinstance(each, ast.Tuple | ast.List | ast.Set | ast.Dict)
            and self._is_choice(each)
            for each in given
        )

    def sinks_of(self, names: Set[str]) -> Iterator[ast.Call]:
        """The calls of some functions that are given something by its place."""
        for call in self.calls:
            if call.args and dotted(call.func).rpartition(".")[2] in names:
                yield call

    def texts(self) -> Iterator[ast.expr]:
        """What the function puts together: returned, named, added to a list, handed on."""
        stack = [*self.returned]
        for table in (self.values, self.added):
            for given in table.values():
                stack += given
        for call in self.sinks:
            stack += call.args
            stack += [each.value for each in call.keywords]
        while stack:
            item = stack.pop()
            if isinstance(item, ast.List | ast.Tuple):
                stack += item.elts
            elif isinstance(item, ast.ListComp):
                stack.append(item.elt)
            elif isinstance(item, ast.JoinedStr | ast.BinOp):
                yield item
            elif isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute):
                if item.func.attr == "format":
                    yield item

    def passed(self, node: ast.expr) -> Iterator[str]:
        """The parameters whose text an answer holds, unless something judged them."""
        if isinstance(node, ast.Tuple) and node.elts:
            node = node.elts[0]  # a text, and then its values
        yield from self.as_they_came(node)
        for part in self.unclean(node, 0):
            if part.origin == "parameter":
                yield part.name

    def as_they_came(self, node: ast.expr) -> Iterator[str]:
        """The parameters that an expression may be, and that nothing was compared with."""
        if isinstance(node, ast.IfExp):
            yield from self.as_they_came(node.body)
            yield from self.as_they_came(node.orelse)
        elif isinstance(node, ast.BoolOp):
            for each in node.values:
                yield from self.as_they_came(each)
        elif isinstance(node, ast.Name) and node.id in self.parameters:
            if not {node.id} & {*self.checked, *self.values}:
                yield from (part.name for part in self.unclean(node, 0))

    def text_of(self, node: ast.expr) -> str:
        """The constant parts of a text, names followed to what they were given."""
        node = _inside_text(node)
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node)
            given = self.values.get(name, [])
            if not given and name.rpartition(".")[2].lstrip("_").isupper():
                return self.constants.get(name.rpartition(".")[2], "{}")
            if not given or name in self.active:
                return "{}"
            self.active.add(name)
            text = "".join(self.text_of(each) for each in given[:1])
            text += "".join(" " + template(each) for each in self.added.get(name, []))
            self.active.discard(name)
            return text
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in {"format", "strip", "replace"}:
                return self.text_of(node.func.value)
            if node.func.attr == "join" and node.args:
                return self.text_of(node.args[0])
        if isinstance(node, ast.List | ast.Tuple):
            return " ".join(map(self.text_of, node.elts))
        if isinstance(node, ast.IfExp):
            return self.text_of(node.body)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.text_of(node.left) + self.text_of(node.right)
        if isinstance(node, ast.JoinedStr):
            return "".join(map(self.text_of, node.values))
        if isinstance(node, ast.FormattedValue):
            return self.text_of(node.value)
        return template(node)

    def line_of(self, node: ast.expr) -> int:
        """Where a text is put together: here, or where its name was given it."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            if any(True for _ in self.unclean(node.left, 0)):
                return self.line_of(node.left)
        if isinstance(node, ast.JoinedStr):
            for value in node.values:
                if isinstance(value, ast.FormattedValue):
                    if any(True for _ in self.unclean(value.value, 0)):
                        return self._composed_line(value.value)
        if isinstance(node, ast.Call) and node.args:
            pieces = node.args[0]
            if isinstance(pieces, ast.List | ast.Tuple):  # which are joined
                for each in pieces.elts:
                    if any(True for _ in self.unclean(each, 0)):
                        simple = isinstance(each, ast.Name)
                        return each.lineno if simple else self.line_of(each)
        if isinstance(node, ast.Name):
            given = [*self.values.get(node.id, []), *self.added.get(node.id, [])]
            composed = [each for each in given if not isinstance(each, ast.Constant)]
            for each in composed:
                if any(True for _ in self.unclean(each, 0)):
                    simple = isinstance(each, ast.Name)
                    return each.lineno if simple else self.line_of(each)
        return node.lineno

    def _composed_line(self, node: ast.expr) -> int:
        """Where what stands in a gap is put together: there, or where its name got it."""
        given = self.values.get(node.id, []) if isinstance(node, ast.Name) else []
        for each in given:
            call = each.func if isinstance(each, ast.Call) else None
            joined = isinstance(call, ast.Attribute) and call.attr == "join"
            if joined or isinstance(each, ast.JoinedStr):
                if any(True for _ in self.unclean(each, 0)):
                    return self.line_of(each)
        return node.lineno

    def written(self, node: ast.expr, line: int) -> int:
        """Where a text begins to be written: where its name was given it first."""
        while isinstance(node, ast.BinOp):
            node = node.left
        given = self.values.get(node.id, []) if isinstance(node, ast.Name) else []
        return given[0].lineno if given else line

    def unclean(self, node: ast.expr, depth: int) -> Iterator[SqlPart]:
        """The parts of an expression that did not come from the program itself."""
        if depth > _DEPTH:
            return
        node = _inside_text(node)
        match node:
            case ast.Constant():
                return
            case ast.JoinedStr(values=values):
                for each in values:
                    if isinstance(each, ast.FormattedValue):
                        yield from self.unclean(each.value, depth + 1)
            case ast.BinOp(left=left, right=right):
                yield from self.unclean(left, depth + 1)
                yield from self.unclean(right, depth + 1)
            case ast.Tuple(elts=elts) | ast.List(elts=elts) | ast.Set(elts=elts):
                for each in elts:
                    yield from self.unclean(each, depth + 1)
            case ast.Starred(value=value):
                yield from self.unclean(value, depth + 1)
            case ast.Dict(values=values):
                for value in values:
                    yield from self.unclean(value, depth + 1)
            case ast.IfExp(body=body, orelse=orelse):
                yield from self.unclean(body, depth + 1)
                yield from self.unclean(orelse, depth + 1)
            case ast.BoolOp(values=values):
                for each in values:
                    yield from self.unclean(each, depth + 1)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                yield from self.unclean(node.elt, depth + 1)
            case ast.Await(value=value):
                yield from self.unclean(value, depth + 1)
            case ast.Call():
                yield from self._unclean_call(node, depth)
            case ast.Subscript(value=value):
                yield from self._unclean_key(node, value, depth)
            case ast.Name() | ast.Attribute():
                yield from self._unclean_name(node, depth)
            case ast.UnaryOp() | ast.Compare() | ast.Lambda():
                return
            case _:
                return

    def _unclean_key(
        self, node: ast.Subscript, value: ast.expr, depth: int
    ) -> Iterator[SqlPart]:
        """A key of a fixed mapping is clean; one of the request's body is not."""
        name = dotted(value)
        if name.rpartition(".")[2].lstrip("_").isupper():
            return
        given = self.values.get(name, [])
        if given and all(isinstance(each, ast.Dict | ast.List) for each in given):
            for each in given:
                yield from self.unclean(each, depth + 1)
            return
        if dotted(node) in self.checked:
            return
        if self._is_request(value):
            yield SqlPart(name, "request", node.lineno)
        elif name in self.parameters and isinstance(node.slice, ast.Constant):
            yield SqlPart(f"{name}[{_key(node.slice)}]", "field", node.lineno)

    def _unclean_call(self, node: ast.Call, depth: int) -> Iterator[SqlPart]:
        """Numbers and quoted names are clean; what a text method returns is its text."""
        name = dotted(node.func)
        last = name.rpartition(".")[2]
        if name in _NUMBERS or last in _QUOTERS or last in {"bindparam", "range"}:
            return
        if any(k.arg == "type" and dotted(k.value) in _NUMBERS for k in node.keywords):
            return
        if name.startswith("request.") or last == "get_json":
            yield SqlPart(f"{name}()", "request", node.lineno)
            return
        if isinstance(node.func, ast.Attribute):
            if last in _TEXTS:
                yield from self.unclean(node.func.value, depth + 1)
                for arg in node.args:
                    yield from self.unclean(arg, depth + 1)
                for keyword in node.keywords:
                    yield from self.unclean(keyword.value, depth + 1)
                return
            if last in {"keys", "items"}:
                yield from self._unclean_keys(node.func.value, depth)
                return
            if last in {"get", "pop"} and node.args:
                owner = dotted(node.func.value)
                if owner.rpartition(".")[2].lstrip("_").isupper():
                    return
                if self._is_request(node.func.value):
                    yield SqlPart(f"{owner}.{last}()", "request", node.lineno)
                elif owner in self.parameters and isinstance(
                    node.args[0], ast.Constant
                ):
                    yield SqlPart(
                        f"{owner}[{_key(node.args[0])}]", "field", node.lineno
                    )
                return
        if node.args or node.keywords:
            yield SqlPart(name, "made", node.lineno)
        if last in {"sorted", "list", "tuple", "set", "reversed", "str", "map", "repr"}:
            for arg in node.args[-1:]:
                yield from self.unclean(arg, depth + 1)

    def _unclean_keys(self, node: ast.expr, depth: int) -> Iterator[SqlPart]:
        """The keys of a mapping: clean when the function itself wrote them."""
        name = dotted(node)
        if name in self.checked or name.rpartition(".")[2].lstrip("_").isupper():
            return
        given = self.values.get(name, [])
        for key in self.keys.get(name, []):
            if not isinstance(key, ast.Constant):
                yield from self.unclean(key, depth + 1)
        if given:
            for each in given:
                yield from self._mapping_keys(each, depth)
            return
        if name in self.parameters:
            kind = self.parameters[name].kind
            origin = "keywords" if kind == "double_star" else "keys"
            yield SqlPart(name, origin, node.lineno)
        elif self._is_request(node):
            yield SqlPart(name, "request", node.lineno)

    def _mapping_keys(self, node: ast.expr, depth: int) -> Iterator[SqlPart]:
        """The keys of what a name was given."""
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None:
                    yield from self._unclean_keys(value, depth + 1)
            return
        if isinstance(node, ast.DictComp):
            checked = any(
                isinstance(test, ast.Compare)
                and isinstance(test.ops[0], ast.In)
                and self._is_choice(test.comparators[0])
                for generator in node.generators
                for test in generator.ifs
            )
            if not checked:
                for generator in node.generators:
                    yield from self.unclean(generator.iter, depth + 1)
            return
        if self._is_request(node):
            yield SqlPart(dotted(node), "request", node.lineno)

    def _unclean_name(self, node: ast.expr, depth: int) -> Iterator[SqlPart]:
        """A name is as clean as everything it was ever given."""
        name = dotted(node)
        last = name.rpartition(".")[2]
        if name in self.checked or name in self.active or last.lstrip("_").isupper():
            return
        known = [*self.values.get(name, []), *self.added.get(name, [])]
        over = self.loops.get(name, [])
        if known or over:
            self.active.add(name)
            for each in known:
                yield from self.unclean(each, depth + 1)
            for each in over:
                yield from self._unclean_items(each, depth)
            self.active.discard(name)
            return
        if name in self.parameters:
            parameter = self.parameters[name]
            if parameter.annotation.rpartition(".")[2] not in {"int", "float", "bool"}:
                yield SqlPart(name, "parameter", node.lineno)
        elif _REQUEST.search(name):
            yield SqlPart(name, "request", node.lineno)
        elif name.startswith("self."):
            yield SqlPart(name, "attribute", node.lineno)
        elif name.count(".") == 1:
            base = name.partition(".")[0]
            if base in self.parameters or base in self.values:
                yield SqlPart(name, "field", node.lineno)

    def _unclean_items(self, over: ast.expr, depth: int) -> Iterator[SqlPart]:
        """What a loop goes over: literal lists are clean, keys of a body are not."""
        if isinstance(over, ast.Name | ast.Attribute):
            name = dotted(over)
            given = self.values.get(name, [])
            if name in self.parameters and not given:
                yield SqlPart(name, "keys", over.lineno)
                return
            if given and any(isinstance(g, ast.Dict | ast.DictComp) for g in given):
                yield from self._unclean_keys(over, depth)
                return
            if self._is_request(over):
                yield SqlPart(name, "request", over.lineno)
                return
        yield from self.unclean(over, depth + 1)

    def _is_request(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether a value is, or was taken from, what the caller sent."""
        if isinstance(node, ast.Await):
            return self._is_request(node.value, depth)
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if "request." in name or name.endswith("get_json"):
                return True
            return isinstance(node.func, ast.Attribute) and self._is_request(
                node.func.value, depth + 1
            )
        if isinstance(node, ast.Subscript):
            return self._is_request(node.value, depth)
        if isinstance(node, ast.BoolOp):
            return self._is_request(node.values[0], depth)
        name = dotted(node)
        if name.startswith("request."):
            return True
        given = self.values.get(name, [])
        return depth < 4 and any(self._is_request(each, depth + 1) for each in given)
