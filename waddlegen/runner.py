"""Run one rendered module on this machine: servers, migration, Ready, log, drain."""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from urllib.parse import unquote, urlsplit

from waddlegen import environment, fleet
from waddlegen.errors import UsageError
from waddlegen.project import Project
from waddlegen.servers import started
from waddlegen.spec import ModuleSpec

COMMUNITY = 1001
READY_SECONDS = 60.0
STOP_SECONDS = 35.0


def run(
    project: Project,
    name: str,
    port: int | None,
    database_url: str | None,
    redis_url: str | None,
    json_output: bool,
) -> int:
    """Start the module, say where it is, and follow it until it ends or Ctrl-C.

    Returns 0 after a drain, else the module's exit code. Raises UsageError when the
    module is not rendered, cannot be installed or does not become ready.
    """
    spec, _ = fleet.load(project, name)
    folder = project.fleet / spec.package
    if not (folder / "main.py").is_file():
        raise UsageError(f"{name}: not rendered yet; type: waddlegen new {name}")
    python = environment.python_for(folder / "requirements.txt")
    with contextlib.ExitStack() as stack:
        urls = stack.enter_context(servers(project, spec, database_url, redis_url))
        listen = port or free_port(spec.port)
        key = secrets.token_urlsafe(32)
        variables = module_environment(project, spec, urls, listen, key)
        if spec.uses_postgres:
            _migrate(python, folder, variables)
        module = stack.enter_context(_started(python, folder, variables, listen))
        wait_until_ready(module, listen, key)
        _announce(name, listen, key, module.pid, json_output)
        code = module.wait()
        # uvicorn drains and then ends by the signal it was asked with.
        return 0 if code == -signal.SIGTERM else code


@contextlib.contextmanager
def servers(
    project: Project, spec: ModuleSpec, database_url: str | None, redis_url: str | None
) -> Iterator[dict[str, str]]:
    """The addresses of PostgreSQL and Redis: the given ones, else servers of our own."""
    urls = {"database_url": database_url, "redis_url": redis_url}
    wanted = []
    if spec.uses_postgres and not database_url:
        wanted.append("postgres")
    if spec.uses_redis and not redis_url:
        wanted.append("redis")
    if not wanted:
        yield {key: url for key, url in urls.items() if url}
        return
    with started(project.fleet / "libs", wanted) as addresses:
        given = {key: url for key, url in urls.items() if url}
        yield {**given, **addresses}


def module_environment(
    project: Project,
    spec: ModuleSpec,
    urls: Mapping[str, str],
    port: int,
    api_key: str,
) -> dict[str, str]:
    """The environment variables of a module on this machine; the secrets are random."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "TERM")
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    variables |= {
        "PYTHONPATH": str(project.fleet / "libs"),
        "PYTHONUNBUFFERED": "1",
        "MODULE_PORT": str(port),
        "API_KEY_SECRET": secrets.token_urlsafe(32),
        "JWT_SECRET": secrets.token_urlsafe(32),
        "ROUTER_URL": os.environ.get("ROUTER_URL", "http://127.0.0.1:8000"),
        "ROUTER_API_KEY": os.environ.get("ROUTER_API_KEY", secrets.token_urlsafe(32)),
        "ENCRYPTION_KEY": secrets.token_urlsafe(32),
        "BOOTSTRAP_API_KEY": api_key,
        "BOOTSTRAP_COMMUNITIES": str(COMMUNITY),
        "DRAIN_DELAY": "0",
    }
    for variable in spec.config:
        if variable.name in os.environ:
            variables[variable.name] = os.environ[variable.name]
        elif variable.is_required and variable.secret:
            variables[variable.name] = secrets.token_urlsafe(32)
    for call in spec.calls:
        variables.setdefault(call.key_variable, secrets.token_urlsafe(32))
    return variables | _server_variables(urls)


def _server_variables(urls: Mapping[str, str]) -> dict[str, str]:
    """The standard's DB_* and REDIS_* variables for given addresses."""
    variables: dict[str, str] = {}
    if url := urls.get("database_url"):
        parts = urlsplit(url)
        variables |= {
            "DB_HOST": parts.hostname or "127.0.0.1",
            "DB_PORT": str(parts.port or 5432),
            "DB_NAME": parts.path.lstrip("/") or "postgres",
            "DB_USER": unquote(parts.username or "postgres"),
            "DB_PASSWORD": unquote(parts.password or ""),
        }
    if url := urls.get("redis_url"):
        parts = urlsplit(url)
        variables |= {
            "REDIS_HOST": parts.hostname or "127.0.0.1",
            "REDIS_PORT": str(parts.port or 6379),
        }
        if parts.password:
            variables["REDIS_PASSWORD"] = unquote(parts.password)
    return variables


def _migrate(python: Path, folder: Path, variables: Mapping[str, str]) -> None:
    """Bring the database to the module's tables."""
    done = subprocess.run(
        [str(python), "-m", "flask_core.migrate"],
        cwd=folder,
        env=dict(variables),
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        raise UsageError(f"{folder / 'migrations'}: the migration failed (see above)")


@contextlib.contextmanager
def _started(
    python: Path, folder: Path, variables: Mapping[str, str], port: int
) -> Iterator["subprocess.Popen[bytes]"]:
    """The module's process; SIGINT and SIGTERM become a drain."""
    process = subprocess.Popen(
        served_by(python, "main:app", port),
        cwd=folder,
        env=dict(variables),
        stdout=sys.stderr,
        start_new_session=True,
    )

    def drain(number: int, frame: FrameType | None) -> None:
        process.send_signal(signal.SIGTERM)

    before = {s: signal.signal(s, drain) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield process
    finally:
        _stop(process)
        for number, handler in before.items():
            signal.signal(number, handler)


def served_by(python: Path | str, app: str, port: int) -> tuple[str, ...]:
    """The command that serves an application as the module's image does, on this machine."""
    return (
        *(str(python), "-m", "uvicorn", app, "--host", "127.0.0.1"),
        *("--port", str(port), "--timeout-graceful-shutdown", "25"),
        *("--no-access-log", "--log-level", "warning"),
    )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the module: asked first, then made to."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_ready(
    process: "subprocess.Popen[bytes]", port: int, api_key: str
) -> None:
    """Ask until the module says that it is ready; only this one knows the key.

    Another server may have taken the port since it was found free.
    """
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UsageError(
                f"the module ended with exit code {process.returncode} before it was"
                " ready; its log is above"
            )
        key = {"X-API-Key": api_key}
        if answers(port, "/health", {}) and answers(port, "/api/v1/status", key):
            return
        time.sleep(0.05)
    raise UsageError(
        f"the module was not ready after {READY_SECONDS:.0f} s; its log is above"
    )


def answers(port: int, path: str, headers: Mapping[str, str]) -> bool:
    """Whether a GET is answered with 200."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def _announce(name: str, port: int, key: str, pid: int, json_output: bool) -> None:
    """Say where the module is and how to call it."""
    url = f"http://127.0.0.1:{port}"
    if json_output:
        record = {"url": url, "api_key": key, "community_id": COMMUNITY, "pid": pid}
        print(json.dumps(record), flush=True)
        return
    print(f"{name} is ready at {url}  (documentation: {url}/docs)")
    print(f"  X-API-Key: {key}")
    print(f"  X-Community-ID: {COMMUNITY}")
    print("Ctrl-C drains and stops it.", flush=True)


def free_port(preferred: int) -> int:
    """The preferred port when nothing listens there, else any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise UsageError("no free port on this machine")
