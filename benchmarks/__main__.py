"""`python -m benchmarks [NAME…] [--json]`: run the comparisons and print their ratios."""

import argparse
import compileall
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import waddlegen
from benchmarks import checking, rendering, runtime, soak, start, updating
from benchmarks.measure import Result

BENCHMARKS: dict[str, Callable[[Path], Result | Iterator[Result]]] = {
    "version": start.version,
    "new-vs-copier": rendering.new_against_copier,
    "new-vs-cookiecutter": rendering.new_against_cookiecutter,
    "fleet-of-24": rendering.whole_fleet,
    "runtime": runtime.runtime,
    "soak": soak.soak,
    "update": updating.update,
    "status": updating.status,
    "no-op": updating.no_op,
    "check": checking.check,
}


def main() -> int:
    """Run the named benchmarks, all by default; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    parser.add_argument("--json", action="store_true", help="one object a line")
    arguments = parser.parse_args()
    # pip compiles what it installs, the peers too; what is installed to be edited it does not.
    compileall.compile_dir(Path(waddlegen.__file__).parent, quiet=1)
    results = [
        result
        for name in arguments.names or BENCHMARKS
        for result in _run(name, arguments.json)
    ]
    return 0 if all(result.holds for result in results) else 1


def _run(name: str, as_json: bool) -> Iterator[Result]:
    """Run one benchmark in a folder of its own and print a line for each result."""
    with tempfile.TemporaryDirectory() as folder:
        found = BENCHMARKS[name](Path(folder))
        for result in [found] if isinstance(found, Result) else found:
            print(_json(result) if as_json else _line(result), flush=True)
            yield result


def _json(result: Result) -> str:
    """A result as one JSON object."""
    return json.dumps(result.record())


def _line(result: Result) -> str:
    """A result as one line of a table."""
    unit, sign = result.unit, ">=" if result.at_least else "<="
    verdict = "holds" if result.holds else "MISSED"
    return (
        f"{result.name:<22} ours {result.ours:10.4g} {unit:<3}"
        f" peer {result.peer:10.4g} {unit:<3} ratio {result.ratio:8.4g}"
        f"  goal {sign} {result.goal:<6.4g} {verdict}"
    )


if __name__ == "__main__":
    sys.exit(main())
