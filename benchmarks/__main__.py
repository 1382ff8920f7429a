"""`python -m benchmarks [NAME…] [--json]`: run the comparisons and print their ratios."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import rendering, start, updating
from benchmarks.measure import Result

BENCHMARKS: dict[str, Callable[[Path], Result]] = {
    "version": start.version,
    "new-vs-copier": rendering.new_against_copier,
    "new-vs-cookiecutter": rendering.new_against_cookiecutter,
    "fleet-of-24": rendering.whole_fleet,
    "update": updating.update,
    "status": updating.status,
    "no-op": updating.no_op,
}


def main() -> int:
    """Run the named benchmarks, all by default; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    parser.add_argument("--json", action="store_true", help="one object a line")
    arguments = parser.parse_args()
    results = [_run(name, arguments.json) for name in arguments.names or BENCHMARKS]
    return 0 if all(result.holds for result in results) else 1


def _run(name: str, as_json: bool) -> Result:
    """Run one benchmark in a folder of its own and print its line."""
    with tempfile.TemporaryDirectory() as folder:
        result = BENCHMARKS[name](Path(folder))
    if as_json:
        print(json.dumps(result.record()), flush=True)
    else:
        verdict = "holds" if result.holds else "MISSED"
        print(
            f"{name:<22} ours {result.ours:8.3f} s   peer {result.peer:8.3f} s"
            f"   ratio {result.ratio:6.3f}   goal {result.goal:6.3f}   {verdict}",
            flush=True,
        )
    return result


if __name__ == "__main__":
    sys.exit(main())
