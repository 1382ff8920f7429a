"""Work that is shared out among processes: all of it is done, once, whatever happens."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waddlegen import check
from waddlegen.apart import MOST_TURNS, apart, turns
from waddlegen.findings import ModuleReport
from waddlegen.source import ModuleSource


def test_work_is_done_elsewhere() -> None:
    """The result is brought back from another process."""
    assert os.getpid() != apart(os.getpid)()


@pytest.mark.parametrize(
    "end",
    [
        lambda: os._exit(3),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: 1 / 0,
        lambda: lambda: None,  # cannot be pickled
    ],
)
def test_what_does_not_come_back_is_worked_out_here(end: Callable[[], object]) -> None:
    """A process that dies, fails or cannot say what it found costs time, no more."""
    here = os.getpid()

    assert here == apart(lambda: here if os.getpid() == here else end())()


def test_more_than_a_pipe_holds_is_brought_back() -> None:
    """A large result is read while it is written."""
    assert 3_000_000 == len(apart(lambda: b"x" * 3_000_000)())


def test_every_turn_is_taken_once() -> None:
    """Each number goes to one process, whichever asks first."""
    order = turns(MOST_TURNS)
    away = [apart(lambda: list(order)) for _ in range(3)]

    taken = list(order)
    for result in away:
        taken += result()

    assert list(range(MOST_TURNS)) == sorted(taken)


def test_no_module_is_lost_with_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process took and did not bring back is checked all the same."""
    for number in range(check.SEVERAL + 2):
        folder = tmp_path / f"m{number}_module"
        folder.mkdir()
        (folder / "app.py").write_text(
            "from quart import Quart\napp = Quart(__name__)\n"
        )
    here, real = os.getpid(), check.check_source

    def dying(source: ModuleSource, *rest: Any) -> ModuleReport:
        if os.getpid() != here:
            os._exit(1)
        return real(source, *rest)

    monkeypatch.setattr(check, "check_source", dying)
    report = check.check([tmp_path], check.Options(select=("WB101",)))

    names = [module.name for module in report.modules]
    assert [f"m{number}_module" for number in range(check.SEVERAL + 2)] == names
