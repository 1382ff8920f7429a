"""Walk one file's syntax tree once and keep what rules ask for."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from waddlegen.facts import bodies, exempt, failopen, lenient, markup, sql
from waddlegen.facts.expressions import children, dotted, strings, value_of
from waddlegen.facts.python import (
    Assign,
    Call,
    Class,
    Compare,
    FailOpen,
    Function,
    Handler,
    Import,
    Literal,
    Loop,
    Parameter,
    PythonFile,
    Return,
    Suppression,
    Value,
)

Visit = Callable[["_Collector", Any], None]

_SUPPRESSION = re.compile(
    r"#\s*waddlegen:\s*ignore\[([A-Z0-9, *]+)\]"
    r"(?:\s+reason=[\"']([^\"'\n]*)[\"'])?(?:\s+until=(\d{4}-\d{2}-\d{2}))?"
)
_INTERESTING = re.compile(
    r"://|^(?:AKIA|ASIA|gh[pousr]_|github_pat_|xox[abprs]-|sk[-_]|rk_live|pk_live|AIza|"
    r"eyJ|ya29\.|SG\.|glpat-|npm_|dop_v1_|Basic |Bearer |oauth:)|PRIVATE KEY"
)


def collect(text: str, path: str) -> PythonFile:
    """The facts of one file; a file that cannot be read has a problem and no facts."""
    found = PythonFile(path, text.count("\n") + 1)
    found.suppressions = suppressions(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        _Collector(found).collect(tree)
    except SyntaxError as error:
        found.problem = f"not Python 3: {error.msg}"
        found.problem_line = max(error.lineno or 1, 1)
    except (RecursionError, MemoryError):
        found.problem = "nested too deeply to be read"
    except ValueError as error:
        found.problem = f"not readable: {error}"
    return found


def suppressions(text: str) -> list[Suppression]:
    """The comments that ask for findings to be ignored, in any kind of file."""
    if "waddlegen:" not in text:
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _SUPPRESSION.search(line)
        if match:
            codes = tuple(code.strip() for code in match[1].split(","))
            own = not line[: match.start()].strip()
            found.append(
                Suppression(number, codes, match[2] or "", match[3] or "", own)
            )
    return found


class _Collector:
    """One walk over one tree, with what surrounds the node being looked at."""

    def __init__(self, found: PythonFile) -> None:
        """Start outside every function."""
        self.found = found
        self.stack: list[Function] = []
        self.numbers: list[int] = []
        self.nodes: list[ast.AST] = []
        self.classes: list[Class] = []
        self.loops: list[Loop] = []
        self.handlers: list[Handler] = []
        self.guards: list[str] = []
        self.tries: list[list[Handler]] = []
        self.marks: dict[int, tuple[bool, bool, str]] = {}
        self.uses: dict[int, str] = {}
        self.optional = 0
        self.typing = 0
        self.perhaps = 0
        self.docs: set[int] = set()

    def collect(self, tree: ast.Module) -> None:
        """Visit everything, then look closer at the functions that deserve it."""
        module = Function("<module>", "<module>", 1, self.found.lines, 1)
        self.found.documented = _is_documented(tree.body)
        self._enter(module, tree)
        self._note_docs(tree)
        for statement in tree.body:
            self.visit(statement)
        constants = sql.written_in(module)
        if not self.found.is_test:  # whose bodies and SQL are nobody's request
            for function, node in zip(self.found.functions, self.nodes, strict=True):
                self._look_closer(function, node, constants)
        for assign in module.assigns:
            if assign.value.kind in {"str", "bytes", "num", "list", "dict", "call"}:
                self.found.constants[assign.target] = assign.value

    def _look_closer(
        self, function: Function, node: ast.AST, constants: dict[str, str]
    ) -> None:
        """Run the analyses that need a whole function at once."""
        calls = {call.last for call in function.calls}
        if sql.hands_over(function, constants):
            function.sql = sql.statements(node, function, constants)
        if sql.may_compose(function):
            function.fragments, function.passes = sql.composed(node, function)
        if bodies.READS & function.names or bodies.METHODS & calls:
            function.bodies = bodies.reads(node)
        if bodies.may_borrow(function):
            function.borrowed = bodies.borrowed(node)
        body = getattr(node, "body", None)
        if isinstance(body, list) and failopen.is_check(function, calls):
            below = failopen.branches_of(body)
            function.fails_open += failopen.openings(node, body, function, below)
            function.fails_open += lenient.lenient(function, below)
        if not exempt.ASKS.isdisjoint(function.names):
            function.exempt = exempt.exemptions(node, function)
        if exempt.may_be_asked(function):
            function.exempt += exempt.predicate(node)

    def visit(self, node: ast.AST) -> None:
        """Visit a node by its kind."""
        known = _VISITS.get(type(node))
        if known is not None:
            known(self, node)
        else:
            for child in children(node):
                self.visit(child)

    def _below(self, node: ast.AST) -> None:
        """Visit what is below a node."""
        for child in children(node):
            self.visit(child)

    def _enter(self, function: Function, node: ast.AST) -> None:
        """Make a function the one that facts belong to."""
        self.stack.append(function)
        self.numbers.append(len(self.found.functions))
        self.found.functions.append(function)
        self.nodes.append(node)

    def _note_docs(self, node: Any) -> None:
        """Remember texts that stand alone: docstrings, of attributes too."""
        for each in node.body:
            if isinstance(each, ast.Expr):
                self.docs.add(id(each.value))

    # -- definitions -------------------------------------------------------------

    def _FunctionDef(self, node: Any) -> None:
        """A function: its own facts, and a scope for those of its body."""
        names = [*(each.name for each in self.classes), node.name]
        if self.stack[-1].parent >= 0:
            names.insert(0, self.stack[-1].qualname)
        args = node.args
        decorators = [self._decorator(each) for each in node.decorator_list]
        for each in node.decorator_list:
            self.visit(each)
        function = Function(
            node.name,
            ".".join(names),
            node.lineno,
            node.end_lineno or node.lineno,
            min([node.lineno, *(each.lineno for each in node.decorator_list)]),
            is_async=isinstance(node, ast.AsyncFunctionDef),
            cls=self.classes[-1].name if self.classes else "",
            parent=self.numbers[-1],
            nested=self.stack[-1].name != "<module>",
            documented=_is_documented(node.body),
            parameters=tuple(_parameters(args)),
            returns_annotation=dotted(node.returns) if node.returns else "",
            decorators=decorators,
            trivial=_is_trivial(node.body),
        )
        function.overload = any(d.last == "overload" for d in decorators)
        for default in (*args.defaults, *args.kw_defaults):
            if default is not None:
                self.visit(default)
        saved = self.loops, self.handlers, self.guards, self.classes, self.tries
        self.loops, self.handlers, self.guards, self.classes = [], [], [], []
        self.tries = []
        self._note_docs(node)
        self._enter(function, node)
        for child in node.body:
            self.visit(child)
        self.stack.pop()
        self.numbers.pop()
        self.loops, self.handlers, self.guards, self.classes, self.tries = saved

    _AsyncFunctionDef = _FunctionDef

    def _Lambda(self, node: ast.Lambda) -> None:
        """A lambda runs later and elsewhere: its calls are not those of the function."""
        function = Function(
            "<lambda>",
            "<lambda>",
            node.lineno,
            node.end_lineno or node.lineno,
            node.lineno,
            parent=self.numbers[-1],
            nested=True,
        )
        saved = self.loops, self.handlers, self.guards
        self.loops, self.handlers, self.guards = [], [], []
        self._enter(function, node)
        if isinstance(node.body, ast.Constant):
            function.returns.append(Return(node.lineno, value_of(node.body)))
        self.visit(node.body)
        self.stack.pop()
        self.numbers.pop()
        self.loops, self.handlers, self.guards = saved

    def _ClassDef(self, node: ast.ClassDef) -> None:
        """A class: its bases and fields; its methods follow as functions."""
        made = Class(
            node.name,
            node.lineno,
            tuple(dotted(base) for base in node.bases),
            _is_documented(node.body),
            decorators=tuple(
                dotted(each.func if isinstance(each, ast.Call) else each)
                for each in node.decorator_list
            ),
        )
        self.found.classes.append(made)
        before = len(self.stack[-1].assigns)
        self._note_docs(node)
        self.classes.append(made)
        for child in (*node.decorator_list, *node.keywords, *node.body):
            self.visit(child)
        self.classes.pop()
        made.fields = tuple(self.stack[-1].assigns[before:])

    def _decorator(self, node: ast.expr) -> Call:
        """A decorator as a call, with or without arguments."""
        if isinstance(node, ast.Call):
            call = _call(node)
            call.end_line = node.end_lineno or node.lineno
            return call
        name = dotted(node)
        return Call(
            name,
            node.lineno,
            node.col_offset + 1,
            end_line=node.end_lineno or node.lineno,
            last=name.rpartition(".")[2],
        )

    # -- imports -----------------------------------------------------------------

    def _Import(self, node: ast.Import) -> None:
        """`import a.b as c`."""
        for each in node.names:
            self._imported(each.name, "", each.asname or each.name, node, 0)

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from a import b as c`."""
        for each in node.names:
            alias = each.asname or each.name
            self._imported(node.module or "", each.name, alias, node, node.level)

    def _imported(
        self, module: str, name: str, alias: str, node: ast.stmt, level: int
    ) -> None:
        """Keep one imported name."""
        optional = self.optional > 0
        self.found.imports.append(
            Import(module, name, alias, node.lineno, optional, level, self.typing > 0)
        )

    # -- statements --------------------------------------------------------------

    def _Expr(self, node: ast.Expr) -> None:
        """A statement that is an expression: a call whose result is dropped."""
        value = node.value
        if isinstance(value, ast.Call):
            self.marks[id(value)] = (False, True, "")
        elif isinstance(value, ast.Await) and isinstance(value.value, ast.Call):
            self.marks[id(value.value)] = (True, True, "")
        elif isinstance(value, ast.Attribute) and value.attr.startswith("assert_"):
            self.stack[-1].asserts.append(Return(node.lineno, value_of(value)))
        elif isinstance(value, ast.Tuple) and {401, 403} & set(
            value_of(value).statuses
        ):
            self.stack[-1].fails_open.append(FailOpen(node.lineno, "", "unreturned"))
        self.visit(value)

    def _Assign(self, node: ast.Assign) -> None:
        """`a = b = value`."""
        if len(self.stack) == 1:
            self._keep_table(dotted(node.targets[0]), node.value)
        for target in node.targets:
            self._given(target, node.value, node)
            if not isinstance(target, ast.Name):
                self.visit(target)
        self._named(node.value, dotted(node.targets[0]))

    def _keep_table(self, name: str, node: ast.expr) -> None:
        """Keep a table or a collection of texts that the file itself holds."""
        if not isinstance(node, _HOLDERS):
            return
        if isinstance(node, ast.List | ast.Tuple):
            pairs = _pairs(node)
            if pairs:
                self.found.pairs[name] = pairs
        rows = _rows(node)
        if rows:
            self.found.tables[name] = rows
        elif isinstance(node, ast.Dict):
            schema = _schema(node)
            if schema:
                self.found.schemas[name] = schema
        elif isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Call):
            listed = exempt.texts(node)
            if listed:
                self.found.listed[name] = listed

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        """`a: kind = value`."""
        if len(self.stack) == 1 and node.value is not None:
            self._keep_table(dotted(node.target), node.value)
        summary = value_of(node.value)
        kind = dotted(node.annotation)
        self.stack[-1].assigns.append(
            Assign(
                node.lineno,
                _target(node.target),
                summary,
                node.col_offset + 1,
                annotation=kind,
                fallback=_fallback(node.value),
                of=_between(node.annotation),
            )
        )
        if node.value is not None:
            self._named(node.value, dotted(node.target))

    def _AugAssign(self, node: ast.AugAssign) -> None:
        """`a += value`."""
        self.stack[-1].assigns.append(
            Assign(
                node.lineno,
                _target(node.target),
                value_of(node.value),
                node.col_offset + 1,
                augmented=True,
                keys=_key_names(node.target),
            )
        )
        self.visit(node.target)
        self.visit(node.value)

    def _NamedExpr(self, node: ast.NamedExpr) -> None:
        """`(a := value)`."""
        self._given(node.target, node.value, node)
        self._named(node.value, node.target.id)

    def _given(self, target: ast.expr, value: ast.expr, node: Any) -> None:
        """Keep what a target is given; pairs of tuples one by one."""
        if isinstance(target, _SEVERAL):
            matched = (
                value.elts
                if isinstance(value, ast.Tuple | ast.List)
                and len(value.elts) == len(target.elts)
                else [value] * len(target.elts)
            )
            for one, given in zip(target.elts, matched, strict=True):
                self._given(one, given, node)
            return
        made = Assign(
            node.lineno, _target(target), value_of(value), node.col_offset + 1
        )
        made.keys = _key_names(target)
        made.fallback = _fallback(value)
        self.stack[-1].assigns.append(made)

    def _named(self, value: ast.expr, target: str) -> None:
        """Visit a value, telling a call in it where its result goes."""
        if isinstance(value, ast.Call):
            self.marks[id(value)] = (False, False, target)
        elif isinstance(value, ast.Await) and isinstance(value.value, ast.Call):
            self.marks[id(value.value)] = (True, False, target)
        self.visit(value)

    def _Delete(self, node: ast.Delete) -> None:
        """`del a[b]`."""
        self.stack[-1].deletes += [dotted(each) for each in node.targets]
        self._below(node)

    def _Return(self, node: ast.Return) -> None:
        """What a function answers."""
        function = self.stack[-1]
        handler = self.handlers[-1] if self.handlers else None
        texts = strings(node.value) if node.value is not None else ()
        made = Return(node.lineno, value_of(node.value), handler, texts)
        if node.value is None:
            made.value = Value("none", "")
        function.returns.append(made)
        if node.value is not None:
            self.visit(node.value)

    def _Raise(self, node: ast.Raise) -> None:
        """What a function raises."""
        handler = self.handlers[-1] if self.handlers else None
        self.stack[-1].raises.append(Return(node.lineno, value_of(node.exc), handler))
        self._below(node)

    def _Assert(self, node: ast.Assert) -> None:
        """What a test asserts."""
        self._used(node.test, "tested")
        test, value = node.test, value_of(node.test)
        if _always_holds(test):
            value = Value("bool", "True")
        elif _is_itself(test):
            value = Value("same", value.text, value.names)
        elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.IsNot):
            if value_of(test.comparators[0]).kind == "none":
                value = Value("present", dotted(test.left), value.names)
        self.stack[-1].asserts.append(
            Return(
                *(node.lineno, value, None, strings(test)),
                *(self.perhaps > 0, self._swallowed()),
            )
        )
        self._below(node)

    def _swallowed(self) -> int:
        """The line of the clause that catches what an assertion raises here, and goes on."""
        for made in reversed(self.tries):
            for handler in made:
                if handler.broad or "AssertionError" in handler.types:
                    fails = any("fail" in name for name in handler.body_calls)
                    silent = handler.does in {"pass", "log"} and not fails
                    return handler.line if silent else 0
        return 0

    def _Global(self, node: Any) -> None:
        """Names that belong to the file."""
        self.stack[-1].globals += tuple(node.names)

    def _Yield(self, node: Any) -> None:
        """A generator."""
        self.stack[-1].yields = True
        self._below(node)

    _YieldFrom = _Yield

    def _If(self, node: ast.If) -> None:
        """A branch; one for type checkers holds imports that never happen."""
        test = dotted(node.test)
        typing = test.rpartition(".")[2] == "TYPE_CHECKING"
        version = _asks_version(node.test)
        if len(self.stack) == 1 and isinstance(node.test, ast.Compare):
            self.found.main_guard |= dotted(node.test.left) == "__name__"
            if dotted(node.test.left) == "__name__":
                self._main(node)
                return
        names = value_of(node.test).names
        perhaps = not node.orelse and any("status" in name for name in names)
        self.stack[-1].tested.update(names)
        self._used(node.test, "tested")
        self.stack[-1].asks.add(node.test.lineno)
        if type(node.test) is ast.BoolOp and lenient.always(node.test):
            self.stack[-1].fails_open.append(
                FailOpen(node.lineno, " ".join(names), "always")
            )
        self.visit(node.test)
        self.typing += typing
        self.optional += version
        self.perhaps += perhaps
        for child in node.body:
            self.visit(child)
        self.perhaps -= perhaps
        self.typing -= typing
        for child in node.orelse:
            self.visit(child)
        self.optional -= version

    def _IfExp(self, node: ast.IfExp) -> None:
        """A choice between two values: what it asks is tested as well."""
        self.stack[-1].tested.update(value_of(node.test).names)
        self._used(node.test, "tested")
        self._below(node)

    def _main(self, node: ast.If) -> None:
        """What runs only as a script."""
        function = Function(
            "<main>",
            "<main>",
            node.lineno,
            node.end_lineno or node.lineno,
            node.lineno,
            parent=0,
        )
        self._enter(function, node)
        for child in node.body:
            self.visit(child)
        self.stack.pop()
        self.numbers.pop()

    def _Try(self, node: Any) -> None:
        """A guarded part, and the clauses that guard it."""
        made = [_handler(each) for each in node.handlers]
        caught = [t.rpartition(".")[2] for h in made for t in h.types or ("*",)]
        optional = bool(
            {"ImportError", "ModuleNotFoundError", "Exception", "*"} & set(caught)
        )
        self.stack[-1].handlers += made
        self.guards += caught
        self.optional += optional
        self.tries.append(made)
        for child in node.body:
            self.visit(child)
        self.tries.pop()
        self.optional -= optional
        del self.guards[len(self.guards) - len(caught) :]
        for handler, clause in zip(made, node.handlers, strict=True):
            self.handlers.append(handler)
            self.optional += optional
            for child in clause.body:
                self.visit(child)
            self.optional -= optional
            self.handlers.pop()
        for child in (*node.orelse, *node.finalbody):
            self.visit(child)

    _TryStar = _Try

    def _For(self, node: Any) -> None:
        """A loop: what it goes over is looked at once, its body often."""
        if type(node) is ast.For:
            self._used(node.iter, "gone through")
        self.visit(node.iter)
        self.visit(node.target)
        loop = Loop(node.lineno, value_of(node.iter), _loop_target(node.target))
        if isinstance(node, ast.AsyncFor):
            loop.kind = "async"
        self.stack[-1].loops.append(loop)
        rows = _rows(node.iter)
        if rows:
            self.found.tables[f"for:{node.lineno}"] = rows
        self.loops.append(loop)
        for child in node.body:
            self.visit(child)
        self.loops.pop()
        for child in node.orelse:
            self.visit(child)

    _AsyncFor = _For

    def _While(self, node: ast.While) -> None:
        """A loop without an end of its own."""
        self._used(node.test, "tested")
        self.loops.append(Loop(node.lineno, value_of(node.test), "", "while"))
        self._below(node)
        self.loops.pop()

    def _ListComp(self, node: Any) -> None:
        """A comprehension: its element is worked out once for each item."""
        first: ast.comprehension = node.generators[0]
        if not first.is_async:
            self._used(first.iter, "gone through")
        self.visit(first.iter)
        loop = Loop(node.lineno, value_of(first.iter), dotted(first.target))
        if first.is_async:
            loop.kind = "async"
        self.stack[-1].loops.append(loop)
        self.loops.append(loop)
        self.visit(first.target)
        for test in first.ifs:
            self.visit(test)
        for child in children(node):
            if child is not first:
                self.visit(child)
        self.loops.pop()

    _SetComp = _DictComp = _GeneratorExp = _ListComp

    def _With(self, node: Any) -> None:
        """Contexts: their names guard what is inside."""
        names = []
        for item in node.items:
            target = dotted(item.optional_vars) if item.optional_vars else ""
            if isinstance(item.context_expr, ast.Call):
                self.marks[id(item.context_expr)] = (True, False, target)
                names.append(f"with:{dotted(item.context_expr.func)}")
            self.visit(item.context_expr)
            if target:
                summary = value_of(item.context_expr)
                self.stack[-1].assigns.append(Assign(node.lineno, target, summary))
        self.guards += names
        for child in node.body:
            self.visit(child)
        if names:
            del self.guards[-len(names) :]

    _AsyncWith = _With

    # -- expressions -------------------------------------------------------------

    def _Call(self, node: ast.Call) -> None:
        """One call, with what surrounds it."""
        call = _call(node)
        mark = self.marks.pop(id(node), None)
        if mark is not None:
            call.awaited, call.bare, call.target = mark
        call.use = self.uses.pop(id(node), "")
        if self.loops:
            call.loop = self.loops[-1]
        if self.handlers:
            call.handler = self.handlers[-1]
        if self.guards:
            call.guarded = tuple(self.guards)
        function = self.stack[-1]
        function.calls.append(call)
        if call.last in ("exit", "_exit") and function.name == "<module>":
            self.found.exits_at_import = self.found.exits_at_import or call.line
        if call.last == "get" and call.receiver.endswith("headers"):
            self._header(call.args, call.line)
        func = node.func
        if type(func) is ast.Attribute:
            if func.attr == "format" and type(func.value) is ast.Constant:
                function.markup += markup.raw_arguments(node)
            function.names.add(call.name)
            value = func.value
            while type(value) is ast.Attribute:
                value = value.value
            if type(value) is not ast.Name:
                if func.attr not in _OF_COROUTINES:
                    self._used(value, "looked into")
                self.visit(func.value)
            else:
                function.names.add(call.receiver)
        elif type(func) is not ast.Name:
            self.visit(func)
        taken = call.last in _TAKE_VALUES
        for child in node.args:
            if type(child) is ast.Name:  # as many are
                function.names.add(child.id)
                continue
            if taken and type(child) is ast.Call:
                self.uses[id(child)] = call.last
            self.visit(child)
        for keyword in node.keywords:
            if type(keyword.value) in (ast.BoolOp, ast.IfExp) and keyword.arg:
                self._chosen(keyword.arg, keyword.value)
            self.visit(keyword.value)

    def _chosen(self, name: str, value: ast.expr) -> None:
        """A choice that ends with a constant, and what it is given to."""
        last = _fallback(value)
        if last:
            place = (value.lineno, name, value_of(value), value.col_offset + 1)
            self.stack[-1].choices.append(Assign(*place, fallback=last))

    def _Dict(self, node: ast.Dict) -> None:
        """The entries of a mapping that are texts under a text."""
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                text = getattr(value, "value", None)
                if isinstance(key.value, str) and isinstance(text, str):
                    self.stack[-1].entries.append(
                        Assign(
                            key.lineno,
                            key.value,
                            Value("str", text[:400]),
                            key.col_offset + 1,
                        )
                    )
                if isinstance(key.value, str):
                    if type(value) in (ast.BoolOp, ast.IfExp):
                        self._chosen(key.value, value)
                    self.stack[-1].keys.append((node.lineno, key.value, key.lineno))
                    if type(value) is ast.Name or _makes_object(value):
                        held = Assign(key.lineno, key.value, value_of(value))
                        self.stack[-1].holds.append(held)
                if key.value == "timeout":
                    self._timeout(node, key, value)
            if key is not None:
                self.visit(key)
            self.visit(value)

    def _timeout(self, node: ast.Dict, key: ast.expr, value: ast.expr) -> None:
        """What a mapping gives as `timeout`."""
        self.stack[-1].timeouts.append(
            Assign(key.lineno, str(node.lineno), value_of(value), key.col_offset + 1)
        )

    def _header(self, args: tuple[Value, ...], line: int) -> None:
        """A header of the request is read."""
        if args and args[0].kind in {"str", "name", "subscript"}:
            self.stack[-1].headers.append((args[0].text, line))

    def _Await(self, node: ast.Await) -> None:
        """An awaited call, or a name that holds what is awaited."""
        if isinstance(node.value, ast.Call):
            mark = self.marks.get(id(node.value), (True, False, ""))
            self.marks[id(node.value)] = (True, mark[1], mark[2])
        elif isinstance(node.value, ast.Name):
            self.stack[-1].awaits.add(node.value.id)
        self.visit(node.value)

    def _Compare(self, node: ast.Compare) -> None:
        """A comparison; equality is kept, and what is looked for in something."""
        kind, right = type(node.ops[0]), node.comparators[0]
        if kind in (ast.Eq, ast.NotEq):
            self.stack[-1].compares.append(_compare(node))
        elif kind in (ast.In, ast.NotIn) and type(right) not in _DISPLAYS:
            if type(node.left) is not ast.Constant:
                self.stack[-1].lookups.append(_compare(node))
        for child in (node.left, *node.comparators):
            self._used(child, "compared")
            self.visit(child)

    def _used(self, node: ast.expr, how: str) -> None:
        """Remember what is done with the result of a call; `not` and `and` pass it on."""
        kind = type(node)
        if kind is ast.Call:
            self.uses[id(node)] = how
        elif kind is ast.UnaryOp:
            self._used(node.operand, how)  # type: ignore[attr-defined]
        elif kind is ast.BoolOp:
            for each in node.values:  # type: ignore[attr-defined]
                self._used(each, how)
        elif how == "tested" and (kind is ast.Name or kind is ast.Attribute):
            self.stack[-1].truths.add(dotted(node))

    def _Attribute(self, node: ast.Attribute) -> None:
        """A dotted name that is used."""
        function = self.stack[-1]
        name = dotted(node)
        function.names.add(name)
        value = node.value
        while type(value) is ast.Attribute:
            value = value.value
        if type(value) is not ast.Name:
            self._used(value, "looked into")
            self.visit(value)

    def _Name(self, node: ast.Name) -> None:
        """A name that is used."""
        self.stack[-1].names.add(node.id)

    def _Subscript(self, node: ast.Subscript) -> None:
        """A key that is looked up; headers are worth knowing."""
        base = dotted(node.value)
        if base.endswith("headers") and isinstance(node.slice, ast.Constant):
            self.stack[-1].headers.append((str(node.slice.value), node.lineno))
        if base.endswith("environ") and isinstance(node.slice, ast.Constant):
            if isinstance(node.ctx, ast.Load):
                self.stack[-1].environ.append((str(node.slice.value), node.lineno))
        elif isinstance(node.ctx, ast.Load):
            self._keyed(base, node)
        if type(node.value) is ast.Name:
            self.stack[-1].subscripted.add(base)
            key = node.slice
            if isinstance(key, ast.Constant) and isinstance(node.ctx, ast.Load):
                self.stack[-1].subscripted.add(f"{base}[{key.value!s}]")
        else:
            self._used(node.value, "looked into")
        self.visit(node.value)
        self.visit(node.slice)

    def _keyed(self, base: str, node: ast.Subscript) -> None:
        """A key that may be the name of a variable of the environment."""
        key = node.slice
        if isinstance(key, ast.Constant):
            text = key.value
            if isinstance(text, str) and text.isupper():
                self.stack[-1].keyed.append((base, text, node.lineno))
        elif isinstance(key, ast.Name) and "env" in base.lower():
            self.stack[-1].keyed.append((base, f"\0{key.id}", node.lineno))

    def _Constant(self, node: ast.Constant) -> None:
        """A text of the program that may hold a secret."""
        text = node.value
        if text.__class__ is str and 11 < len(text) and id(node) not in self.docs:
            if _INTERESTING.search(text):
                self.found.literals.append(
                    Literal(
                        node.lineno,
                        node.col_offset + 1,
                        text[:400],
                        self.numbers[-1],
                    )
                )

    def _JoinedStr(self, node: ast.JoinedStr) -> None:
        """A composed text: its constant parts together, then what is put in."""
        parts = [getattr(part, "value", "") for part in node.values]
        whole = "".join(part if isinstance(part, str) else "\0{" for part in parts)
        if _INTERESTING.search(whole):
            self.found.literals.append(
                Literal(node.lineno, node.col_offset + 1, whole[:400], self.numbers[-1])
            )
        if "<" in whole:
            self.stack[-1].markup += markup.raw_parts(node)
        for part in node.values:
            if not isinstance(part, ast.Constant):
                self.visit(part)


