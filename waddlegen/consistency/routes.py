"""Check that no two endpoints of a module answer the same request, and that paths fit."""

import re
from collections.abc import Iterator

from waddlegen.consistency.facts import Facts, Issue, Loc, Site
from waddlegen.spec import CrudSpec, CustomOperation, RouteSpec, ValueType, Verifier

BUILT_IN = (
    "/health",
    "/healthz",
    "/metrics",
    "/api/v1/status",
    "/openapi.json",
    "/docs",
)
_CRUD = {
    "list": ("GET", ""),
    "create": ("POST", ""),
    "get": ("GET", "/{id}"),
    "update": ("PATCH", "/{id}"),
    "delete": ("DELETE", "/{id}"),
}
Claim = tuple[str, str, Loc]


def check(facts: Facts) -> Iterator[Issue]:
    """Every issue of paths and methods."""
    yield from _clashes(facts)
    for site in facts.sites():
        yield from _placeholders(site)
        if isinstance(site.endpoint, RouteSpec):
            yield from _route(site, site.endpoint)


def _clashes(facts: Facts) -> Iterator[Issue]:
    """The same method and the same shape of path, claimed twice."""
    taken = {("GET", path): "the platform" for path in BUILT_IN}
    for method, path, loc in _claims(facts):
        shape = (method, re.sub(r"{\w+}", "{}", path))
        if shape in taken:
            yield loc, f"{method} {path} is answered by {taken[shape]} already; change one"
        taken.setdefault(shape, "another endpoint")


def _claims(facts: Facts) -> Iterator[Claim]:
    """Each method and path a module answers, and where the spec says so."""
    for loc, feature in facts.features():
        for index, action in enumerate(feature.actions):
            here = (*loc, "actions", index)
            yield "POST", f"/api/v1/action/{action.id}", (*here, "id")
            if action.alias:
                yield "POST", action.alias, (*here, "alias")
        for index, route in enumerate(feature.routes):
            method = "GET" if route.method == "WEBSOCKET" else route.method
            yield method, route.path, (*loc, "routes", index, "path")
        for index, crud in enumerate(feature.crud):
            yield from _crud_claims(crud, (*loc, "crud", index, "path"))
        for index, webhook in enumerate(feature.webhooks):
            here = (*loc, "webhooks", index, "path")
            yield "POST", webhook.path, here
            if webhook.verifier is Verifier.YOUTUBE_WEBSUB:
                yield "GET", webhook.path, here


def _crud_claims(crud: CrudSpec, loc: Loc) -> Iterator[Claim]:
    """The methods and paths of a CRUD shorthand."""
    for operation in crud.operations:
        method, tail = _CRUD[operation]
        yield method, f"{crud.path}{tail}", loc


def _placeholders(site: Site) -> Iterator[Issue]:
    """Each `{name}` of a path is a required text or whole number."""
    path = getattr(site.endpoint, "path", None) or getattr(site.endpoint, "alias", None)
    key = "path" if isinstance(site.endpoint, RouteSpec) else "alias"
    names = re.findall(r"{(\w+)}", path or "")
    if names and key == "alias":
        yield (*site.loc, key), "an alias has no `{...}`; parameters stand in its body"
        return
    for name in names:
        param = site.params.get(name)
        if names.count(name) > 1:
            yield (*site.loc, key), f"`{{{name}}}` stands in the path twice"
        elif param is None:
            yield (
                *site.loc,
                key,
            ), f"`{{{name}}}` is not a parameter; declare it under `params`"
        elif not param.required:
            yield (
                *site.loc,
                key,
            ), f"the parameter {name} stands in the path; make it `required: true`"
        elif param.type not in (ValueType.STRING, ValueType.INTEGER):
            yield (
                *site.loc,
                key,
            ), f"the parameter {name} stands in the path; make it a string or an integer"


def _route(site: Site, route: RouteSpec) -> Iterator[Issue]:
    """What a route's method, kind of answer and caching allow."""
    custom = isinstance(route.operation, CustomOperation)
    if route.method == "WEBSOCKET" and not custom:
        yield (
            *site.loc,
            "operation",
        ), "a WEBSOCKET route is written by hand; say `do: custom`"
    if route.method == "WEBSOCKET" and route.produces != "json":
        yield (*site.loc, "produces"), "a WEBSOCKET route sends json"
    if route.produces != "json" and not custom:
        yield (
            *site.loc,
            "produces",
        ), f"{route.produces} is written by hand; say `do: custom`"
    if route.cache_seconds and (route.method != "GET" or route.produces != "json"):
        yield (
            *site.loc,
            "cache_seconds",
        ), "only a GET route that produces json is cached"
    if route.idempotent and route.method in ("GET", "WEBSOCKET"):
        yield (
            *site.loc,
            "idempotent",
        ), f"{route.method} changes nothing; leave `idempotent` out"
    if route.method in ("GET", "DELETE", "WEBSOCKET"):
        for index, param in enumerate(route.params):
            if param.type in (ValueType.OBJECT, ValueType.ARRAY):
                loc = (*site.loc, "params", index, "type")
                yield loc, f"a query string holds no {param.type.value}; use POST"
