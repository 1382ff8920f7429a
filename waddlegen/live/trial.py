"""One module that runs in a throw-away copy, for as long as its rules ask it things."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from waddlegen import bundled
from waddlegen.errors import UsageError
from waddlegen.facts.routes import Route
from waddlegen.findings import Outcome, Problem, Proof, Verdict
from waddlegen.live import launch, sandbox, suite, variables, workspace
from waddlegen.live.client import NO_ANSWER, Answer, send
from waddlegen.live.ports import free_port, listening
from waddlegen.live.workspace import Interpreter, Unavailable
from waddlegen.servers import started
from waddlegen.source import ModuleSource

READY_SECONDS = 25.0
TESTS_SECONDS = 110.0
SETTLE_SECONDS = 0.3
_HIDDEN_LOGS = Path("/var/log/waddlebotlog")


@dataclass(frozen=True, slots=True)
class Module:
    """A module's process, and the port that it answers on."""

    command: sandbox.Command
    port: int
    way: launch.Launch


@dataclass
class Trial:
    """What live rules ask: the running module, its log, its tests."""

    source: ModuleSource
    interpreter: Interpreter
    root: Path
    deadline: float
    outcomes: list[Outcome] = field(default_factory=list)
    resources: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    known: dict[str, object] = field(default_factory=dict)
    _cause: str = ""

    def left(self, most: float) -> float:
        """The seconds that something may take."""
        left = self.deadline - time.monotonic()
        if left < 1:
            raise Unavailable("the time of --live is over")
        return min(most, left)

    def judge(
        self, bullet: str, verdict: Verdict, *proofs: Proof, decides: bool = False
    ) -> None:
        """Say what was seen of a bullet; what decides stands in a static guess's place."""
        self.outcomes.append(Outcome(bullet, verdict, proofs, decides))

    def problem(self, route: Route, message: str, topic: str = "") -> Problem:
        """A problem of a route, at its decorator."""
        return self.source.problem(route.file, route.line, message, topic=topic)

    def at_entry(self, message: str, topic: str = "") -> Problem:
        """A problem of the whole application, where it is made."""
        entry = self.source.entry
        if entry is None:
            return self.source.problem(".", 1, message, topic=topic)
        return self.source.problem(entry, launch.made_at(entry), message, topic=topic)

    # What it runs in.

    @cached_property
    def folder(self) -> Path:
        """The module's copy."""
        return workspace.copied(self.source, self.root / "copy")

    @cached_property
    def scratch(self) -> Path:
        """Where the module may write: its home and its log."""
        folder = self.root / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    @cached_property
    def servers(self) -> variables.Servers:
        """PostgreSQL and Redis, where the module speaks of them."""
        wanted = variables.wanted_servers(self.source)
        if not wanted:
            return variables.Servers()
        try:
            running = started(bundled.TEMPLATES / "libs", wanted)
            return variables.Servers.at(self.resources.enter_context(running))
        except UsageError as error:
            raise Unavailable(str(error)) from None

    @cached_property
    def port(self) -> int:
        """The port that the module is told to listen on."""
        return free_port()

    @cached_property
    def variables(self) -> dict[str, str]:
        """The module's environment."""
        made = variables.variables(
            self.source, self.servers, self.port, self.scratch, self.interpreter.python
        )
        root = self.root / "copy"
        made["PYTHONPATH"] = workspace.search_path(self.source, root, self.folder)
        return made

    # The module.

    @cached_property
    def module(self) -> Module:
        """The running module; started when the first rule asks."""
        if self._cause:
            raise Unavailable(self._cause)
        try:
            self._migrate()
            return self._started(self.variables)
        except (Unavailable, sandbox.Overrun) as error:
            self._cause = str(error)
            raise Unavailable(self._cause) from None

    def _migrate(self) -> None:
        """Make the module's tables, where it says how."""
        if self.servers.database is None:
            return
        if self.source.generated_by_us:
            words = ["-m", "flask_core.migrate"]
        elif (self.folder / "alembic.ini").is_file():
            words = ["-m", "alembic", "upgrade", "head"]
        else:
            return
        python = str(self.interpreter.python)
        sandbox.run([python, *words], self.folder, self.variables, self.left(30))

    def _started(self, environment: Mapping[str, str]) -> Module:
        """Try each way to start the module until it answers."""
        causes: list[str] = []
        for way in launch.launches(self.source, self.port):
            words = ["sh", "-c", way.command]
            command = sandbox.Command(words, self.folder, environment)
            self.resources.callback(command.kill)
            try:
                port = self._answering(command)
            except sandbox.Overrun as overrun:
                command.kill()
                raise Unavailable(f"`{way.command}`: {overrun}") from None
            if port:
                return Module(command, port, way)
            done = sandbox.Done(command.process.poll() or 0, command.output)
            command.kill()
            causes.append(f"`{way.command}` does not serve: {done.last_line}")
        raise Unavailable(causes[0] if causes else "nothing says how it is started")

    def _answering(self, command: sandbox.Command) -> int:
        """The port that a command answers HTTP on; 0 when it ends or stays silent."""
        deadline = time.monotonic() + self.left(READY_SECONDS)
        silent = 0.0
        while time.monotonic() < deadline and command.is_running:
            command.check()
            ports = sorted(listening(command.members()), key=lambda p: p != self.port)
            for port in ports:
                answer = send(port, "GET", "/health", seconds=2)
                if answer.status and answer.status != 503:
                    return port
                silent = silent or (time.monotonic() if answer.status else 0.0)
                if answer.status and time.monotonic() - silent > 8:
                    return port
            time.sleep(sandbox.PAUSE)
        return 0

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        json_body: object = None,
        data: bytes | None = None,
    ) -> Answer:
        """Send the running module a request."""
        self.left(1)
        module = self.module
        module.command.check()
        sent = dict(headers or {})
        if json_body is not None:
            data = json.dumps(json_body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        answer = send(module.port, method, path, sent, data)
        if answer is NO_ANSWER and not module.command.is_running:
            raise Unavailable(
                f"the module ended at {method} {path}: {self._last_line(module)}"
            )
        return answer

    def _last_line(self, module: Module) -> str:
        """What the module said last."""
        return sandbox.Done(0, module.command.output).last_line

    # Its log.

    def mark(self) -> dict[str, int]:
        """Where the log stands now, its files among it."""
        found = {"": self.module.command.written}
        for path in self._log_files():
            found[str(path)] = path.stat().st_size
        return found

    def log_since(self, mark: Mapping[str, int]) -> str:
        """What was logged after a mark; files count where nothing came on the output."""
        time.sleep(SETTLE_SECONDS)
        text = self.module.command.output_from(mark[""])
        for path in self._log_files():
            with open(path, "rb") as file:
                file.seek(mark.get(str(path), 0))
                more = file.read(4_000_000).decode(errors="replace")
                text += "".join(
                    f"{line}\n" for line in more.splitlines() if line not in text
                )
        return text

    def _log_files(self) -> Iterator[Path]:
        """The log files that the module writes."""
        for folder in (self.scratch, self.folder / "logs", _HIDDEN_LOGS):
            if folder.is_dir() and (
                folder != _HIDDEN_LOGS or os.path.ismount("/var/log")
            ):
                yield from sorted(p for p in folder.rglob("*.log*") if p.is_file())

    # More of it.

    @contextlib.contextmanager
    def without(self, pattern: str) -> Iterator[None]:
        """Meanwhile the module runs with the variables of a pattern unset."""
        kept = {k: v for k, v in self.variables.items() if not re.search(pattern, k)}
        self.module.command.stop(5)
        del self.__dict__["module"]
        module = self._started(kept)
        self.__dict__["module"] = module
        try:
            yield
        finally:
            module.command.kill()
            del self.__dict__["module"]

    @cached_property
    def tests(self) -> suite.Result:
        """The module's own tests, run once."""
        if not self.source.tests:
            raise Unavailable("it has no tests")
        return suite.run(
            self.interpreter.python,
            self.folder,
            variables.for_tests(self.source, self.variables),
            self.left(TESTS_SECONDS),
        )
