"""The shape of the API: paths, envelopes, statuses, health, metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from waddlegen.facts.python import Call, Function, PythonFile
from waddlegen.facts.routes import Route
from waddlegen.facts.words import is_secret
from waddlegen.findings import Problem, Severity
from waddlegen.measures import (
    health_route,
    is_constant_answer,
    library_views,
    metrics_route,
)
from waddlegen.rules.disclosed import opens_something
from waddlegen.rules.layout import application
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


def _business(module: ModuleSource) -> list[Route]:
    """Routes that are neither probes nor webhooks nor ways to log in."""
    return [
        route
        for route in module.routes
        if not (
            route.is_open or route.is_webhook or route.is_exchange or route.websocket
        )
    ]


@rule("WB501", severity=Severity.WARNING, topic="api")
def path_without_version(module: ModuleSource) -> Iterator[Problem]:
    """A route does not start with /api/v1.

    A later version of it then has no place beside it. Give the blueprint the prefix.

    Bad:
        @app.route("/quotes")
    Good:
        Blueprint("quotes", __name__, url_prefix="/api/v1")
    """
    found = [route for route in _business(module) if _lacks_version(route)]
    if len(found) == 1:
        message = f"`{found[0].path}` does not start with /api/v1"
        yield module.problem(found[0].file, found[0].line, message)
    elif found:
        # It is a question of how the application is laid out, and not of each route.
        listed = ", ".join(f"`{route.path}`" for route in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        path, line = application(module)
        yield module.problem(path, line, f"{listed}{more} do not start with /api/v1")


def _lacks_version(route: Route) -> bool:
    """Whether a route is for programs, and its path does not name a version."""
    if re.match(r"/api/v\d+(/|$)", route.path) or "{}" in route.path[:6]:
        return False
    if _FOR_BROWSERS.search(route.path) or _INSIDE.match(route.path):
        return False
    return not _answers_page(route)


# Pages and what they load are addresses that people keep, in a browser or in OBS.
_FOR_BROWSERS = re.compile(
    r"^/(ws|static|assets|router|modules|ui|admin/ui|source|embed|public|pages?|obs|login|"
    r"logout|callback|oauth\w*|auth|favicon\.\w+|robots\.txt)(/|$)|"
    r"^/[\w-]*(overlay|widget|browser[-_]?source|dashboard|player|frame)s?(/|$)|"
    r"\.(html|js|css|png|svg|txt|xml|json)$"
)
# What only other modules call, behind a key of its own, has its own versions.
_INSIDE = re.compile(r"/_?(internal|private|service)(/|$)")


def _answers_page(route: Route) -> bool:
    """Whether a view answers a browser: by a page, a file or another address."""
    kinds = {call.last for call in route.function.calls}
    return bool(kinds & {"render_template", "render_template_string", "redirect"}) or (
        "send_file" in kinds or "send_from_directory" in kinds
    )


_ACTION = re.compile(r"/api/v1/action/[^/]+")


@rule("WB502", severity=Severity.WARNING, topic="api", legacy=False)
def action_of_its_own(module: ModuleSource) -> Iterator[Problem]:
    """An action is called in another way than all others.

    The router calls `POST /api/v1/action/{action_id}` with user_id, context and params; it
    does not find an action elsewhere, nor does the action find what it looks for.

    Bad:
        @app.route("/api/v1/actions/add_quote/run", methods=["POST"])
    Good:
        @app.route("/api/v1/action/add_quote", methods=["POST"])
    """
    for route in _business(module):
        if not route.writes:
            continue
        if _ACTION.fullmatch(route.path):
            yield from _params_beside(module, route)
        elif re.search(r"/actions?/[^/]+(/(run|execute|invoke))?$", route.path):
            if route.path.endswith("/batch") or route.path.startswith("{}"):
                continue
            yield module.problem(
                route.file,
                route.line,
                f"`{route.label}` is an action; the router calls"
                " POST /api/v1/action/{action_id}",
            )


def _params_beside(module: ModuleSource, route: Route) -> Iterator[Problem]:
    """An action that looks for what it needs beside `params`."""
    function = route.function
    for body in function.bodies:
        if body.source != "json" or not body.name or body.validated == "schema":
            continue
        asked = {
            call.args[0].text
            for call in function.calls
            if call.name == f"{body.name}.get" and call.args
        }
        if asked and not asked & {"params", "parameters", "context"}:
            listed = ", ".join(sorted(asked)[:3])
            yield module.problem(
                route.file,
                body.line,
                f"`{route.label}` reads {listed} beside `params`, where the router puts"
                " what an action needs",
            )


@rule("WB503", severity=Severity.WARNING, topic="api", legacy=False)
def action_without_envelope(module: ModuleSource) -> Iterator[Problem]:
    """The answer of an action has a shape of its own.

    The router reads success, action_id, result and execution_time_ms; without them it takes
    the action for failed. Use flask_core's action_response.

    Bad:
        return jsonify({"quote": quote})
    Good:
        return action_response("add_quote", {"quote": quote})
    """
    for route in _business(module):
        if not route.writes or not _ACTION.fullmatch(route.path):
            continue
        for each in route.function.returns:
            value = each.value
            # `return {...}, 200` is a tuple, of which the status is the only constant.
            with_status = value.kind == "list" and value.text.isdecimal()
            last = value.text.rpartition(".")[2]
            own = value.kind == "dict" or with_status or last == "jsonify"
            if not own or not each.strings or any(s >= 400 for s in value.statuses):
                continue
            keys = set(each.strings)
            if "error" in keys or "*" in value.text.split(","):
                continue
            missing = [name for name, known in _ENVELOPE.items() if not keys & known]
            if missing:
                yield module.problem(
                    route.file,
                    each.line,
                    f"the answer of `{route.label}` has no {', '.join(missing)}",
                )


_ENVELOPE = {
    "success": {"success"},
    "result": {"result", "data"},
    "execution_time_ms": {"execution_time_ms"},
}


@rule("WB504", severity=Severity.ERROR, topic="api", checklist="CQ4")
def error_without_envelope(module: ModuleSource) -> Iterator[Problem]:
    """An error is answered in a shape of its own.

    Callers read error, message, status, correlation_id and timestamp; without the correlation
    id nobody finds the request in the logs. Use flask_core's error_response.

    Bad:
        return jsonify({"error": "not found"}), 404
    Good:
        return error_response("not found", 404)
    """
    found: list[tuple[Route, int]] = []
    for route in module.routes:
        if route.is_open or route.is_webhook:
            continue
        for each in route.function.returns:
            names = set(each.value.names)
            refuses = any(400 <= status <= 599 for status in each.value.statuses)
            raw = "error" in each.strings and "correlation_id" not in each.strings
            if refuses and raw and not any(n.endswith("error_response") for n in names):
                found.append((route, each.line))
    shared = any(call.last == "error_response" for _, _, call in module.calls())
    for route, line in found if shared else found[:1]:
        more = (
            f", nor have {len(found) - 1} more" if len(found) > 1 and not shared else ""
        )
        yield module.problem(
            route.file, line, f"this error has not the platform's envelope{more}"
        )


_KNOWN = frozenset(
    {
        200,
        201,
        202,
        204,
        301,
        302,
        303,
        304,
        307,
        308,
        400,
        401,
        403,
        404,
        405,
        409,
        410,
        413,
        415,
        422,
        429,
        500,
        501,
        502,
        503,
        504,
        402,
    }
)


@rule("WB505", severity=Severity.WARNING, topic="api")
def failure_with_success_status(module: ModuleSource) -> Iterator[Problem]:
    """A failure is answered with 200.

    Callers, caches and metrics take it for a success. Answer with the status that fits.

    Bad:
        return jsonify({"success": False, "error": "not found"})
    Good:
        return error_response("not found", 404)
    """
    for route in module.routes:
        for each in route.function.returns:
            if route.is_webhook or each.value.text.endswith("error_response"):
                continue
            fails = "success" in each.strings and "error" in each.strings
            if not fails or each.value.kind not in {"call", "dict", "list"}:
                continue
            statuses = [s for s in each.value.statuses if 100 <= s < 600]
            if any(s >= 400 for s in statuses) or each.value.text.rpartition(".")[
                2
            ] not in {
                "jsonify",
                "success,error",
                "success,message,error",
                "error,success",
            }:
                continue
            if any(
                "." in name or name[:1].islower()
                for name in each.value.names
                if name not in {"jsonify", "str", "e", "error", "exc"}
            ):
                continue
            yield module.problem(
                route.file, each.line, "this failure is answered with 200"
            )


@rule("WB507", severity=Severity.WARNING, topic="api", checklist="CQ4")
def unlimited_calls(module: ModuleSource) -> Iterator[Problem]:
    """Nothing limits how often a caller may change something.

    One caller in a loop then takes the module from all others. Put `@rate_limit` on what
    changes something, or one limiter before every request.

    Bad:
        @app.route("/api/v1/quotes", methods=["POST"])
    Good:
        @rate_limit(max_requests=100, window=60)
    """
    writes = [route for route in _business(module) if route.writes]
    if not writes or module.uses_create_app:
        return
    words = re.compile(r"rate_?limit|limiter|throttle", re.I)
    for _, function in module.functions():
        if any(words.search(call.name) for call in function.calls):
            return
        if any(_LIMITS.search(call.name) for call in function.decorators):
            return
    route = writes[0]
    yield module.problem(
        route.file,
        route.guard_line,
        f"nothing limits calls of `{route.label}`, nor of any other route",
        topic="ratelimit",
    )


# As a decorator, what is so called counts calls.
_LIMITS = re.compile(r"limit|throttl|quota", re.IGNORECASE)


@rule("WB508", severity=Severity.WARNING, topic="log")
def no_correlation_id(module: ModuleSource) -> Iterator[Problem]:
    """The correlation id of a request is neither taken nor passed on.

    A request that crosses five modules cannot be followed. Take X-Correlation-ID, log it, and
    send it along.

    Bad:
        no module ever reads the header
    Good:
        install_correlation_id(app)
    """
    if not module.is_service or module.uses_create_app or not _business(module):
        return
    for file, function in module.functions():
        names = [*function.names, *(call.name for call in function.calls)]
        if any(
            re.search(r"correlation|request_id|trace", name, re.I) for name in names
        ):
            return
        if any(
            re.search(r"correlation|request-id", name, re.I)
            for name, _ in function.headers
        ):
            return
    if _is_taken_by_core(module):
        return
    path, line = application(module)
    yield module.problem(path, line, "X-Correlation-ID is neither taken nor passed on")


def _is_taken_by_core(module: ModuleSource) -> bool:
    """Whether something that the module takes from flask_core reads the correlation id."""
    taken = {
        each.name
        for file in module.python
        for each in file.imports
        if each.module.startswith("flask_core")
    }
    return any(
        function.name in taken
        and any(re.search("correlation", name, re.I) for name, _ in function.headers)
        for file in (module.core[1] if taken else ())
        for function in file.functions
    )


@rule("WB511", severity=Severity.ERROR, topic="health", checklist="P2")
def no_health_route(module: ModuleSource) -> Iterator[Problem]:
    """There is no GET /health.

    Kubernetes cannot tell whether the module works, and the router drops it. Register
    flask_core's health blueprint.

    Bad:
        no /health
    Good:
        app.register_blueprint(create_health_blueprint(name, version))
    """
    if module.is_service and health_route(module) is None:
        path, line = application(module)
        yield module.problem(path, line, "there is no GET /health")


@rule("WB514", severity=Severity.ERROR, topic="k8s", checklist="P4")
def probe_of_nothing(module: ModuleSource) -> Iterator[Problem]:
    """A probe, or the image's HEALTHCHECK, asks a path that the module does not serve.

    Every answer is 404: the pod never becomes ready, or is restarted for ever. Ask a path that
    is there.

    Bad:
        readinessProbe: {httpGet: {path: /ready, port: http}}    # there is only /health
    Good:
        readinessProbe: {httpGet: {path: /health, port: http}}
    """
    if not module.is_service or _is_served_by_others(module):
        return
    served = {_bare(route.path) for route in module.routes}
    if module.imports("flask_core"):
        shared = module.once_for_all(_paths, lambda: _paths(module.core[1]))
        served |= shared | {
            prefix + path for prefix in _prefixes(module) for path in shared
        }
    for path, problem in _probes(module):
        if _bare(path) not in served and _HEALTHY.search(path):
            yield problem


def _is_served_by_others(module: ModuleSource) -> bool:
    """Whether a library whose code is not read may serve the probes, or where is not said."""
    if any(
        "url_prefix" in call.keywords
        and call.keywords["url_prefix"].kind != "str"
        and call.args
        and call.args[0].kind == "call"
        for _, call in module.calls_by_name.get("register_blueprint", ())
    ):
        return True
    read = {file.name.removesuffix(".py") for file in module.core[1]}
    return any(
        ("health" in each.module or "terminus" in each.module)
        and not module.code.by_stem.get(last)
        and not (each.module.startswith("flask_core") and last in read)
        for file in module.python
        for each in file.imports
        for last in (each.module.rpartition(".")[2],)
    )


def _prefixes(module: ModuleSource) -> set[str]:
    """The prefixes under which blueprints may be mounted, as far as they are texts."""
    mounts = (call for _, call in module.calls_by_name.get("register_blueprint", ()))
    shared = module.once_for_all(_core_prefixes, lambda: _core_prefixes(module.core[1]))
    return shared | set(_texts_of_prefixes(mounts))


def _core_prefixes(files: Sequence[PythonFile]) -> set[str]:
    """Those of flask_core's own blueprints."""
    calls = (call for file in files for call in file.calls if call.last == "Blueprint")
    return set(_texts_of_prefixes(calls))


