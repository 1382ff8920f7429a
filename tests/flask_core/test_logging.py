"""The AAA line: it says what it was given, in one line, and never what must stay secret."""

import asyncio
import logging as stdlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_core import logging
from flask_core.context import correlation_scope
from flask_core.logging import AAAFormatter, AAAHandler, parse_line

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [
        "",
        "-",
        "a b",
        'say "hi"',
        "a=b",
        "x result=success",
        "\n[2026",
        "\r",
        "\x85",
        "\\",
    ]
)
NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,12}", fullmatch=True)
PREFIX = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\] (INFO|ERROR) demo:1\.2\.3 [A-Z]+ "
BREAKS = re.compile("[\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The file that a module's log goes to."""
    logging.setup_logging("demo", "1.2.3", "INFO", str(tmp_path))
    yield tmp_path / "demo.log"
    logging.setup_logging("demo", "1.2.3", "INFO", str(tmp_path))


def lines(log: Path) -> list[str]:
    """What was written."""
    logging.flush()
    return log.read_text("utf-8").splitlines()


@given(user=TEXTS, action=TEXTS, more=st.dictionaries(NAMES, TEXTS, max_size=4))
def test_a_line_parses_back_to_its_fields(
    user: str, action: str, more: dict[str, str]
) -> None:
    """Whatever is in them; and it stays one line."""
    fields: dict[str, Any] = {
        "user": user,
        "action": action,
        "result": "denied",
        **more,
    }
    line = AAAFormatter("demo", "1.2.3").line(0.0, "INFO", "AUTHZ", fields)
    parsed = parse_line(line)

    assert not BREAKS.search(line)
    assert re.match(PREFIX, line)
    assert parsed is not None
    assert "AUTHZ" == parsed["event"]
    for name, value in fields.items():
        if logging._is_secret(name) or name in ("event", "level", "module", "version"):
            continue
        if name != "timestamp":
            assert value == parsed[name], line


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "access_token", "jwt_secret", "Authorization", "signature"],
)
def test_a_secret_is_not_written(log: Path, name: str) -> None:
    """By the name of its field."""
    logging.log_system("startup", "success", **{name: "hunter2"})

    assert "hunter2" not in lines(log)[-1]
    assert f"{name}=[redacted]" in lines(log)[-1]


def test_the_standard_s_own_lines(log: Path) -> None:
    """The four kinds, word for word."""
    with correlation_scope("req_1"):
        logging.log_auth_event(1, "discord:1", "login", "success")
        logging.log_authz_event(1, "discord:1", "delete", "denied", reason="role")
        logging.log_audit_event(1, "discord:1", "create", "success")
        logging.log_error(1, "fetch", "timeout")
        logging.log_system("startup", "success", port=8005)
    told = [re.sub(r"^\[[^]]+\] ", "", line) for line in lines(log)]

    assert [
        "INFO demo:1.2.3 AUTH community=1 user=discord:1 action=login result=success"
        " correlation_id=req_1",
        "INFO demo:1.2.3 AUTHZ community=1 user=discord:1 action=delete result=denied"
        " reason=role correlation_id=req_1",
        "INFO demo:1.2.3 AUDIT community=1 user=discord:1 action=create result=success"
        " correlation_id=req_1",
        "ERROR demo:1.2.3 ERROR community=1 action=fetch result=failure error=timeout"
        " correlation_id=req_1",
        "INFO demo:1.2.3 SYSTEM action=startup status=success port=8005"
        " correlation_id=req_1",
    ] == told


def test_a_library_s_record_is_a_line_too(log: Path) -> None:
    """With its traceback, still in one line."""
    try:
        raise ValueError("two\nlines")
    except ValueError:
        stdlib.getLogger("some.library").exception("it broke: %s", "a\nb")
    parsed = parse_line(lines(log)[-1])

    assert parsed is not None
    assert ("ERROR", "some.library", "it broke: a\nb") == (
        parsed["event"],
        parsed["action"],
        parsed["message"],
    )
    assert "ValueError: two\nlines" in parsed["traceback"]


def test_a_record_that_cannot_be_formatted_harms_nobody(log: Path) -> None:
    """The next one is written."""
    record = stdlib.LogRecord("a.library", stdlib.ERROR, "", 0, "%d", ("x",), None)
    assert logging._handler is not None
    logging._handler.emit(record)
    logging.log_system("startup", "success")

    assert 1 == len(lines(log))


async def test_no_line_is_lost_between_threads_and_the_loop(log: Path) -> None:
    """All are there, those of each thread in their order."""

    def write(name: str) -> None:
        for number in range(300):
            logging.log_system(name, str(number))

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for number in range(300):
        logging.log_system("loop", str(number))
        if number % 50 == 0:
            await asyncio.sleep(0.002)
    for thread in threads:
        thread.join()
    parsed = [parse_line(line) or {} for line in lines(log)]

    assert 1500 == len(parsed)
    for name in ("loop", "t0", "t1", "t2", "t3"):
        told = [int(each["status"]) for each in parsed if each["action"] == name]
        assert list(range(300)) == told


def test_a_full_disk_is_said_once_and_costs_no_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stdout goes on."""
    handler = AAAHandler(AAAFormatter("demo", "1.2.3"), "/dev/full")
    monkeypatch.setattr(logging, "_handler", handler)
    for number in range(5):
        logging.log_system("work", str(number))
        handler.flush()
    told = capsys.readouterr().out

    assert [str(n) for n in range(5)] == re.findall(r"action=work status=(\d)", told)
    assert 1 == told.count("action=log_file status=unavailable")
    assert 'reason="No space left on device"' in told


def test_the_file_begins_anew_when_it_is_full(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five older ones are kept, and no line is torn."""
    monkeypatch.setattr(logging, "MAX_BYTES", 2_000)
    for number in range(400):
        logging.log_system("work", str(number))
        logging.flush()
    files = sorted(log.parent.glob("demo.log*"))
    kept = [line for file in files for line in file.read_text("utf-8").splitlines()]

    assert 6 == len(files)
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert all(parse_line(line) for line in kept)


def test_a_folder_that_cannot_be_written_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The module starts all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    logging.setup_logging("demo", "1.2.3", "INFO", str(blocked / "log"))
    logging.flush()

    assert "action=log_file status=unavailable" in capsys.readouterr().out
