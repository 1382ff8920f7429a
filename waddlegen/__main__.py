"""Start waddlegen: answer at once what is known, load the commands for anything else."""

import gc
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
    from waddlegen.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
