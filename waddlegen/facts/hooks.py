"""Hooks: checks that run before every request, and whom they let on."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from waddlegen.facts.blueprints import Key, Parents, blueprint_name, blueprint_of
from waddlegen.facts.callers import AUTH, CHECKS, NOT_AUTH
from waddlegen.facts.code import Code, Evidence
from waddlegen.facts.guards import is_guard
from waddlegen.facts.paths import written
from waddlegen.facts.python import Assign, Call, Exempt, Function, PythonFile, Value
from waddlegen.facts.refusals import refuses_caller
from waddlegen.facts.route import Route

_APPS = frozenset({"Quart", "Flask", "QuartTrio", "create_app", "Sanic", "FastAPI"})


class Hook(NamedTuple):
    """A check before every request, the function that makes it, and whom it lets on."""

    evidence: Evidence
    file: PythonFile | None = None
    number: int = 0

    @property
    def exempt(self) -> list[Exempt]:
        """What it lets on without having asked."""
        return self.file.functions[self.number].exempt if self.file else []


_HOOKS = frozenset({"before_request", "before_app_request"})
SOCKET_HOOKS = frozenset({"before_websocket", "before_app_websocket"})
Hooks = dict[Key, list[Hook]]


def hooks_of(code: Code, kinds: frozenset[str] = _HOOKS) -> Hooks:
    """What is checked before every request, by blueprint; the empty name is the app.

    Those for requests do not run for a websocket, which has hooks of its own.
    """
    found: Hooks = {}

    def note(
        file: PythonFile, receiver: str, whole: bool, line: int, made: Made
    ) -> None:
        """Keep a hook for its blueprint, or for every route."""
        key = blueprint_of(code, file, Value("name", receiver, (receiver,)))
        apps = _apps(file)
        blueprint = any(
            call.last == "Blueprint" and call.target == key[1]
            for other in code.files
            if other.path == key[0]
            for call in other.calls
        )
        if whole or not blueprint or receiver in apps:
            key = ("", "")
        name, home, number = made
        hook = Hook(Evidence(file.path, line, name), home, number)
        found.setdefault(key, []).append(hook)

    made: Made
    for file in code.files:
        if file.is_test:
            continue
        for number, function in enumerate(file.functions):
            for call in function.decorators:
                if call.last in kinds or call.last == "middleware":
                    others = [c for c in function.decorators if c is not call]
                    if (
                        code.checks_caller(file, number)
                        or code.forgets(file, number)
                        or any(is_guard(code, file, other.name) for other in others)
                    ):
                        whole = call.last.startswith("before_app")
                        made = (function.name, file, number)
                        note(file, call.receiver, whole, call.line, made)
            for call in function.calls:
                if not (call.bare or call.last in kinds or _FUNCS in call.name):
                    continue
                passed = tuple(_passed(code, function, call, kinds)) or ((file, ""),)
                for caller, name in passed:
                    _called_hook(code, file, function, call, note, caller, name, kinds)
            for assign in function.assigns:
                if _FUNCS in assign.target and kinds is _HOOKS:
                    key = _key_of(assign)
                    owner = (_owner(assign.target), key)
                    _kept_hook(code, file, note, owner, assign.value, assign.line)
                if assign.target.endswith((".asgi_app", ".wsgi_app")):
                    if _refuses_all(code, file, assign.value):
                        made = (assign.value.text, None, 0)
                        note(file, "", True, assign.line, made)
    return found


def _refuses_all(code: Code, file: PythonFile, value: Value) -> bool:
    """Whether what is put around an application refuses strangers: a class, or a function."""
    last = value.text.rpartition(".")[2]
    classes = code.classes_named({last})
    inside = [f for file, made in classes for f in file.functions if f.cls == made.name]
    inside += [f for home, n in code.resolve(file, last) for f in home.within(n)]
    if not inside:
        return bool(AUTH.search(last)) and not NOT_AUTH.search(last)
    return any(
        {401, 403}
        & {s for v in (*call.args, *call.keywords.values()) for s in v.statuses}
        for function in inside
        for call in function.calls
    ) or any(refuses_caller(function) for function in inside)


Made = tuple[str, PythonFile | None, int]


def _passed(
    code: Code, function: Function, call: Call, kinds: frozenset[str]
) -> Iterator[tuple[PythonFile, str]]:
    """Where, and under which name, a function is given the blueprint that it hooks.

    `def install(*blueprints)` goes over them; `def install(blueprint)` is given one.
    """
    if call.last not in kinds:
        return
    over = call.loop is not None and call.loop.target == call.receiver
    name = call.loop.over.text if over and call.loop else call.receiver
    places = {p.name: n for n, p in enumerate(function.parameters)}
    if name not in places:
        return
    parameter = function.parameters[places[name]]
    for file in code.files:
        for other in file.calls:
            if other.last != function.name:
                continue
            given = other.args[places[name] :]
            for value in given if parameter.kind == "star" else given[:1]:
                yield from ((file, each) for each in value.names)


def _called_hook(
    code: Code,
    file: PythonFile,
    function: Function,
    call: Call,
    note: object,
    caller: PythonFile,
    receiver: str,
    kinds: frozenset[str],
) -> None:
    """`bp.before_request(check)` and `install_auth(bp)`.

    `receiver` is what the caller of the function that does it names the blueprint.
    """
    keep = note
    assert callable(keep)
    if _FUNCS in call.name and call.last in {"append", "extend", "insert"}:
        key = next((c for c in function.calls if c.name == _inner(call)), None)
        mapped = key.args[0] if key is not None and key.args else None
        for value in call.args:
            _kept_hook(code, file, keep, (_owner(call.name), mapped), value, call.line)
    elif call.last in kinds and call.args:
        given = call.args[0]
        over = (
            call.loop.over.names if call.loop and call.loop.target == given.text else ()
        )
        for name in over or _named(given):
            found = code.found(file, name)[:3]
            made = [(f, n) for owner, f, n in found if owner.checks_caller(f, n)]
            if made or (not found and AUTH.search(name) and not NOT_AUTH.search(name)):
                whole = call.last.startswith("before_app")
                home = made[0] if made else (None, 0)
                keep(caller, receiver or call.receiver, whole, call.line, (name, *home))
    elif call.bare and call.args and _INSTALLS.search(call.last):
        target = call.args[0]
        is_app = target.text in _apps(file) or target.text == "app"
        is_blueprint = target.kind == "name" and re.search(
            r"bp$|blueprint", target.text
        )
        if (is_app or is_blueprint) and not NOT_AUTH.search(call.last):
            installs = _installs(code, file, call.name, kinds)
            if installs is not None:
                keep(file, target.text, False, call.line, (call.last, *installs))


def _kept_hook(
    code: Code,
    file: PythonFile,
    note: object,
    owner: tuple[str, Value | None],
    value: Value,
    line: int,
) -> None:
    """`app.before_request_funcs[None] = [check]`, or under the name of a blueprint."""
    assert callable(note)
    receiver, key = owner
    blueprint = _constant_of(file, key)
    for name in _named(value):
        for home, number in code.resolve(file, name)[:3]:
            if not code.checks_caller(home, number):
                continue
            made = (name, home, number)
            if blueprint:
                place = _variable_of(code, blueprint)
                if place is not None:
                    note(*place, False, line, made)
            else:
                note(file, receiver, False, line, made)


_FUNCS = "before_request_funcs"


def _owner(name: str) -> str:
    """What the lists of hooks belong to: `app` of `app.before_request_funcs[None]`."""
    return name.partition(f".{_FUNCS}")[0]


def _inner(call: Call) -> str:
    """The call inside a call: that of `setdefault` in `….setdefault(None, []).append(…)`."""
    return call.receiver.removesuffix("()")


def _key_of(assign: Assign) -> Value | None:
    """The key of `funcs["admin"] = […]`, as far as it is written out."""
    text = assign.target.partition("[")[2].rstrip("]")
    if assign.keys:
        return Value("name", assign.keys[0], assign.keys)
    return Value("str", text) if text and text not in {"None", "*"} else None


def _constant_of(file: PythonFile, key: Value | None) -> str:
    """The name of the blueprint that a key is; `api.name` is that of `api`."""
    if key is None or key.kind == "none":
        return ""
    if key.kind == "str":
        return key.text
    variable = key.text.removesuffix(".name")
    for call in file.calls:
        if call.last == "Blueprint" and call.target == variable:
            return written(call.argument(0, "name"))
    return ""


def _variable_of(code: Code, blueprint: str) -> tuple[PythonFile, str] | None:
    """The file and the variable of the blueprint that goes by a name."""
    for file in code.files:
        for call in file.calls:
            if call.last == "Blueprint" and call.target:
                if written(call.argument(0, "name")) == blueprint:
                    return file, call.target
    return None


def _named(value: Value) -> tuple[str, ...]:
    """What a value may call: its own name, and those inside it."""
    own = (value.text,) if value.kind in {"name", "call"} else ()
    return tuple(dict.fromkeys((*own, *value.names)))


_INSTALLS = re.compile(r"auth(?!or(?!i))|protect|require_|guard")


def _installs(
    code: Code, file: PythonFile, name: str, kinds: frozenset[str]
) -> tuple[PythonFile | None, int] | None:
    """The check that a function puts before every request; none when it puts none there.

    What a foreign library does with an application is taken to be that.
    """
    found = code.found(file, name)
    for owner, other, index in found:
        inside = {f.name for f in other.within(index)}
        for number, inner in enumerate(other.functions):
            hooked = inner.name in inside and any(
                call.last in kinds for call in inner.decorators
            )
            if hooked and owner.checks_caller(other, number):
                return other, number
        for call in (c for f in other.within(index) for c in f.calls):
            if call.last in kinds and call.args:
                for home, number in owner.resolve(other, call.args[0].text)[:3]:
                    if owner.checks_caller(home, number):
                        return home, number
    return None if found or kinds is SOCKET_HOOKS else (None, 0)


def _apps(file: PythonFile) -> set[str]:
    """The names an application has in a file."""
    return {call.target for call in file.calls if call.last in _APPS and call.target}


def asks_for_admin(hook: Hook) -> bool:
    """Whether a hook asks for a role by its name: `authenticate(headers, "admin")`."""
    function = hook.file.functions[hook.number] if hook.file else None
    return function is not None and any(
        value.kind == "str" and re.fullmatch(r"(super|global_?)?admin\w*", value.text)
        for call in function.calls
        if AUTH.search(call.last) or CHECKS.search(call.last)
        for value in (*call.args, *call.keywords.values())
    )


def hook_of(code: Code, route: Route, hooks: Hooks, parents: Parents) -> Hook | None:
    """The check that runs before a view, of its blueprint, of those above, or of the app."""
    key = blueprint = route.blueprint
    for other in code.files:
        if other.path == blueprint[0]:
            value = Value("name", blueprint[1], (blueprint[1],))
            key = blueprint_of(code, other, value)
    found: list[Hook] = [*hooks.get(key, [])]
    above = key
    for _ in range(4):
        if above not in parents:
            break
        above = parents[above][0]
        found += hooks.get(above, [])
    found += hooks.get(("", ""), [])
    for hook in found:
        entry = _exempted(code, route, key, hook)
        lost = _forgotten(code, hook) if entry is None else None
        if entry is None and lost is None:
            return hook
        route.exempt = route.exempt or entry
        route.dropped = route.dropped or lost
    return None


def _forgotten(code: Code, hook: Hook) -> Evidence | None:
    """Where a hook makes a refusal that it does not return, and makes no other."""
    if hook.file is None or code.checks_caller(hook.file, hook.number):
        return None
    return code.forgets(hook.file, hook.number)


def _exempted(code: Code, route: Route, key: Key, hook: Hook) -> Evidence | None:
    """The entry by which a hook lets a route on; none when it asks."""
    for file, each in _every_exemption(code, hook):
        for path, entries in _entries(code, file, each):
            hits = [e for e in entries if _is_meant(code, route, key, each.by, e[1])]
            if each.others and entries and not hits:
                return Evidence(file.path, each.line, "")
            if hits and not each.others:
                return Evidence(path, *hits[0])
    return None


def _every_exemption(code: Code, hook: Hook) -> Iterator[tuple[PythonFile, Exempt]]:
    """What a hook lets on, by itself or by what a function says that it asks."""
    for each in hook.exempt:
        assert hook.file is not None
        if each.by != "helper":
            yield hook.file, each
            continue
        for file, number in code.resolve(hook.file, each.name)[:1]:
            for inner in file.functions[number].exempt:
                if inner.by != "helper":
                    yield file, inner._replace(others=inner.others ^ each.others)


def _entries(
    code: Code, file: PythonFile, each: Exempt
) -> list[tuple[str, tuple[tuple[int, str], ...]]]:
    """What a hook compares with, and the file that holds it."""
    if each.entries:
        return [(file.path, each.entries)]
    origin = code.origin(file, each.name)
    last = origin.rpartition(".")[2]
    for other in (file, *code.files):
        if last in other.listed:
            return [(other.path, other.listed[last])]
        constant = other.constants.get(last)
        if other is file and constant is not None and constant.kind == "str":
            return [(other.path, ((each.line, constant.text),))]
    return []


def _is_meant(code: Code, route: Route, key: Key, by: str, text: str) -> bool:
    """Whether an entry of a hook's list is about a route."""
    path = route.path.rstrip("/") or "/"
    view = route.endpoint or route.function.name
    if by == "path":
        return path == (text.rstrip("/") or "/")
    if by == "path-prefix":
        return path.startswith(text)
    if by == "path-pattern":
        with contextlib.suppress(re.error):
            return re.match(text, path) is not None
        return False
    if by == "view":
        return view == text
    if by == "method":
        return route.methods == (text,)
    blueprint = blueprint_name(code, key)
    if by == "blueprint":
        return blueprint == text
    whole = f"{blueprint}.{view}" if blueprint else view
    return whole.startswith(text) if by == "endpoint-prefix" else whole == text
