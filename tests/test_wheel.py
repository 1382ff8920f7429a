"""The wheel carries everything: `waddlegen new` works far away from the checkout."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.helpers import ROOT, read_tree


def test_a_wheel_renders_in_an_empty_folder(tmp_path: Path) -> None:
    """Built, installed into a fresh environment, it gives the module that is committed."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    subprocess.run(
        [*build, str(tmp_path / "dist"), str(ROOT)], check=True, capture_output=True
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.EnvBuilder(with_pip=True).create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(install, check=True)
    empty = tmp_path / "empty"
    empty.mkdir()

    done = subprocess.run(
        [str(python.with_name("waddlegen")), "new", "ai-interaction"],
        cwd=empty,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stderr
    made = read_tree(empty / "generated" / "ai_interaction")
    assert made == read_tree(ROOT / "generated" / "ai_interaction")
