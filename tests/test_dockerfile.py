"""The image: a Dockerfile without findings, and what the platform asks of it."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.rendering import CASES, Case, every_case, tool


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.M))
    lines = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(word, rest) for word, rest in lines]


def only(case: Case, word: str) -> str:
    """The one instruction of a kind."""
    found = [
        rest for each, rest in instructions(case.files["Dockerfile"]) if each == word
    ]
    assert 1 == len(found), word
    return found[0]


@every_case
def test_hadolint_finds_nothing(case: Case, tmp_path: Path) -> None:
    """No finding of any severity."""
    (tmp_path / "Dockerfile").write_text(case.files["Dockerfile"])

    done = tool("hadolint", tmp_path / "Dockerfile")

    assert (0, "") == (done.returncode, done.stdout)


def test_hadolint_can_fail(tmp_path: Path) -> None:
    """A Dockerfile with a known sin is found out."""
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp\n")

    assert 0 != tool("hadolint", tmp_path / "Dockerfile").returncode


@every_case
def test_the_image_is_the_standards(case: Case) -> None:
    """Base, build arguments, port and user; nothing an offline builder cannot do."""
    text, spec = case.files["Dockerfile"], case.spec
    arguments = [rest for word, rest in instructions(text) if word == "ARG"]

    assert "python:3.13-slim" == only(case, "FROM")
    assert [
        f"MODULE_NAME={spec.id}",
        f"MODULE_VERSION={spec.version}",
        f"MODULE_PORT={spec.port}",
    ] == arguments
    for name in ("MODULE_NAME", "MODULE_VERSION", "MODULE_PORT"):
        assert f"{name}=${{{name}}}" in only(case, "ENV")
    assert "PYTHONPATH=/app/libs" in only(case, "ENV")
    assert "PYTHONDONTWRITEBYTECODE=1" in only(case, "ENV")
    assert "${MODULE_PORT}" == only(case, "EXPOSE")
    assert "1000" == only(case, "USER")
    assert "/app" == only(case, "WORKDIR")
    assert "# syntax=" not in text and "<<" not in text
    assert "curl" not in text and "requests." not in text
    assert "compileall" in text


@every_case
def test_a_change_of_code_installs_nothing_anew(case: Case) -> None:
    """Requirements are copied and installed before any source; the context is the fleet."""
    order = [
        (word, rest)
        for word, rest in instructions(case.files["Dockerfile"])
        if word == "COPY" or (word == "RUN" and "pip install" in rest)
    ]

    assert [
        ("COPY", f"{case.spec.package}/requirements.txt ./"),
        ("RUN", "pip install --no-cache-dir -r requirements.txt"),
        ("COPY", "libs/flask_core ./libs/flask_core"),
        ("COPY", f"{case.spec.package}/ ./"),
    ] == order


@every_case
def test_the_command_execs_the_server(case: Case) -> None:
    """PID 1 is uvicorn, on every address, at MODULE_PORT, with time to drain."""
    shell, option, script = json.loads(only(case, "CMD"))

    assert ("sh", "-c") == (shell, option)
    assert script.startswith("exec python -m uvicorn main:app --host 0.0.0.0 ")
    assert '--port "$MODULE_PORT"' in script
    drain = case.spec.deployment.drain_seconds
    assert f"--timeout-graceful-shutdown {drain} " in script


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server that answers every request with one status."""

    class Answer(BaseHTTPRequestHandler):
        """The same answer to everybody."""

        def do_GET(self) -> None:
            """Answer; a redirect leads to nowhere."""
            self.send_response(status if self.path == "/health" else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def health_check(case: Case, port: int) -> int:
    """The exit code of the image's HEALTHCHECK, run as Docker would."""
    found = re.fullmatch(
        r"--interval=30s .*--retries=3 +CMD (\[.*\])", only(case, "HEALTHCHECK")
    )
    assert found
    python, *words = json.loads(found[1])
    assert "python" == python
    environment = {"MODULE_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, timeout=30
    ).returncode


@pytest.mark.parametrize(("status", "wanted"), [(200, 0), (503, 1), (404, 1), (204, 1)])
def test_the_health_check_fails_on_all_but_200(status: int, wanted: int) -> None:
    """It asks MODULE_PORT on this machine, whatever proxy the environment names."""
    with answering(status) as port:
        assert wanted == health_check(CASES[0], port)


def test_the_health_check_fails_where_nobody_answers() -> None:
    """A closed port is unhealthy."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        assert 1 == health_check(CASES[0], closed.getsockname()[1])


def is_sent(ignore: str, path: str) -> bool:
    """Whether a file is in the build context, as Docker reads a .dockerignore."""
    sent = True
    for line in ignore.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        parts = path.split("/")
        heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        wanted = pattern.removeprefix("!")
        if wanted.startswith("**/"):
            hit = any(fnmatchcase(part, wanted[3:]) for part in parts)
        else:
            hit = any(fnmatchcase(head, wanted) for head in heads)
        if hit:
            sent = pattern.startswith("!")
    return sent


@every_case
def test_the_context_holds_what_runs_and_no_secret(case: Case) -> None:
    """Of the fleet only this module and the library; no .env, no tests, no manifests."""
    ignore, package = case.files["Dockerfile.dockerignore"], case.spec.package

    for path in (
        f"{package}/main.py",
        f"{package}/requirements.txt",
        f"{package}/openapi.yaml",
        f"{package}/handlers/{case.spec.features[0].id}.py",
        f"{package}/migrations/versions/0001_initial.py",
        "libs/flask_core/app.py",
    ):
        assert is_sent(ignore, path), path
    for path in (
        f"{package}/.env",
        f"{package}/.git/config",
        f"{package}/.venv/bin/python",
        f"{package}/tests/conftest.py",
        f"{package}/k8s/deployment.yaml",
        f"{package}/services/__pycache__/x.pyc",
        f"{package}/.waddlegen/lock.json",
        "libs/flask_core/testing/plugin.py",
        "libs/flask_core/__pycache__/app.pyc",
        "another_module/main.py",
        ".env",
    ):
        assert not is_sent(ignore, path), path
    for path in (".env", "k8s/deployment.yaml", "tests/conftest.py", "a/__pycache__/b"):
        assert not is_sent(case.files[".dockerignore"], path), path
    assert "\n.env\n" in case.files[".gitignore"]