def _texts_of_prefixes(mounts: Iterable[Call]) -> Iterator[str]:
    """The prefixes that are texts."""
    for call in mounts:
        given = call.keywords.get("url_prefix")
        if given is not None and given.kind == "str":
            yield given.text.rstrip("/")


def _probes(module: ModuleSource) -> Iterator[tuple[str, Problem]]:
    """The paths that manifests and the Dockerfile ask, and what to say of wrong ones."""
    for pod in module.delivery.manifests.pods:
        for container in pod.containers:
            for name in ("livenessProbe", "readinessProbe", "startupProbe"):
                path = container.node.at(name, "httpGet", "path")
                text = path.text or ""
                if text.startswith("/") and "$" not in text and "{" not in text:
                    message = (
                        f"{name} of {container.name} asks {text}, which nothing serves"
                    )
                    yield text, container.problem(path, message)
    file = module.delivery.dockerfile
    for each in file.inherited(file.final) if file and file.final else ():
        asked = re.search(r"https?://[^/\s'\"]+(/[\w/.-]*)", each.text)
        if file and each.keyword == "HEALTHCHECK" and asked:
            message = f"HEALTHCHECK asks {asked[1]}, which nothing serves"
            yield asked[1], Problem(file.path, each.line, message, topic="docker")


def _paths(files: Sequence[PythonFile]) -> set[str]:
    """What may be a path in some files."""
    return {
        _bare(value.text)
        for file in files
        for function in file.functions
        for call in (*function.decorators, *function.calls)
        for value in call.args
        if value.text.startswith("/")
    }


