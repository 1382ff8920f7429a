"""A real HTTP server on loopback: answers as a test says, remembers what it got."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web

WAIT_SECONDS = 10.0
_REGISTER = "/api/v1/register"


@dataclass(frozen=True, slots=True)
class Received:
    """One request the stub got."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


@dataclass(slots=True)
class Answer:
    """What the stub says to one path."""

    status: int = 200
    json: Any = None
    text: str | None = None
    delay_seconds: float = 0.0

    @property
    def body(self) -> bytes:
        """The answer's bytes."""
        if self.text is not None:
            return self.text.encode()
        return orjson.dumps({} if self.json is None else self.json)


@dataclass
class StubServer:
    """The server; `url` is where it listens once started."""

    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    requests: list[Received] = field(default_factory=list)
    url: str = ""
    port: int = 0
    _runner: web.AppRunner | None = None

    def on(self, method: str, path: str, **answer: Any) -> None:
        """Answer with `status`, `json`, `text` and `delay_seconds`, from now on."""
        self.answers[method, path] = [Answer(**answer)]

    def script(self, method: str, path: str, *answers: Answer) -> None:
        """Give these answers one after the other; the last one stays."""
        self.answers[method, path] = list(answers)

    async def start(self) -> Self:
        """Listen on a free port, on the same one after a stop; returns itself."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        """Note a request and answer it; 404 where nothing was said."""
        received = Received(
            request.method,
            request.path,
            dict(request.headers),
            dict(request.query),
            await request.read(),
        )
        self.requests.append(received)
        answers = self.answers.get((request.method, request.path))
        if not answers:
            return web.json_response({"error": "not_found"}, status=404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        await asyncio.sleep(answer.delay_seconds)
        return web.Response(
            body=answer.body, status=answer.status, content_type="application/json"
        )


@dataclass
class StubRouter(StubServer):
    """The platform's router as far as a module sees it: it takes registrations."""

    def __post_init__(self) -> None:
        """Say yes to everybody."""
        self.answer_with(200)

    def answer_with(self, status: int) -> None:
        """Say this to whoever registers from now on."""
        self.on("POST", _REGISTER, status=status, json={"success": status < 300})

    @property
    def registrations(self) -> list[Any]:
        """What modules have said of themselves."""
        return [each.json for each in self.requests if each.path == _REGISTER]

    async def wait_for(self, count: int) -> list[Any]:
        """The registrations, once there are so many; raises TimeoutError."""
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.registrations) < count:
                await asyncio.sleep(0.01)
        return self.registrations