# Kept beside the class: a collector that holds its own methods would outlive its file.
_VISITS: dict[type[ast.AST], Visit] = {
    getattr(ast, name[1:]): method
    for name, method in vars(_Collector).items()
    if name[0] == "_" and hasattr(ast, name[1:])
}


# What the methods of a coroutine are called.
_OF_COROUTINES = frozenset({"send", "throw", "close"})
# Functions that make something of a value, and can make nothing of a coroutine.
_TAKE_VALUES = frozenset(
    "bool len str int float list dict tuple set sorted sum min max jsonify "
    "success_response create_response error_response api_response paginate".split()
)


_SEVERAL = (ast.Tuple, ast.List)
_HOLDERS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Call)
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


def _compare(node: ast.Compare) -> Compare:
    """The two sides of a comparison."""
    left, right = value_of(node.left), value_of(node.comparators[0])
    return Compare(node.lineno, node.col_offset + 1, left, right)


def _fallback(value: ast.expr | None) -> str:
    """The constant that a choice ends with: `a or "b"`, `a if a else "b"`."""
    if isinstance(value, ast.BoolOp):
        last = value.values[-1]
    elif isinstance(value, ast.IfExp):
        last = value.orelse
    else:
        return ""
    if not isinstance(last, ast.Constant):
        return ""
    text = last.value
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)