# Probes of other paths have a rule of their own.
_HEALTHY = re.compile(r"(?i)health|ready|live|status|ping")


def _bare(path: str) -> str:
    """A path without what follows it, to compare."""
    return path.partition("?")[0].rstrip("/") or "/"


_OTHERS = re.compile(
    r"database|postgres|(^|_)db$|redis|cache|queue|broker|router|upstream",
    re.IGNORECASE,
)
_UP = re.compile(r"(?i)connected|ok|up|healthy|available|running")


@rule("WB515", severity=Severity.ERROR, topic="health", checklist="P2")
def health_made_up(module: ModuleSource) -> Iterator[Problem]:
    """The health route says of others that they are up, and asks none of them.

    It says so while the database is away, and nobody is alerted. Ask, and answer 503 when
    there is no answer; or say nothing of them.

    Bad:
        return {"status": "healthy", "dependencies": {"database": "connected"}}
    Good:
        await db.ping()
        return {"status": "healthy", "dependencies": {"database": "connected"}}
    """
    for route in module.routes:
        function = route.function
        if not re.search(r"(^|/)(health\w*|ready|readiness|status)/?$", route.path):
            continue
        if (
            function.handlers
            or function.tested
            or any(c.awaited for c in function.calls)
        ):
            continue
        for entry in function.entries:
            if _OTHERS.search(entry.target) and _UP.fullmatch(entry.value.text):
                yield module.problem(
                    route.file,
                    entry.line,
                    f"`{entry.target}` is `{entry.value.text}` here without being asked",
                    entry.column,
                )
                break


