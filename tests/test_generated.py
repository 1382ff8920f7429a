"""The rendered modules work: linters, their own tests, and every route over a socket."""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helpers import ROOT, build_tree
from waddlegen import environment, fleet, runner
from waddlegen.context import module_context
from waddlegen.project import Project

PROJECT = Project(ROOT)
FLEET = ROOT / "generated"
EVERYTHING = ROOT / "tests" / "specs" / "valid" / "everything.yaml"
PACKAGES = [module_id.replace("-", "_") for module_id in PROJECT.module_ids()]


def tool(name: str, *words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a tool of this environment in a folder."""
    return subprocess.run(
        [sys.executable, "-m", name, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(FLEET / "libs")},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize(
    "command",
    [("black", "--check", "."), ("flake8", "."), ("mypy", "--strict", ".")],
    ids=lambda command: str(command[0]),
)
def test_a_module_passes_the_linters_of_the_standard(
    package: str, command: tuple[str, ...]
) -> None:
    """black, flake8 and mypy --strict find nothing."""
    done = tool(*command, folder=FLEET / package)

    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_module_passes_its_own_tests(package: str) -> None:
    """In an environment made from its own requirements, on real servers."""
    run_own_tests(FLEET / package)


def run_own_tests(folder: Path) -> None:
    """Run a module's pytest suite as its README says; nothing may be skipped."""
    python = environment.python_for(folder / "requirements-dev.txt")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "PYTHONPATH"))
    }

    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stdout[-8000:] + done.stderr[-2000:]
    assert re.search(r"\d+ passed", done.stdout) and "skipped" not in done.stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module that uses the whole language, rendered beside a library of its own."""
    root = tmp_path_factory.mktemp("everything")
    build_tree(root, {"module_specs/everything.yaml": EVERYTHING.read_text("utf-8")})
    words = [sys.executable, "-m", "waddlegen", "-C", str(root), "new", "everything"]
    subprocess.run(words, check=True, capture_output=True)
    return root / "generated" / "everything"


def test_a_module_that_uses_the_whole_language_is_clean(everything: Path) -> None:
    """black, flake8 and mypy --strict find nothing in it."""
    for words in (
        ("black", "--check", "."),
        ("flake8", "."),
        ("mypy", "--strict", "."),
    ):
        libs = str(everything.parent / "libs")
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=everything,
            env={**os.environ, "PYTHONPATH": libs},
            capture_output=True,
            text=True,
        )

        assert 0 == done.returncode, done.stdout


def test_a_module_that_uses_the_whole_language_passes_its_tests(
    everything: Path,
) -> None:
    """Every operation, webhook and shorthand works in what is rendered of it."""
    run_own_tests(everything)


@dataclass(frozen=True, slots=True)
class Running:
    """A module that `waddlegen run --json` started."""

    url: str
    api_key: str
    community_id: int
    pid: int

    def call(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, Any]:
        """Send one request; the status and the JSON (or text) of the answer."""
        headers = {"X-Community-ID": str(self.community_id), "X-User-ID": "discord:1"}
        if key != "":
            headers["X-API-Key"] = key or self.api_key
        data = None
        if body is not None:
            data, headers["Content-Type"] = (
                json.dumps(body).encode(),
                "application/json",
            )
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, _body(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _body(error.read())


def _body(data: bytes) -> Any:
    """JSON where it is JSON, else the text."""
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


@pytest.fixture(scope="module", params=PROJECT.module_ids())
def running(request: pytest.FixtureRequest) -> Iterator[tuple[str, Running]]:
    """Each module in turn, started as a user starts it, and drained at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "waddlegen", "run", request.param, "--json"]
        + ["--port", str(runner.free_port(0))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield request.param, Running(**json.loads(line))
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=60)
        assert 0 == process.returncode, log


def test_another_server_on_the_port_is_not_taken_for_the_module() -> None:
    """Its 200 is no proof: only the module knows the key."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        words = ["run", "inventory-interaction", "--port", str(other.server_port)]
        done = subprocess.run(
            [sys.executable, "-m", "waddlegen", *words, "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        other.shutdown()

    assert (2, "") == (done.returncode, done.stdout)
    assert "address already in use" in done.stderr
    assert "ended with exit code" in done.stderr


class Healthy(http.server.BaseHTTPRequestHandler):
    """Says 200 to /health and knows nothing else."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200 if self.path == "/health" else 401)
        self.end_headers()