def _always_holds(test: ast.expr) -> bool:
    """Whether a test is true whatever it asks: `x or True`, `len(x) >= 0`."""
    match test:
        case ast.BoolOp(op=ast.Or(), values=values):
            if any(isinstance(v, ast.Constant) and bool(v.value) for v in values):
                return True
            if all(map(_is_there, values)) or _are_opposites(values):
                return True
            return any(_is_looked_into(v, values) for v in values if _is_there(v))
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="object")]):
            return True
        case ast.Compare(
            ops=[ast.In()], comparators=[ast.Tuple() | ast.List() as each]
        ):
            shown = {getattr(e, "value", None) for e in each.elts}
            return {True, False} <= shown and all(
                isinstance(getattr(e, "value", None), bool) for e in each.elts
            )
        case ast.Compare(left=ast.Call() as left, ops=[ast.GtE()], comparators=[other]):
            zero = isinstance(other, ast.Constant) and other.value == 0
            return zero and dotted(left.func) == "len"
        case ast.Tuple(elts=[_, *_]):
            return True  # `assert (x == 1, "why")`
    return False


def _is_there(test: ast.expr) -> bool:
    """Whether a test asks no more than that something is not None."""
    match test:
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
    return False


def _is_looked_into(test: ast.expr, values: list[ast.expr]) -> bool:
    """Whether an alternative before `x is not None` fails where x is None: `x.status == 1`."""
    name = dotted(getattr(test, "left", test))
    before = values[: values.index(test)]
    return any(
        isinstance(each, ast.Attribute | ast.Subscript) and dotted(each.value) == name
        for value in before
        for each in ast.walk(value)
    )


