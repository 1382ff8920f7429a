"""Views that are added as routes: functions, methods of classes, what a decorator registers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from waddlegen.facts.code import Code, Evidence
from waddlegen.facts.guards import is_guard
from waddlegen.facts.paths import VERBS, method_list, text_of, with_bound, written
from waddlegen.facts.python import Call, Class, Function, PythonFile, Value
from waddlegen.facts.route import Route


def added_routes(code: Code, file: PythonFile) -> Iterator[Route]:
    """Routes made by add_url_rule, for functions and for classes, in a loop or alone."""
    for function in file.functions:
        for call in function.calls:
            if call.last != "add_url_rule":
                continue
            rows = tuple(_rows(code, file, call))
            for bound in rows or ({},):
                path = text_of(file, with_bound(call.argument(0, "rule"), bound))
                view = with_bound(call.argument(2, "view_func"), bound)
                if not bound and _is_given(file, function, call):
                    continue  # made of each view that the function around is given
                if path is not None and view is not None:
                    yield from _views(code, file, _call_with(call, bound), path, view)


def _is_given(file: PythonFile, function: Function, call: Call) -> bool:
    """Whether the path of a route is a parameter of a function around."""
    path = call.argument(0, "rule")
    if path is None or path.kind != "name":
        return False
    while function.parent > 0:
        function = file.functions[function.parent]
        if any(parameter.name == path.text for parameter in function.parameters):
            return True
    return False


def _rows(code: Code, file: PythonFile, call: Call) -> Iterator[dict[str, Value]]:
    """What the names of a loop stand for, one row of its table after the other."""
    if call.loop is None or "," not in call.loop.target:
        return
    rows = file.tables.get(f"for:{call.loop.line}", ())
    over = call.loop.over.text.removesuffix(".items")
    if not rows:
        rows = file.tables.get(over, ())
    if not rows and call.loop.over.names:
        stem, _, name = code.origin(file, over).rpartition(".")
        for other in code.by_stem.get(stem.rpartition(".")[2], ()):
            rows = rows or other.tables.get(name, ())
    names = call.loop.target.split(",")
    for row in rows:
        if len(row) == len(names):
            yield dict(zip(names, row, strict=True))


def _call_with(call: Call, bound: Mapping[str, Value]) -> Call:
    """A call whose `methods` are those of a loop's row."""
    given = call.keywords.get("methods")
    if not bound or given is None:
        return call
    methods = with_bound(given, bound) or given
    return replace(call, keywords={**call.keywords, "methods": methods})


def made_routes(code: Code, file: PythonFile) -> Iterator[Route]:
    """Routes made by a decorator of the module that registers what it wraps."""
    for number, function in enumerate(file.functions):
        for call in function.decorators:
            if "." in call.name or not call.args:
                continue
            for other, index in code.resolve(file, call.name)[:1]:
                made = _registers(other, index)
                if made is not None:
                    yield _made_route(file, number, call, other, index, made)


def _registers(file: PythonFile, number: int) -> Call | None:
    """The call by which a function's inner function adds a route for what it is given."""
    outer = file.functions[number]
    names = {parameter.name for parameter in outer.parameters}
    for inner in file.within(number):
        if inner is outer:
            continue
        for call in inner.calls:
            if call.last in {"add_url_rule", "route"} and call.receiver:
                path = call.argument(0, "rule")
                if path is not None and names & set(path.names):
                    return call
    return None


def _made_route(
    file: PythonFile,
    number: int,
    call: Call,
    maker: PythonFile,
    index: int,
    made: Call,
) -> Route:
    """The route that `@member_route("/events", "POST")` makes of a view."""
    outer, function = maker.functions[index], file.functions[number]
    bound = {p.name: p.default for p in outer.parameters if p.default is not None}
    for place, parameter in enumerate(outer.parameters):
        given = call.argument(place, parameter.name)
        if given is not None and parameter.kind != "star":
            bound[parameter.name] = given
    path = with_bound(made.argument(0, "rule"), bound)
    receiver = bound.get(made.receiver, Value("name", made.receiver)).text
    wraps = [c for inner in maker.within(index) for c in inner.calls if _wraps(c)]
    return Route(
        file,
        number,
        text_of(file, path) or "/{}",
        _methods_given(call),
        call.line,
        (file.path if made.receiver in bound else maker.path, receiver),
        (*function.decorators, *wraps),
        wrapped=(outer.name,),
        guard_line=min(call.end_line + 1, function.line),
        endpoint=function.name,
    )


def _wraps(call: Call) -> bool:
    """Whether a call is given a view to wrap, or makes what will be given one."""
    names = {name for value in call.args for name in value.names}
    return call.last not in {"add_url_rule", "route", "wraps"} and (
        not names or bool(names & _VIEWS) or all(v.kind == "num" for v in call.args)
    )


_VIEWS = frozenset({"f", "fn", "func", "function", "view", "handler", "wrapped"})


def _methods_given(call: Call) -> tuple[str, ...]:
    """The verbs among what a decorator is given; GET when there are none."""
    values = (*call.args[1:], *call.keywords.values())
    texts = [text for value in values for text in value.text.split(",")]
    verbs = tuple(text.upper() for text in texts if text.strip().lower() in VERBS)
    return verbs or ("GET",)


