"""Where things stand in a module, and how it comes up and goes down."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import PythonFile
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


def application(module: ModuleSource) -> tuple[str, int]:
    """The file and line where the application is made."""
    if module.entry is None:
        return "main.py", 1
    for call in module.entry.calls:
        if call.last in {"Quart", "Flask", "create_app"} or call.target == "app":
            return module.entry.path, call.line
    return module.entry.path, 1


@rule("WB101", severity=Severity.WARNING, topic="layout", legacy=False)
def entry_point_elsewhere(module: ModuleSource) -> Iterator[Problem]:
    """The application is not `app` in main.py.

    Servers, images and tools look for `main:app`. Rename the file, or import the application
    there.

    Bad:
        app.py
    Good:
        main.py with `app = create_app(...)`
    """
    if not module.is_service or "main.py" in module.files:
        return
    path, _ = application(module)
    yield module.problem(path, 1, "the application is not in main.py")


_PARTS = {
    "config.py": ("config.py", "config/__init__.py", "settings.py"),
    "models.py": (
        "models.py",
        "models/__init__.py",
        "schemas.py",
        "validation_models.py",
    ),
    "handlers/": (
        "handlers/",
        "controllers/",
        "blueprints/",
        "routes/",
        "views/",
        "api/",
    ),
    "services/": ("services/", "service/"),
    "utils/": ("utils/", "helpers/", "common/"),
    "tests/": ("tests/", "test/"),
    "README.md": ("README.md", "README.rst"),
    "requirements.txt": ("requirements.txt", "pyproject.toml"),
    "Dockerfile": ("Dockerfile",),
}


@rule("WB102", severity=Severity.WARNING, topic="layout")
def parts_missing(module: ModuleSource) -> Iterator[Problem]:
    """Files or folders that every module has are missing.

    Whoever knows one module should find their way in each. Add what is missing.

    Bad:
        one app.py with everything
    Good:
        main.py config.py models.py handlers/ services/ utils/ tests/ README.md …
    """
    if not module.is_service:
        return
    missing = [
        part
        for part, known in _PARTS.items()
        if not any(
            inside == name or inside.startswith(name)
            for name in known
            for inside in module.files
        )
    ]
    if missing:
        path, _ = application(module)
        yield module.problem(path, 1, f"missing: {', '.join(missing)}")


_PRIVATE = re.compile(
    r"^(require_api_key|api_key_auth|require_auth|auth_required|setup_aaa_logging|"
    r"setup_logging|error_response|success_response|verify_jwt_token|create_jwt_token|"
    r"rate_limit)$"
)


@rule("WB103", severity=Severity.WARNING, topic="layout")
def private_copy_of_flask_core(module: ModuleSource) -> Iterator[Problem]:
    """The module has its own copy of what flask_core gives to all.

    A correction of the shared one never reaches the copy. Import it from flask_core.

    Bad:
        def require_auth(f): ...
    Good:
        from flask_core.auth import require_api_key
    """
    for file in module.python:
        for function in file.functions:
            if (
                function.parent == 0
                and not function.cls
                and _PRIVATE.match(function.name)
            ):
                yield module.problem(
                    file,
                    function.line,
                    f"flask_core has a `{function.name}` for all modules",
                )


@rule("WB104", severity=Severity.ERROR, topic="lifecycle")
def not_registered(module: ModuleSource) -> Iterator[Problem]:
    """The module never tells the router that it is there.

    The router sends nothing to a module it does not know. At the start, post module_id,
    module_version, endpoints, health_check and port to /api/v1/register.

    Bad:
        @app.before_serving
        async def startup(): dal = init_database(...)
    Good:
        async def startup():
            await register_with_router(...)
    """
    if not module.is_service or module.uses_create_app or "router" in module.name:
        return
    if not any(not route.is_webhook and not route.is_open for route in module.routes):
        return
    for _, _, call in module.calls():
        if re.search(r"register.*(router|module|service)|announce", call.last, re.I):
            return
        texts = [v.text for v in (*call.args, *call.keywords.values())]
        if any(
            "/api/v1/register" in text or "/modules/register" in text for text in texts
        ):
            return
    path, line = application(module)
    yield module.problem(path, line, "the module never registers with the router")


@rule("WB105", severity=Severity.WARNING, topic="lifecycle")
def nothing_closed(module: ModuleSource) -> Iterator[Problem]:
    """What is opened at the start is not closed at the end.

    Connections stay open until the other side gives up, and work in flight is lost. Close
    sessions, pools and tasks in `after_serving`.

    Bad:
        @app.before_serving
        async def startup(): ...
    Good:
        @app.after_serving
        async def shutdown(): await session.close()
    """
    if not module.is_service:
        return
    yield from _left_open(module)
    if module.uses_create_app:
        return
    starts: tuple[PythonFile, int] | None = None
    for file, function in module.functions():
        for call in (*function.decorators, *function.calls):
            if call.last in {"before_serving", "while_serving"}:
                starts = starts or (file, function.line)
            if call.last in {
                "after_serving",
                "while_serving",
                "on_shutdown",
                "atexit.register",
            }:
                return
    if starts:
        yield module.problem(
            starts[0],
            starts[1],
            "there is no `after_serving` that closes what this opens",
        )


_OPENED = frozenset({"ClientSession", "AsyncClient", "create_pool"})
_CLOSES = frozenset(
    "close aclose close_all disconnect dispose terminate shutdown cleanup stop".split()
)


def _left_open(module: ModuleSource) -> Iterator[Problem]:
    """Sessions and pools that are kept for good, and that nothing in the module closes."""
    closed = {
        call.receiver.rpartition(".")[2].lstrip("_")
        for _, _, call in module.calls()
        if call.last in _CLOSES
    }
    handed_over = {
        name.rpartition(".")[2].lstrip("_")
        for _, _, call in module.calls()
        if call.last
        in {"gather", "enter_async_context", "aclosing", "push_async_callback"}
        for value in call.args
        for name in value.names
    }
    for file, function, call in module.calls():
        kept = call.target.startswith("self.") or function.name == "<module>"
        name = call.target.rpartition(".")[2].lstrip("_")
        if kept and name and call.last in _OPENED and name not in closed | handed_over:
            yield module.problem(
                file, call.line, f"`{call.target}` is never closed", call.column
            )


@rule("WB106", severity=Severity.INFO, topic="lifecycle", optional=True)
def abrupt_stop(module: ModuleSource) -> Iterator[Problem]:
    """The module stays ready until it is gone.

    Requests still arrive while it stops. Turn readiness off first, then wait, then stop.

    Bad:
        after_serving closes at once
    Good:
        app.ready = False; await asyncio.sleep(5)
    """
    if not module.is_service or module.uses_create_app:
        return
    names = {name for _, function in module.functions() for name in function.names}
    targets = {a.target for _, f in module.functions() for a in f.assigns}
    if not any(
        re.search(r"(^|\.)_?(is_)?(ready|draining|shutting_down)$", n)
        for n in names | targets
    ):
        path, line = application(module)
        yield module.problem(path, line, "readiness never turns off before the stop")


def _readme_ports(module: ModuleSource, default: str) -> Iterator[Problem]:
    """Addresses of the README that name a route of the module at another port."""
    paths = {route.path.rstrip("/") for route in module.routes} | {"/health"}
    for number, line in enumerate((module.read("README.md") or "").splitlines(), 1):
        if "localhost:" not in line:
            continue
        for port, path in re.findall(r"localhost:(\d{4,5})(/[\w/.-]*)", line):
            if port != default and path.rstrip("/") in paths:
                yield module.problem(
                    "README.md",
                    number,
                    f"the README calls port {port}, the code listens on {default}",
                )


@rule("WB107", severity=Severity.WARNING, topic="docs", legacy=True)
def ports_disagree(module: ModuleSource) -> Iterator[Problem]:
    """The module's port is another in its code than in its Dockerfile.

    Probes and services then ask where nobody listens. Use one number everywhere.

    Bad:
        MODULE_PORT default 8021, EXPOSE 8053
    Good:
        one port
    """
    default = ""
    for read in module.env:
        if (
            read.name in {"MODULE_PORT", "PORT", "REST_PORT"}
            and (read.default or "").isdigit()
        ):
            default = default or str(read.default)
            if read.name == "MODULE_PORT":
                default = str(read.default)
    if not default:
        return
    yield from _readme_ports(module, default)
    text = module.read("Dockerfile")
    if text is None:
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"\s*EXPOSE\s+(.+)", line, re.I)
        if match:
            ports = re.findall(r"\b(\d{2,5})\b", match[1])
            if ports and default not in ports:
                yield module.problem(
                    "Dockerfile",
                    number,
                    f"the image exposes {', '.join(ports)}, the code listens on {default}",
                    topic="docker",
                )