_OPPOSITES = {
    ast.Is: ast.IsNot,
    ast.Eq: ast.NotEq,
    ast.In: ast.NotIn,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
}


def _are_opposites(values: list[ast.expr]) -> bool:
    """Whether two alternatives of a test are the yes and the no to the same question."""
    asked = [v for v in values if isinstance(v, ast.Compare) and len(v.ops) == 1]
    told = {
        (type(v.ops[0]), ast.dump(v.left), ast.dump(v.comparators[0])) for v in asked
    }
    if any((_OPPOSITES.get(op), *sides) in told for op, *sides in told):
        return True
    plain = {ast.dump(v) for v in values}
    return any(
        isinstance(v, ast.UnaryOp)
        and isinstance(v.op, ast.Not)
        and ast.dump(v.operand) in plain
        for v in values
    )


# What holds of a value and itself, and what names a value.
_OF_THE_SAME = (ast.Eq, ast.Is, ast.GtE, ast.LtE)
_PLAIN = (ast.Name, ast.Attribute, ast.Subscript)


def _is_itself(test: ast.expr) -> bool:
    """Whether a test compares a name, or a part of it, with the very same."""
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], _OF_THE_SAME):
        return False
    sides = (test.left, test.comparators[0])
    plain = isinstance(sides[0], _PLAIN) and isinstance(sides[1], _PLAIN)
    return plain and ast.dump(sides[0]) == ast.dump(sides[1])


