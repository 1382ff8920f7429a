"""Start waddlegen: answer `--version` at once, load the commands for anything else."""

import sys


def main() -> None:
    """Run the command line; the only place that turns an error into an exit code."""
    if sys.argv[1:] == ["--version"]:
        from waddlegen import __version__

        print(f"waddlegen {__version__}")
        return
    from waddlegen.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