@rule("WB516", severity=Severity.WARNING, topic="health", checklist="P2")
def health_that_never_fails(module: ModuleSource) -> Iterator[Problem]:
    """The health route answers the same words for ever.

    It says healthy while the database is away, so that nothing is taken out of the balancer and
    nobody is alerted. Ask each dependency, say what it answers and since when the module runs,
    and answer 503 while one is missing.

    Bad:
        @app.route("/health")
        async def health(): return {"status": "healthy", "module": NAME, "version": VERSION}
    Good:
        app.register_blueprint(create_health_blueprint(NAME, VERSION, {"database": db.ping}))
    """
    for route in module.routes:
        if not re.search(r"(^|/)health/?$", route.path) or route.websocket:
            continue
        if is_constant_answer(route.function):
            yield module.problem(
                route.file,
                route.function.line,
                f"`{route.label}` says the same whatever happens; ask the dependencies",
            )


@rule("WB513", severity=Severity.WARNING, topic="health")
def liveness_needs_others(module: ModuleSource) -> Iterator[Problem]:
    """Liveness depends on a database or on the host's load.

    When the database is away, every pod is restarted, which helps nobody. Liveness looks at the
    process alone; readiness may ask further.

    Bad:
        @app.route("/healthz")
        async def healthz(): db.executesql("SELECT 1")
    Good:
        @app.route("/healthz")
        async def healthz(): return {"status": "healthy"}
    """
    for route in module.routes:
        if not re.search(r"(^|/)(healthz|livez|live|liveness|alive)/?$", route.path):
            continue
        for call in route.function.calls:
            if call.last in {
                "executesql",
                "execute",
                "ping",
                "fetchval",
                "cpu_percent",
                "virtual_memory",
            }:
                yield module.problem(
                    route.file,
                    call.line,
                    f"liveness depends on `{call.name}`",
                    call.column,
                )
                break