def _makes_object(node: ast.expr) -> bool:
    """Whether an expression calls what is named as classes are."""
    if type(node) is not ast.Call:
        return False
    last = dotted(node.func).rpartition(".")[2]
    return last[:1].isupper()


def _between(annotation: ast.expr) -> str:
    """What stands between the brackets of an annotation."""
    if isinstance(annotation, ast.Subscript):
        return dotted(annotation.slice)
    return ""


def _asks_version(test: ast.expr) -> bool:
    """Whether a test asks which Python, or which platform, this is."""
    left = test.left if isinstance(test, ast.Compare) else None
    if isinstance(left, ast.Subscript):
        left = left.value
    return left is not None and dotted(left) in {"sys.version_info", "sys.platform"}


def _pairs(node: ast.List | ast.Tuple) -> tuple[tuple[str, str], ...]:
    """The entries that are a name and a text."""
    return tuple(
        (dotted(name), text.value)
        for each in node.elts
        if isinstance(each, ast.Tuple) and len(each.elts) == 2
        for name, text in [each.elts]
        if isinstance(name, ast.Name | ast.Attribute)
        and isinstance(text, ast.Constant)
        and isinstance(text.value, str)
    )


def _rows(node: ast.expr) -> tuple[tuple[Value, ...], ...]:
    """A table's rows: those of a list of tuples, or the pairs of a mapping."""
    if isinstance(node, ast.Dict):
        rows: list[list[ast.expr | None]] = [
            list(pair) for pair in zip(node.keys, node.values, strict=True)
        ]
    elif isinstance(node, ast.List | ast.Tuple):
        rows = [list(e.elts) for e in node.elts if isinstance(e, ast.Tuple | ast.List)]
        if len(rows) != len(node.elts):
            return ()
    else:
        return ()
    if not rows or len(rows) > _MOST_ROWS or not _names_something(rows[0]):
        return ()
    return tuple(tuple(value_of(each) for each in row) for row in rows)