def _views(
    code: Code, file: PythonFile, call: Call, path: str, view: Value
) -> Iterator[Route]:
    """The routes of one add_url_rule: a function, or the methods of a class."""
    names = [view.text, *view.names]
    if view.kind == "call":  # `guard(view)`: the view is what is passed
        names = sorted(names, key=lambda name: name == view.text)
    for function in file.functions:
        for assign in function.assigns:
            if assign.target == view.text and assign.value.text.endswith(".as_view"):
                names.insert(0, assign.value.text)
    target: str = view.text
    for name in names:
        if name.endswith(".as_view"):
            target = name.removesuffix(".as_view")
            yield from _class_views(code, file, call, path, target)
            return
    for name in names:
        for other, number in code.resolve(file, name)[:1]:
            wrapped = (view.text,) if view.kind == "call" else ()
            yield Route(
                other,
                number,
                path,
                method_list(file, call),
                other.functions[number].line,
                (file.path, call.receiver),
                tuple(other.functions[number].decorators),
                wrapped=wrapped,
                guard_line=other.functions[number].line,
                endpoint=written(call.argument(1, "endpoint"))
                or other.functions[number].name,
            )
            return


def _class_views(
    code: Code, file: PythonFile, call: Call, path: str, target: str
) -> Iterator[Route]:
    """The methods of a MethodView; its `decorators` guard each of them."""
    name = target.rpartition(".")[2]
    origin = code.origin(file, name).rpartition(".")[2]
    for other, made in code.classes_named({name, origin}):
        guards = _class_guards(code, other, made, 0)
        home, views = _verbs_of(code, other, made, 0)
        one_by_one = any(function.decorators for _, function in views)
        line, lost = _overridden(code, other, made)
        for number, function in views:
            methods = (
                method_list(file, call)
                if function.name == "dispatch_request"
                else (function.name.upper(),)
            )
            yield Route(
                home,
                number,
                path,
                methods,
                function.line,
                (file.path, call.receiver),
                (*function.decorators, *_calls_in_decorators(other, made)),
                wrapped=guards,
                guard_line=function.line,
                auth=_dispatched(code, other, made, 0),
                class_line=line or (0 if one_by_one else made.line),
                overridden=lost,
            )


def _verbs_of(
    code: Code, file: PythonFile, made: Class, depth: int
) -> tuple[PythonFile, list[tuple[int, Function]]]:
    """The methods that answer requests, of a class or of the base it has them from."""
    verbs = VERBS | {"dispatch_request"}
    views = [
        (number, function)
        for number, function in enumerate(file.functions)
        if function.cls == made.name and function.name in verbs
    ]
    if views or depth > 3:
        return file, views
    for home, base in code.bases(file, made):
        found = _verbs_of(code, home, base, depth + 1)
        if found[1]:
            return found
    return file, []


def _dispatched(
    code: Code, file: PythonFile, made: Class, depth: int
) -> Evidence | None:
    """The check that a class, or one it is made from, puts before each of its methods."""
    verbs = any(f.cls == made.name and f.name in VERBS for f in file.functions)
    for number, function in enumerate(file.functions):
        if function.cls == made.name and function.name == "dispatch_request":
            if (depth or verbs) and code.checks_caller(file, number):
                return Evidence(file.path, function.line, made.name)
    for home, base in code.bases(file, made) if depth < 4 else ():
        found = _dispatched(code, home, base, depth + 1)
        if found is not None:
            return found
    return None


def _class_guards(
    code: Code, file: PythonFile, made: Class, depth: int
) -> tuple[str, ...]:
    """The decorators of a class-based view: its own, those it extends or inherits."""
    own = [each for each in made.fields if each.target == "decorators"]
    guards: list[str] = []
    for name in (name for each in own for name in each.value.names):
        owner, _, last = name.rpartition(".")
        if last != "decorators":
            guards.append(name)
            continue
        for home, base in code.classes_named({owner.rpartition(".")[2]}):
            guards += _class_guards(code, home, base, depth + 1) if depth < 4 else ()
    if not own and depth < 4:
        for home, base in code.bases(file, made):
            guards += _class_guards(code, home, base, depth + 1)
    return tuple(guards)


def _overridden(code: Code, file: PythonFile, made: Class) -> tuple[int, str]:
    """Where a class gives itself other decorators than the guards of its base."""
    own = [each for each in made.fields if each.target == "decorators"]
    if not own or any(n.endswith(".decorators") for e in own for n in e.value.names):
        return 0, ""
    for home, base in code.bases(file, made):
        for name in _class_guards(code, home, base, 1):
            if is_guard(code, home, name):
                return own[0].line, base.name
    return 0, ""


def _calls_in_decorators(file: PythonFile, made: Class) -> Iterator[Call]:
    """The calls in a class's own `decorators`: `[rate_limit(30)]`."""
    own = [each for each in made.fields if each.target == "decorators"]
    if own:
        names = {name for each in own for name in each.value.names}
        for call in file.module.calls:
            if call.name in names and own[0].line <= call.line <= own[0].line + 8:
                yield call