@rule("WB901", severity=Severity.ERROR, topic="metrics", checklist="M1")
def no_metrics(module: ModuleSource) -> Iterator[Problem]:
    """There is no GET /metrics in Prometheus's format.

    Nobody sees how often the module is called and how it fails. Serve prometheus_client's
    output, or register flask_core's blueprint.

    Bad:
        @app.route("/metrics")
        async def metrics(): return jsonify({"requests": 3})
    Good:
        @app.route("/metrics")
        async def metrics(): return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
    """
    if not module.is_service:
        return
    if metrics_route(module) is None:
        yield _missing_metrics(module)
        for pod in module.delivery.manifests.pods:
            place = pod.notes["prometheus.io/scrape"]
            if place.shown == "true":
                message = (
                    "Prometheus is told to scrape this, and there is no GET /metrics"
                )
                yield pod.manifest.problem(place, message)
        return
    for route in module.routes:
        if not re.search(r"(^|/)metrics/?$", route.path) or "GET" not in route.methods:
            continue
        if re.search(r"/api/", route.path):
            continue
        names = {call.last for call in route.function.calls} | route.function.names
        answers = [each.value for each in route.function.returns]
        if "generate_latest" in names or any("prom" in name.lower() for name in names):
            continue
        as_json = any(
            v.kind == "dict" or v.text.endswith(("jsonify", "success_response"))
            for v in answers
        )
        if (
            as_json
            or "jsonify" in names
            and not {"Response", "PlainTextResponse"} & names
        ):
            yield module.problem(
                route.file,
                route.function.line,
                "/metrics answers JSON, which Prometheus cannot read",
            )