def _names_something(row: Sequence[ast.AST | None]) -> bool:
    """Whether a row holds a text and something that the program defines."""
    kinds = {type(each) for each in row}
    return ast.Constant in kinds and bool({ast.Name, ast.Attribute, ast.Call} & kinds)


def _schema(node: ast.Dict) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """The fields of a mapping of mappings: each with its line, and the keys below it."""
    return tuple(
        (key.value, key.lineno, tuple(map(_key, value.keys)))
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant)
        and isinstance(key.value, str)
        and isinstance(value, ast.Dict)
    )


def _key(node: ast.expr | None) -> str:
    """A key that is a text."""
    return str(node.value) if isinstance(node, ast.Constant) else ""


# A longer table is data, and no list of views.
_MOST_ROWS = 80


def _loop_target(node: ast.expr) -> str:
    """What a loop names: one name, or several with commas."""
    if isinstance(node, ast.Tuple):
        return ",".join(dotted(each) for each in node.elts)
    return dotted(node)


def _call(node: ast.Call) -> Call:
    """Summarise a call."""
    keywords: dict[str, Value] = {}
    spread: list[Value] = []
    for keyword in node.keywords:
        if keyword.arg is None:
            spread.append(value_of(keyword.value))
        else:
            keywords[keyword.arg] = value_of(keyword.value)
    star = False
    args: list[Value] = []
    for arg in node.args:
        if type(arg) is ast.Starred:
            star = True
            inner = value_of(arg.value)
            args.append(Value("star", inner.text, inner.names, inner.statuses))
        else:
            args.append(value_of(arg))
    name = dotted(node.func)
    return Call(
        name,
        node.lineno,
        node.col_offset + 1,
        tuple(args),
        keywords,
        star,
        bool(spread),
        end_line=node.end_lineno or node.lineno,
        last=name.rpartition(".")[2],
        spread=tuple(spread),
    )