Case = tuple[str, Running]


def test_built_in_routes_answer(running: Case) -> None:
    """Health, liveness, metrics, status and documentation, without a key where public."""
    name, module = running

    status, health = module.call("GET", "/health", key="")
    assert (200, "healthy", name) == (status, health["status"], health["module"])
    assert {"version", "uptime_seconds", "dependencies"} <= set(health)
    assert 200 == module.call("GET", "/healthz", key="")[0]
    assert 200 == module.call("GET", "/docs", key="")[0]
    assert "waddlebot_" in module.call("GET", "/metrics", key="")[1]
    assert 200 == module.call("GET", "/api/v1/status")[0]
    served = module.call("GET", "/openapi.json", key="")[1]
    written = YAML(typ="safe").load(FLEET / name.replace("-", "_") / "openapi.yaml")
    assert set(written["paths"]) == set(served["paths"])


def test_every_route_of_the_spec_answers_over_a_socket(running: Case) -> None:
    """Each refuses a call without a key, and answers a right one as documented."""
    name, module = running
    spec, seeds = fleet.load(PROJECT, name)
    documented = YAML(typ="safe").load(FLEET / spec.package / "openapi.yaml")["paths"]
    tried = []
    for endpoint in module_context(spec, seeds)["module"]["endpoints"]:
        path = endpoint["path"]
        for param in endpoint["path_params"]:
            path = path.replace(f"{{{param['name']}}}", str(param["example"]))
        body = _request_body(endpoint) if endpoint["has_body"] else None
        method = endpoint["method"]

        if not endpoint["public"]:
            assert 401 == module.call(method, path, body, key="")[0], (method, path)
            assert 401 == module.call(method, path, body, key="x" * 40)[0], (
                method,
                path,
            )
        status, answer = module.call(method, path, body)
        known = documented[endpoint["path"]][method.lower()]["responses"]
        assert str(status) in known, (method, path, status, answer)
        assert status not in (401, 403, 405, 415, 500), (method, path, answer)
        tried.append(path)
    assert tried


def _request_body(endpoint: dict[str, Any]) -> dict[str, Any]:
    """A valid body of an endpoint."""
    example: dict[str, Any] = endpoint["example"]
    envelope = {"user_id": "discord:1", "context": {"platform": "discord"}}
    if endpoint["kind"] == "action":
        return {**envelope, "params": example}
    return {**envelope, **example} if endpoint["kind"] == "alias" else example


def test_unknown_routes_answer_with_the_error_envelope(running: Case) -> None:
    """404 and 405 are JSON in the standard's shape."""
    _, module = running
    for method, path, expected in (
        ("GET", "/nowhere", 404),
        ("DELETE", "/health", 405),
    ):
        status, error = module.call(method, path)

        assert expected == status == error["status"]
        assert {"error", "message", "correlation_id", "timestamp"} <= set(error)


@pytest.mark.parametrize("module_id", PROJECT.module_ids())
def test_the_image_starts_with_its_own_command(module_id: str, tmp_path: Path) -> None:
    """The Dockerfile's CMD, word for word, serves on MODULE_PORT and ends on SIGTERM."""
    spec, _ = fleet.load(PROJECT, module_id)
    folder = FLEET / spec.package
    python = environment.python_for(folder / "requirements.txt")
    text = (folder / "Dockerfile").read_text("utf-8")
    command = json.loads(text[text.rindex("CMD ") + 4 :])
    with runner.servers(PROJECT, spec, None, None) as urls:
        port = runner.free_port(spec.port + 20_000)
        key = "k" * 40
        variables = runner.module_environment(PROJECT, spec, urls, port, key)
        variables |= {"PATH": f"{python.parent}:{os.environ['PATH']}"}
        variables |= {"LOG_DIR": str(tmp_path)}
        migrate = [str(python), "-m", "flask_core.migrate"]
        subprocess.run(migrate, cwd=folder, env=variables, check=True)
        with subprocess.Popen(command, cwd=folder, env=variables) as module:
            runner.wait_until_ready(module, port, key)
            module.terminate()

            assert module.wait(30) in (0, -signal.SIGTERM)
