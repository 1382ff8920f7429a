"""What the documents keep for administrators, and the routes that let others do it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Call
from waddlegen.facts.route import Route
from waddlegen.findings import Problem
from waddlegen.rules.documents import shape_of
from waddlegen.source import ModuleSource

_METHOD = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE)\b")
_PATH = re.compile(r"(?<![\w.])/[a-z][^\s`|)\"',;?]*")
_ADMINS = re.compile(
    r"(the |only |for |role )*(community |platform )?admin(s|istrators?)?( only)?"
)
_ADMIN = re.compile(r"admin|owner|super|staff|operator", re.IGNORECASE)
# A guard that says by its name, or is told, that it lets in more than administrators.
_FOR_MORE = re.compile(
    r"member|viewer|\buser\b|_user\b|user_|token_required|login_required|authenticated|any_",
    re.IGNORECASE,
)
_ASKS = re.compile(r"is_|has_|may_|can_|require|check|ensure|assert|perm|rank|allow")


def open_to_more(module: ModuleSource) -> Iterator[Problem]:
    """Routes that a table of the documents keeps for administrators, and their guards do not.

    Only where others of the same table have a guard that asks for one.
    """
    kept = _kept_for_admins(module)
    if not any(_asks_for_admin(route) for route in kept):
        return
    for route in kept:
        if route.auth is None or route.is_open or _asks_for_admin(route):
            continue
        if not _ASKS.search(" ".join(_asked_inside(route))) and _lets_in_more(route):
            message = (
                f"`{route.label}` is for administrators, as the documents say, and"
                f" `@{route.auth.text}` lets others in"
            )
            yield module.problem(route.file, route.guard_line, message)


def _kept_for_admins(module: ModuleSource) -> list[Route]:
    """The routes that a row of a table gives to administrators alone."""
    rows = set()
    for place, text in module.documents:
        if place.endswith(".md") and "admin" in text.lower():
            rows |= set(_rows(text))
    return [
        route
        for route in module.routes
        if any((method, shape_of(route.path)) in rows for method in route.methods)
    ]


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """The methods and shapes of paths in rows that have a cell which says `admins`."""
    for line in text.splitlines():
        if "|" not in line or "admin" not in line.lower():
            continue
        if not line.lstrip().startswith("|"):
            continue
        cells = [cell.strip(" `*.").lower() for cell in line.split("|")]
        if any(_ADMINS.fullmatch(cell) for cell in cells):
            for path in _PATH.findall(line):
                for method in _METHOD.findall(line):
                    yield method, shape_of(path)


def _asks_for_admin(route: Route) -> bool:
    """Whether the guard of a route names administrators."""
    texts = [value for each in route.decorators for value in _said(each)]
    texts += [*route.wrapped, *(each for each in _in_hook(route))]
    return any(_ADMIN.search(text) for text in texts)


def _in_hook(route: Route) -> Iterator[str]:
    """What a guard that stands somewhere else than above the view is called."""
    for each in (route.auth, route.admin):
        if each is not None and not route.function.line <= each.line:
            yield each.text


def _said(call: Call) -> Iterator[str]:
    """The name of a decorator and the texts that it is given."""
    yield call.name
    for value in (*call.args, *call.keywords.values()):
        yield value.text
        yield from value.names


def _lets_in_more(route: Route) -> bool:
    """Whether a decorator says that it lets in more than administrators."""
    return any(
        _FOR_MORE.search(text) for each in route.decorators for text in _said(each)
    )


def _asked_inside(route: Route) -> Iterator[str]:
    """What a view asks itself: the names that it tests, and calls that may refuse."""
    function = route.function
    yield from function.tested
    for call in function.calls:
        yield call.last
        if _ADMIN.search(call.last) and "log" not in call.last:
            yield "is_admin"
