"""Whatever lies in a repository, a check comes to its end and says what it saw."""

import json
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers import build_tree

PACKAGES = ("aiohttp", "hypothesis", "pydantic")
APP = """\
from quart import Quart

app = Quart(__name__)


@app.post("/api/v1/quotes")
async def add_quote():
    return {}
"""
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
# What may lie beside the code, by its path: bytes that are not what the name promises.
ODD_FILES = {
    "a bomb": {"k8s/bomb.yaml": f"apiVersion: v1\nkind: ConfigMap\n{BOMB}".encode()},
    "a bomb in a workflow": {"/.github/workflows/ci.yml": BOMB.encode()},
    "deep YAML": {"k8s/deep.yaml": b"a: " + b"[" * 20_000},
    "an anchor in itself": {
        "k8s/self.yaml": b"apiVersion: v1\nkind: Pod\nspec: &s\n  containers: [*s]\n"
    },
    "lists where mappings belong": {
        "k8s/list.yaml": b"apiVersion: apps/v1\nkind: Deployment\nspec: [1]\nmetadata: 3\n",
        "k8s/rules.yaml": b"groups: {rules: [1, null, {alert: [x]}]}\n",
        "/docker-compose.yml": b"services: [demo, {build: [1]}]\n",
        "/.github/workflows/ci.yml": b"jobs: {a: [], b: {steps: {run: 1}}, c: null}\n",
    },
    "binary files": {
        name: bytes(range(256)) * 50
        for name in (
            "Dockerfile",
            "README.md",
            "requirements.txt",
            "pyproject.toml",
            ".env.example",
            "k8s/deployment.yaml",
            "openapi.yaml",
            "templates/page.html",
            "tests/test-api.sh",
            "setup.cfg",
        )
    },
    "endless lines": {
        "README.md": b"`" * 200_000,
        "Dockerfile": b"RUN " + b"a && " * 60_000,
        "requirements.txt": b"a" * 300_000,
        ".env.example": b"A" * 300_000 + b"=" + b"b" * 300_000,
        "docs/api.md": b"| GET | /api/v1/" + b"x/" * 100_000,
    },
    "folders where files belong": {
        "Dockerfile/x": b"",
        "requirements.txt/x": b"",
        "README.md/x": b"",
        "pyproject.toml/x": b"",
    },
}


def check(path: Path, cache: Path, seconds: float) -> list[dict[str, object]]:
    """The findings of a process of its own, which neither fails nor hangs."""
    done = subprocess.run(
        [sys.executable, "-m", "waddlegen", "check", str(path), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=seconds,
        env={"XDG_CACHE_HOME": str(cache), "PATH": sysconfig.get_path("scripts")},
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    findings: list[dict[str, object]] = json.loads(done.stdout)["findings"]
    assert not [f for f in findings if " failed: " in str(f["message"])]
    return findings


@pytest.mark.parametrize("odd", ODD_FILES.values(), ids=ODD_FILES)
def test_odd_files_beside_the_code(odd: dict[str, bytes], tmp_path: Path) -> None:
    """Each is a finding, or skipped; the code is checked all the same."""
    build_tree(tmp_path / "repo", {".git/HEAD": "", "demo/app.py": APP})
    for name, data in odd.items():
        inside = name[1:] if name.startswith("/") else f"demo/{name}"
        path = tmp_path / "repo" / inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    findings = check(tmp_path / "repo" / "demo", tmp_path / "cache", 60)

    assert "WB411" in {finding["rule"] for finding in findings}


@pytest.mark.parametrize("name", ["the standard library", *PACKAGES])
def test_large_trees_are_checked_to_the_end(name: str, tmp_path: Path) -> None:
    """Hundreds of files by strangers, none of which makes a rule fail."""
    folder = Path(sysconfig.get_path("stdlib"))
    if name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin).parent

    assert check(folder, tmp_path / "cache", 240)