def _target(node: ast.expr) -> str:
    """A target's dotted name; a subscript with a constant key names the key."""
    if isinstance(node, ast.Subscript):
        key = node.slice
        text = str(key.value) if isinstance(key, ast.Constant) else "*"
        return f"{dotted(node.value)}[{text}]"
    return dotted(node)


def _key_names(node: ast.expr) -> tuple[str, ...]:
    """The names inside the key of a subscript."""
    return value_of(node.slice).names if isinstance(node, ast.Subscript) else ()


def _parameters(args: ast.arguments) -> list[Parameter]:
    """The parameters of a function, in the order of their definition."""
    made: list[Parameter] = []
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [
        *([None] * (len(positional) - len(args.defaults))),
        *args.defaults,
    ]
    for arg, default in zip(positional, defaults, strict=True):
        made.append(_parameter(arg, "positional", default))
    for parameter in made[: len(args.posonlyargs)]:
        parameter.by_place = True
    if args.vararg:
        made.append(_parameter(args.vararg, "star", None))
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        made.append(_parameter(arg, "keyword", default))
    if args.kwarg:
        made.append(_parameter(args.kwarg, "double_star", None))
    return made


def _parameter(arg: ast.arg, kind: str, default: ast.expr | None) -> Parameter:
    """One parameter."""
    annotation = dotted(arg.annotation) if arg.annotation else ""
    if isinstance(arg.annotation, ast.Constant):
        annotation = str(arg.annotation.value)
    given = value_of(default) if default is not None else None
    return Parameter(arg.arg, kind, annotation, given)


