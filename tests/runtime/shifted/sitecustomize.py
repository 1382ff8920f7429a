"""Lets a process's wall clock jump by SHIFT_DAYS when it gets SIGUSR2."""

import os
import signal
from datetime import UTC, datetime, timedelta

import time_machine


def _jump(*_: object) -> None:
    """From now on."""
    days = timedelta(days=int(os.environ["SHIFT_DAYS"]))
    time_machine.travel(datetime.now(UTC) + days, tick=True).start()


signal.signal(signal.SIGUSR2, _jump)
