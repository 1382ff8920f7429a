"""What is written into the HTML of a page as it is: JSON, and texts of somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Call, Function, PythonFile, Value
from waddlegen.findings import Problem
from waddlegen.measures import serves_html
from waddlegen.rules.database import is_sent
from waddlegen.source import ModuleSource

_PAGE = re.compile(
    r"<\s*(!doctype|html|head|body|script|div|span|p|h\d|section)\b", re.I
)
_SCRIPT = re.compile(r"<script|\bdata-[\w-]+=", re.IGNORECASE)
_COMPOSED = frozenset({"fstring", "concat", "format"})
_FILLS = frozenset({"format", "replace", "substitute", "safe_substitute"})
_CHANGED = re.compile(r"dumps\(\)\.(replace|translate)|escape|htmlsafe|tojson|saniti")


def json_in_pages(module: ModuleSource) -> Iterator[Problem]:
    """Where JSON becomes part of a page as it is."""
    writers = _writers(module)
    if not module.calls_by_name.get("dumps"):
        return
    for file, function in module.functions():
        lines = dict.fromkeys(
            line
            for line, value in (*_texts(function), *_filled(module, file, function))
            if _shows_json(file, function, value, writers)
        )
        for line in lines:
            message = (
                "JSON does not escape `</script>`: what somebody wrote can end the script and"
                " begin his own; replace `<` by \\u003c, or use Jinja's tojson"
            )
            yield module.problem(file, line, message)


def _writers(module: ModuleSource) -> frozenset[str]:
    """The names of functions that answer with JSON as it is."""
    found = {"dumps"}
    for _, function in module.functions():
        if any(_is_dumps(r.value.text, found) for r in function.returns):
            if not any(
                _CHANGED.search(n) for r in function.returns for n in r.value.names
            ):
                found.add(function.name)
    return frozenset(found)


def _is_dumps(name: str, writers: set[str] | frozenset[str]) -> bool:
    """Whether a name is of what writes JSON."""
    name = name.removesuffix(".decode").removesuffix("()")
    receiver, _, last = name.rpartition(".")
    if last == "dumps":
        return not receiver or "json" in receiver.lower()
    return last in writers


def _texts(function: Function) -> Iterator[tuple[int, Value]]:
    """What a function puts together with a script in it."""
    values = [(each.line, each.value) for each in function.returns]
    values += [(each.line, each.value) for each in function.assigns]
    for call in function.calls:
        values += [(call.line, value) for value in call.args]
        values += [(call.line, value) for value in call.keywords.values()]
    for line, value in values:
        if value.kind in _COMPOSED and _SCRIPT.search(value.text):
            yield line, value


def _filled(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[tuple[int, Value]]:
    """What is put into a page that is a constant of the module."""
    for call in function.calls:
        if call.last not in _FILLS or not _is_page(module, file, call.receiver):
            continue
        given = call.args[1:] if call.last == "replace" else call.args
        for value in (*given, *call.keywords.values()):
            yield call.line, value


def _is_page(module: ModuleSource, file: PythonFile, name: str) -> bool:
    """Whether a name is a constant that holds a page, here or where it comes from."""
    last = name.removesuffix("()").rpartition(".")[2]
    if last in _FILLS:  # PAGE.replace(...).replace(...)
        return _is_page(module, file, name.removesuffix("()").rpartition(".")[0])
    if not last.lstrip("_").isupper():
        return False
    given = file.constants.get(last)
    places = [given] if given else [f.constants.get(last) for f in module.python]
    return any(each is not None and _PAGE.search(each.text) for each in places)


def _shows_json(
    file: PythonFile, function: Function, value: Value, writers: frozenset[str]
) -> bool:
    """Whether a value is JSON of something that the program did not write itself."""
    if any(_CHANGED.search(name) for name in value.names):
        return False
    for place, name in enumerate(value.names):
        if _is_dumps(name, writers):
            if _is_of_others(function, name, value.names[place + 1 : place + 2]):
                return True
        for assign in function.assigns:
            made = assign.value
            if assign.target == name and made.kind == "call":
                if _is_dumps(made.text, writers):
                    if not any(_CHANGED.search(each) for each in made.names):
                        return _is_of_others(function, made.names[0], made.names[1:2])
    return False


def _is_of_others(function: Function, name: str, given: tuple[str, ...]) -> bool:
    """Whether a call that writes JSON is given more than numbers and constants."""
    numbers = {p.name for p in function.parameters if p.annotation in {"int", "float"}}
    return any(
        _is_open(call, numbers)
        for call in function.calls
        if call.name == name and call.args and call.args[0].names[:1] == given[:1]
    )


def _is_open(call: Call, numbers: set[str]) -> bool:
    """Whether what a call is given first may hold any text."""
    names = [
        name
        for name in call.args[0].names
        if not name.rpartition(".")[2].lstrip("_").isupper()
    ]
    return any(name not in numbers for name in names)


_TAG = re.compile(r"<(html|body|div|span|p|li|td|h\d|a|b|script)\b", re.IGNORECASE)


def sent_markup(module: ModuleSource) -> Iterator[Problem]:
    """HTML of a view that is put together with what the request brought."""
    if serves_html(module) is None:
        return
    for route in module.routes:
        function = route.function
        for assign in function.assigns:
            value = assign.value
            if value.kind not in _COMPOSED or not _TAG.search(value.text):
                continue
            if any("escape" in module.code.origin(route.file, n) for n in value.names):
                continue
            for name in value.names:
                if is_sent(module, function, Value("name", name, (name,)), 4):
                    message = f"`{name}` becomes part of the page unescaped"
                    yield module.problem(route.file, assign.line, message)
                    break


_NO_PAGE = re.compile(
    r"mail|telegram|discord|feed|rss|atom|export|markdown", re.IGNORECASE
)


def raw_markup(module: ModuleSource) -> Iterator[Problem]:
    """Texts of somebody in HTML that a function makes for a view, here or further up."""
    if serves_html(module) is None:
        return
    views = {id(route.function) for route in module.routes}
    for file, function in module.functions():
        if not function.markup or _NO_PAGE.search(f"{file.path} {function.name}"):
            continue
        escaped = _is_escaped_beside(module, file, function)
        if escaped or _leads_to_a_view(module, function, views, 3):
            for line, name in dict(function.markup).items():
                message = f"`{name}` becomes part of the page unescaped"
                yield module.problem(file, line, message)


def _is_escaped_beside(
    module: ModuleSource, file: PythonFile, function: Function
) -> bool:
    """Whether the functions that make HTML beside this one escape, and it does not."""
    if any(_ESCAPES.search(call.name) for call in function.calls):
        return False
    return any(
        each is not function
        and each.name.partition("_")[0] == function.name.partition("_")[0]
        and any(
            _ESCAPES.search(call.name)
            and re.search(r"^(html|markupsafe)\b", module.code.origin(file, call.name))
            for call in each.calls
        )
        for each in file.functions
    )


_ESCAPES = re.compile(r"(^|\.)escape$|escape_html|html_escape|^esc$|^e$|clean|saniti")


def _users_of_tables(
    module: ModuleSource, home: Function, name: str
) -> Iterator[Function]:
    """The functions that pick from a table in which a file has put another by its name."""
    tables = {
        assign.target
        for assign in home.assigns
        if assign.value.kind in {"dict", "list"} and name in assign.value.names
    }
    for _, other in module.functions() if tables else ():
        if other.name != "<module>" and tables & {
            each.rpartition(".")[2] for each in other.names
        }:
            yield other


def _leads_to_a_view(
    module: ModuleSource, function: Function, views: set[int], depth: int
) -> bool:
    """Whether a function is a view, or is used by one."""
    if id(function) in views:
        return True
    users = {id(f): f for f, _ in module.calls_by_name.get(function.name, ())}
    for _, other in module.functions() if depth else ():
        if function.name in other.names:
            users[id(other)] = other
        if function.name in other.names and other.name == "<module>":
            users |= {id(f): f for f in _users_of_tables(module, other, function.name)}
    users.pop(id(function), None)
    return depth > 0 and any(
        _leads_to_a_view(module, each, views, depth - 1) for each in users.values()
    )