def _is_documented(body: list[ast.stmt]) -> bool:
    """Whether a body begins with a docstring."""
    first = body[0] if body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return False
    return isinstance(first.value.value, str)


def _is_trivial(body: list[ast.stmt]) -> bool:
    """Whether a body does nothing: a docstring, `pass`, `...` or NotImplementedError."""
    for node in body:
        if isinstance(node, ast.Pass):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Raise) and "NotImplemented" in dotted(node.exc):
            continue
        return False
    return True


def _handler(node: ast.ExceptHandler) -> Handler:
    """Summarise an `except` clause by what it does."""
    kinds: tuple[str, ...] = ()
    if isinstance(node.type, ast.Tuple):
        kinds = tuple(dotted(each) for each in node.type.elts)
    elif node.type is not None:
        kinds = (dotted(node.type),)
    made = Handler(node.lineno, kinds, node.name or "", "other")
    calls: list[str] = []
    stack: list[ast.AST] = list(reversed(node.body))
    first = True
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Raise):
            made.raises = True
        elif isinstance(item, ast.Return) and made.returns is None:
            made.returns = value_of(item.value)
            made.result_line = item.lineno
            made.declines = any(
                isinstance(each, ast.Constant) and each.value in (False, None)
                for each in (ast.walk(item.value) if item.value else ())
            )
            if item.value is None:
                made.returns = Value("none", "")
        elif isinstance(item, ast.Call):
            name = dotted(item.func)
            calls.append(name)
            head = name.lower()
            last = head.rpartition(".")[2]
            made.whispers = last == "debug" and len(calls) == 1
            made.logs |= "log" in head.rpartition(".")[0] or last in {
                "print",
                "print_exc",
                "exception",
                "capture_exception",
                "warn",
            }
            made.logs |= last.startswith(("log_", "_log"))
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            stack += reversed(children(item))
        first = False
    made.body_calls = tuple(calls[:20])
    made.last_line = node.body[-1].end_lineno or node.lineno
    silent = all(
        isinstance(each, ast.Pass | ast.Continue | ast.Break)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in node.body
    )
    if silent and not first:
        made.does = "pass"
    elif made.raises:
        made.does = "raise"
    elif made.returns is not None:
        made.does = "return"
    elif made.logs:
        made.does = "log"
    return made