def _missing_metrics(module: ModuleSource) -> Problem:
    """That /metrics is missing; where flask_core has a view of it, beside that of /health."""
    path, line = application(module)
    if not library_views(module, "metrics"):
        return module.problem(path, line, "there is no GET /metrics")
    for function, call in module.calls_by_name.get("register_blueprint", ()):
        inside = (c for c in function.calls if call.line <= c.line <= call.end_line)
        if module.entry and function in module.entry.functions:
            if any("health" in each.last for each in inside):
                path, line = module.entry.path, call.line
    return module.problem(path, line, "there is no GET /metrics")


_ENDLESS = re.compile(
    r"(^|[._])(?!(community|guild|server|module|platform|provider|worker|shard|replica|"
    r"instance|action|command|model|tenant|node|pod|region|category|type|status|role)_?id$)"
    r"\w+_(id|uuid)$|(^|[._])(user|member|message|session|request)id$|uuid$|"
    r"(^|[._])(e_?mail|user_?name|ip(_?addr(ess)?)?|token|query)$|request\.(path|url|full_path)$",
    re.IGNORECASE,
)


@rule("WB904", severity=Severity.WARNING, topic="metrics", checklist="M1")
def endless_label(module: ModuleSource) -> Iterator[Problem]:
    """A label of a metric takes a new value for every user, message or request.

    Each value is a time series of its own, which Prometheus keeps in memory for hours. Label
    by what there are a few of: route, method, status, kind of event.

    Bad:
        REQUESTS.labels(endpoint, user_id).inc()
    Good:
        REQUESTS.labels(endpoint, status).inc()
    """
    if not module.imports("prometheus_client"):
        return
    told: set[str] = set()
    for file, function, call in module.calls():
        if call.last == "labels":
            for value in (*call.args, *call.keywords.values()):
                if value.kind != "name":
                    continue
                endless = _ENDLESS.search(value.text)
                if endless:
                    told.add(call.receiver.rpartition(".")[2])
                if (
                    endless
                    or is_secret(value.text)
                    or _is_given_key(module, file, function, value.text)
                ):
                    yield module.problem(
                        file,
                        call.line,
                        f"`{value.text}` makes a time series for each of its values",
                        call.column,
                    )
                    break
    for file, call in _metrics(module):
        growing = [each for each in _labels_of(call) or () if _ENDLESS.search(each)]
        if growing or call.target.rpartition(".")[2] in told:
            message = "a label of this metric takes endlessly many values"
            # Written over several lines, the labels are what stands last.
            line = max(call.line, call.end_line - 1) if growing else call.line
            yield module.problem(file, line, message, call.column)


def _is_given_key(
    module: ModuleSource, file: PythonFile, function: Function, name: str
) -> bool:
    """Whether a label is the key by which a caller opens something, here or one call up."""
    if opens_something(module, file, function, name):
        return True
    places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
    if name not in places:
        return False
    for caller, call in module.calls_by_name.get(function.name, ()):
        value = call.argument(places.index(name), name)
        if caller is function or value is None or value.kind != "name":
            continue
        home = next((f for f in module.python if caller in f.functions), file)
        if opens_something(module, home, caller, value.text):
            return True
    return False


_METRICS = frozenset({"Counter", "Gauge", "Histogram", "Summary"})


def _metrics(module: ModuleSource) -> Iterator[tuple[PythonFile, Call]]:
    """Every metric of prometheus_client that the module makes and gives a name."""
    for file in module.python:
        if not any(each.module.startswith("prometheus") for each in file.imports):
            continue
        for call in file.calls:
            if call.last in _METRICS and call.target:
                yield file, call


def _labels_of(call: Call) -> list[str] | None:
    """The names of a metric's labels; None when not all of them can be seen."""
    given = call.argument(2, "labelnames")
    if given is None:
        return [] if not (call.star or call.double_star) else None
    if given.kind != "list" or given.names:
        return None
    return [name for name in given.text.split(",") if name]


