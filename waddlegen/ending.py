"""End the program: what went wrong as one line on stderr and an exit code."""

import contextlib
import os
import sys
from collections.abc import Callable

from waddlegen.errors import WaddlegenError

INTERNAL_ERROR = 70  # EX_SOFTWARE: ours, never the user's


def code_of(work: Callable[[], int]) -> int:
    """The exit code of some work; an error is told, with --debug also where it happened."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _fail("stopped", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except WaddlegenError as error:
        return _fail(str(error), error.exit_code)
    except OSError as error:
        return _fail(_os_error(error), 2)
    except Exception as error:
        text = f"a mistake of waddlegen's own: {type(error).__name__}: {error}"
        return _fail(f"{text}\nRun again with --debug to see where.", INTERNAL_ERROR)


def leave(code: int) -> None:
    """End at once: to take apart all that was read takes longer than to check a module."""
    with contextlib.suppress(OSError):
        print(end="", flush=True)
    os._exit(code)


def _fail(message: str, code: int) -> int:
    """Say what went wrong; with --debug, also where."""
    if "--debug" in sys.argv:
        import traceback

        traceback.print_exc()
    print(f"waddlegen: {message}", file=sys.stderr)
    return code


def _os_error(error: OSError) -> str:
    """What the operating system refused, and for which file."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
