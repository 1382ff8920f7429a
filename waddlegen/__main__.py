"""Start waddlegen: answer at once what is known, load the commands for anything else."""

import atexit
import gc
import os
import sys


def main() -> None:
    """Run the command line; the only place that turns an error into an exit code."""
    if sys.argv[1:] == ["--version"]:
        from waddlegen import __version__

        print(f"waddlegen {__version__}")
        return
    if sys.argv[1:2] in (["update"], ["status"]):
        from waddlegen import fresh

        answer = fresh.known(sys.argv[1:])
        if answer is not None:
            print(answer)
            return
    if sys.argv[1:2] == ["check"]:
        from waddlegen import recall

        recalled = recall.known(sys.argv[1:])
        if recalled is not None:
            sys.stdout.write(recalled.text)
            sys.exit(recalled.code)
    # Most of what is made lives as long as the process; looking it through costs a third of
    # the start.
    gc.set_threshold(200_000, 20, 20)
    if sys.argv[1:2] == ["check"] and all(map(os.path.exists, sys.argv[2:])):
        # Paths alone need no parser; loading one takes longer than to check a module.
        from waddlegen import ending

        code = ending.code_of(_check)
        atexit.register(ending.leave, code)
        sys.exit(code)
    from waddlegen.cli import run

    sys.exit(run())


def _check() -> int:
    """Check the paths on the command line; ruff starts while the rest is being loaded."""
    from pathlib import Path

    from waddlegen import discover, linting

    paths = tuple(map(Path, sys.argv[2:]))
    linting.start(
        place for path in paths or [Path()] for place in discover.places(path)
    )
    from waddlegen import checking

    return checking.carry_out(checking.Request(Path(), paths))


if __name__ == "__main__":
    main()
