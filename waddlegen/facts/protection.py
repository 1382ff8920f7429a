"""What protects a route: a decorator, a hook or its own body, and the role asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.blueprints import Parents
from waddlegen.facts.callers import ADMIN, AUTH, CHECKS, NOT_AUTH, looks_at_caller
from waddlegen.facts.code import Code, Evidence, heeds
from waddlegen.facts.guards import composes, is_guard
from waddlegen.facts.hooks import Hooks, asks_for_admin, hook_of
from waddlegen.facts.paths import VERBS
from waddlegen.facts.python import Call, Function, PythonFile
from waddlegen.facts.refusals import refuses_caller
from waddlegen.facts.route import Route


def find_auth(code: Code, route: Route, hooks: Hooks, parents: Parents) -> None:
    """Find what guards a route, and whether it asks for a role."""
    file = route.file
    for call in route.decorators:
        if call in file.functions[route.number].decorators and is_guard(
            code, file, call.name
        ):
            route.auth = Evidence(file.path, call.line, call.name)
        words = " ".join(_words_of(file, call))
        if route.auth and ADMIN.search(words.replace("api_key", "")):
            route.admin = route.auth
    for name in route.wrapped:
        if is_guard(code, file, name):
            route.auth = Evidence(file.path, route.line, name)
            if ADMIN.search(name):
                route.admin = route.auth
    if route.auth is None:
        route.auth = _in_body(code, route) or _by_receiver(code, route)
    hook = hook_of(code, route, hooks, parents) if route.auth is None else None
    if hook is not None:
        route.auth, route.exempt = hook.evidence, None
        if hook.file and route.admin is None and asks_for_admin(hook):
            route.admin = route.auth
    if route.auth is not None and route.admin is None:
        route.admin = _role_in_body(code, route)


def _words_of(file: PythonFile, call: Call) -> Iterator[str]:
    """The name of a decorator, and what it is given, here or where it was made."""
    made = [each for each in file.module.calls if each.target == call.name]
    for each in (call, *made):
        yield each.name
        for value in (*each.args, *each.keywords.values()):
            yield value.text
            yield from value.names


def _by_receiver(code: Code, route: Route) -> Evidence | None:
    """The guard of `@secured.get("/x")`, where `secured` is an object of the module's own."""
    for call in route.file.calls:
        if call.target != route.blueprint[1] or call.last == "Blueprint":
            continue
        for file, made in code.classes_named({call.last}):
            for number, function in enumerate(file.functions):
                registers = function.name in VERBS | {"route"}
                if function.cls == made.name and registers:
                    if code.checks_caller(file, number) or composes(code, file, number):
                        return Evidence(file.path, function.line, made.name)
    return None


def _in_body(code: Code, route: Route) -> Evidence | None:
    """A check in the view itself, or in a function it calls."""
    file, function = route.file, route.function
    refuses = refuses_caller(function)
    looks = looks_at_caller(function)
    for call in function.calls:
        if CHECKS.search(call.name) and not NOT_AUTH.search(call.last):
            if refuses and not _never_refuses(code, file, call.name):
                return Evidence(file.path, call.line, call.name)
        own = code.resolve(file, call.name)[:3]
        if not own and code.refuses_for(file, function, call, 1):
            return Evidence(file.path, call.line, call.name)
        for other, index in own:
            if other is file and index == route.number:
                continue
            checks = code.checks_caller(other, index, 1)
            if checks and code.drops(file, call):
                route.dropped = Evidence(file.path, call.line, call.name)
                continue
            heeded = heeds(function, call)
            named = AUTH.search(call.last) or CHECKS.search(call.last)
            ends = checks and code.ends_request(other, index)
            if checks and (heeded or named or ends):
                return Evidence(file.path, call.line, call.name)
            if refuses and looks_at_caller(other.functions[index]):
                return Evidence(file.path, call.line, call.name)
            if _asks_for_secret(function, call, other.functions[index], refuses):
                return Evidence(file.path, call.line, call.name)
    if refuses and looks:
        line = function.headers[0][1] if function.headers else function.line
        return Evidence(file.path, line, "checked in the view")
    sent = any(
        re.search(r"api_?key|token|secret|passw", f"{c.left.text} {c.right.text}", re.I)
        for c in function.compares
    )
    if refuses and sent:
        return Evidence(file.path, function.compares[0].line, "compared in the view")
    return None


def _asks_for_secret(
    view: Function, call: Call, check: Function, refuses: bool
) -> bool:
    """Whether a view has a secret of its address compared, or looked up, before it goes on.

    Browser sources cannot send headers; the key in their address is what lets them in.
    """
    if refuses and any(each.last == "compare_digest" for each in check.calls):
        return heeds(view, call)
    given = {name for value in call.args for name in value.names}
    given &= {p.name for p in view.parameters if _SECRET.search(p.name)}
    if not given or not any(_LOOKED_UP.search(each.text) for each in check.sql):
        return False
    return bool(check.raises) or heeds(view, call)


_SECRET = re.compile(r"(^|_)(key|token|secret)$")
_LOOKED_UP = re.compile(
    r"\b(\w*token|\w*secret|(token|key|secret)_hash|"
    r"(api|access|overlay|widget|share|embed|source)_key)\s*=",
    re.IGNORECASE,
)


def _never_refuses(code: Code, file: PythonFile, name: str) -> bool:
    """Whether a check of this module can only say yes."""
    found = code.resolve(file, name)
    return bool(found) and all(
        bool(other.functions[index].returns)
        and all(each.value.text == "True" for each in other.functions[index].returns)
        for other, index in found
    )


_ROLE = re.compile(
    r"is_admin|(^|\.)roles?$|has_role|is_superuser|is_owner|permissions?$"
)


def _role_in_body(code: Code, route: Route) -> Evidence | None:
    """A role that is asked for in the view, in its guard or in a hook."""
    file, function = route.file, route.function
    for name in sorted(function.names):
        if _ROLE.search(name):
            return Evidence(file.path, function.line, name)
    for call in function.calls:
        texts = " ".join(
            [call.name, *(v.text for v in (*call.args, *call.keywords.values()))]
        )
        if re.search(r"admin|role", texts) and (
            AUTH.search(call.last) or CHECKS.search(call.last)
        ):
            return Evidence(file.path, call.line, call.name)
        if any(
            re.search(r"role|is_admin|admin", v.text)
            for v in call.args
            if v.kind == "str"
        ):
            if call.last == "get":
                return Evidence(file.path, call.line, call.name)
    if route.auth is not None:
        text = route.auth.text
        given = [call for call in route.decorators if call.name == text]
        for other, number in code.resolve(file, text)[:3]:
            if any(_names_roles(other.functions[number], call) for call in given):
                continue
            for inner in other.within(number):
                words = " ".join(sorted(inner.names))
                if re.search(r"admin|\brole", words) or any(
                    "admin" in s for r in inner.returns for s in r.strings
                ):
                    return route.auth
    return None


def _names_roles(guard: Function, call: Call) -> bool:
    """Whether a guard is told the roles it asks for: by this call, or by no one at all."""
    told = [p for p in guard.parameters if re.search(r"role|scope|perm", p.name)]
    given = (*call.args, *call.keywords.values())
    return (
        bool(told)
        and all(value.kind == "str" for value in given)
        and not any(
            p.default is not None and ADMIN.search(p.default.text) for p in told
        )
    )