@rule("WB906", severity=Severity.ERROR, topic="metrics", checklist="M1")
def labels_that_do_not_fit(module: ModuleSource) -> Iterator[Problem]:
    """A metric is given other labels than it has.

    prometheus_client raises ValueError there: the request, or the task, ends in an error after
    it has done its work. Give each label of the definition, and no other.

    Bad:
        DONE = Counter("done_total", "Jobs", ["kind", "result"])
        DONE.labels("mail", str(community_id), "ok").inc()
    Good:
        DONE.labels("mail", "ok").inc()
    """
    known: dict[str, list[str] | None] = {}
    for _, made in _metrics(module):
        name = made.target.rpartition(".")[2]
        known[name] = None if name in known else _labels_of(made)
    if not known:
        return
    for file, _, call in module.calls():
        names = known.get(call.receiver.rpartition(".")[2])
        if call.last != "labels" or names is None or call.star or call.double_star:
            continue
        unknown = sorted(call.keywords.keys() - set(names))
        if unknown:
            message = f"this metric has no label `{unknown[0]}`: ValueError"
        elif len(call.args) + len(call.keywords) != len(names):
            given = len(call.args) + len(call.keywords)
            message = f"this metric has {len(names)} labels, not {given}: ValueError"
        else:
            continue
        yield module.problem(file, call.line, message, call.column)


@rule("WB905", severity=Severity.WARNING, topic="metrics", checklist="M1")
def metric_that_never_moves(module: ModuleSource) -> Iterator[Problem]:
    """A metric is exposed, and nothing ever counts with it.

    Dashboards show zero and alerts on it stay quiet, whatever happens. Count where the thing
    happens, or take the metric away.

    Bad:
        REQUESTS = Counter("requests_total", "Requests", ["route"])   # and no REQUESTS.labels
    Good:
        REQUESTS.labels(route).inc()
    """
    made = [
        (file, call)
        for file in module.python
        for call in file.module.calls
        if call.last in _METRICS and re.fullmatch(r"\w+", call.target)
    ]
    if made:
        used = {
            name
            for file in module.python
            for function in file.functions
            for name in _mentioned(function)
        }
        for file, call in made:
            origin = module.code.origin(file, call.name)
            if origin.startswith("prometheus_client") and call.target not in used:
                message = f"nothing ever counts with `{call.target}`"
                yield module.problem(file, call.line, message, call.column)
    yield from _uncalled_recorder(module)


def _mentioned(function: Function) -> Iterator[str]:
    """Every part of every name that a function uses."""
    for name in function.names:
        yield from name.split(".")
    for call in function.decorators:
        yield from call.name.split(".")
    for call in function.calls:
        yield call.name.partition(".")[0]


_RECORDS = re.compile(r"^(record|track|count|observe|update)_\w*(request|metric)")


def _uncalled_recorder(module: ModuleSource) -> Iterator[Problem]:
    """Counters of flask_core's blueprint, where nobody calls what moves them."""
    recorders = module.once_for_all(_recorders, lambda: _recorders(module.core[1]))
    if module.called.isdisjoint(recorders):
        return
    for file, _, call in module.calls():
        maker = module.code.origin(file, call.name).rpartition(".")[2]
        recorder = recorders.get(maker)
        if recorder is None or module.calls_by_name.get(recorder):
            continue
        decorates = any(
            each.last == recorder
            for _, function in module.functions()
            for each in function.decorators
        )
        if not decorates:
            message = f"its counters stay at zero: nothing calls {recorder}"
            yield module.problem(file, call.line, message, call.column)


def _recorders(files: Sequence[PythonFile]) -> dict[str, str]:
    """What makes a blueprint with /metrics, and the function that would count for it."""
    called = {
        call.last
        for file in files
        for function in file.functions
        for call in (*function.calls, *function.decorators)
    }
    named = {name for file in files for f in file.functions for name in f.names}
    found = {}
    for file in files:
        names = [
            f.name
            for f in file.functions
            if f.parent == 0
            and _RECORDS.search(f.name)
            and f.name not in called | named
        ]
        for number, function in enumerate(file.functions):
            serves = names and any(
                call.args and call.args[0].text.endswith("/metrics")
                for inner in file.within(number)
                for call in inner.decorators
            )
            if serves and function.parent == 0:
                found[function.name] = names[0]
    return found
