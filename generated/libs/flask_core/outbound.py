"""Calls to other services: explicit time-outs, a breaker a target, retries where harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import stamina
from pydantic import SecretStr

from flask_core import tracing
from flask_core.context import correlation_id
from flask_core.datamodels import Call, ExternalApi, ModuleCall
from flask_core.encoding import encode
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.resilience import CircuitBreaker, RetryBudget, seconds_left

CONNECT_SECONDS = 3.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


def credentials(*headers: tuple[str, str, SecretStr | str | None]) -> dict[str, str]:
    """Headers of an external API: name, prefix and secret; one without secret is left out."""
    filled: dict[str, str] = {}
    for name, prefix, value in headers:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text:
            filled[name] = prefix + text
    return filled


class UpstreamRefused(ApiError):
    """The other side answered, and said no; `status_code` is what it said."""

    def __init__(self, target: str, status_code: int, body: bytes) -> None:
        super().__init__(503, "service_unavailable", f"{target} refused the request")
        self.status_code = status_code
        self.body = body


class HttpClient:
    """One target: its address, its credentials and how patiently it is called."""

    def __init__(self, api: ExternalApi) -> None:
        self.api = api
        self.breaker = CircuitBreaker(
            api.id, api.breaker_threshold, api.breaker_reset_seconds
        )
        self.budget = RetryBudget()
        self._under_way = 0
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        """The one session of this target, made in the running loop."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                headers=dict(self.api.headers), auto_decompress=True
            )
        return self._session

    async def request_json(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        path_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Call the target and return the JSON object it answers with.

        `{name}` in the path is filled from `path_params`, escaped. Raises
        DependencyUnavailable when the target cannot be reached, is too slow or answers
        nonsense, UpstreamRefused when it answers with a 4xx.
        """
        filled = {k: quote(str(v), safe="") for k, v in (path_params or {}).items()}
        url = self.api.base_url.rstrip("/") + path.format_map(filled)
        plain = {k: _query(v) for k, v in (query or {}).items() if v is not None}
        attempts = self.api.attempts if method in HARMLESS else 1
        self.budget.earn()
        async for attempt in stamina.retry_context(
            on=self._may_retry,
            attempts=attempts,
            timeout=None,
            wait_initial=0.05,
            wait_max=1.0,
        ):
            with attempt:
                answer = await self._in_turn(
                    lambda: self._send(method, url, json, plain, headers)
                )
        if 400 <= answer[0] < 500:
            raise UpstreamRefused(self.api.id, *answer)
        return self._object(answer[1])

    def _may_retry(self, error: Exception) -> bool:
        """Whether a failure is worth another attempt, and one is left."""
        return isinstance(error, DependencyUnavailable) and self.budget.spend()

    async def _in_turn(
        self, send: Callable[[], Awaitable[tuple[int, bytes]]]
    ) -> tuple[int, bytes]:
        """One attempt, beside a bounded number of others.

        A target that is slow holds up its own callers, and not the whole module.
        """
        if self._under_way >= self.api.max_concurrent:
            raise DependencyUnavailable(self.api.id)
        self._under_way += 1
        try:
            return await self.breaker.call(send)
        finally:
            self._under_way -= 1

    async def _send(
        self,
        method: str,
        url: str,
        json: Any,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None,
    ) -> tuple[int, bytes]:
        """One attempt, which takes no longer than the caller waits."""
        seconds = seconds_left(self.api.timeout_seconds)
        sent = {"X-Correlation-ID": correlation_id(), **(headers or {})}
        if self.api.tells_patience:
            sent["X-Request-Timeout-Ms"] = str(max(round(seconds * 1000), 1))
        data = None
        if json is not None:
            data, sent["Content-Type"] = (
                encode(json),
                "application/json",
            )
        with tracing.span(
            f"{method} {self.api.id}",
            "CLIENT",
            http_request_method=method,
            peer_service=self.api.id,
        ):
            tracing.pass_on(sent)
            return await self._exchange(method, url, data, query, sent, seconds)

    async def _exchange(
        self,
        method: str,
        url: str,
        data: bytes | None,
        query: Mapping[str, str],
        sent: Mapping[str, str],
        seconds: float,
    ) -> tuple[int, bytes]:
        """Send a request and read its answer; a 5xx is a failure of the target."""
        try:
            async with self._open().request(
                method,
                url,
                data=data,
                params=query,
                headers=sent,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=seconds, connect=min(seconds, CONNECT_SECONDS)
                ),
            ) as answer:
                body = await _read(answer.content)
                if answer.status >= 500:
                    raise DependencyUnavailable(self.api.id)
                return answer.status, body
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
            raise DependencyUnavailable(self.api.id) from None

    def _object(self, body: bytes) -> dict[str, Any]:
        """The answer as a JSON object."""
        try:
            value = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError:
            raise DependencyUnavailable(self.api.id) from None
        return value if isinstance(value, dict) else {"items": value}

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


async def _read(content: aiohttp.StreamReader) -> bytes:
    """The whole body, in however many pieces it comes; too long a one is a failure."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError("the answer is too long")
    return bytes(body)


def _query(value: Any) -> str:
    """A value in a query string."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class ModuleClient:
    """Another module of the platform, called through its actions."""

    def __init__(self, target: ModuleCall) -> None:
        self.target = target
        self.client = HttpClient(
            ExternalApi(
                target.module,
                target.base_url,
                target.timeout_seconds,
                attempts=1,
                tells_patience=True,
            )
        )

    async def action(
        self, action: str, call: Call, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call `POST /api/v1/action/{action}` for the same user and community."""
        answer = await self.client.request_json(
            "POST",
            f"/api/v1/action/{quote(action, safe='')}",
            json={
                "user_id": call.user_id or "system:module",
                "context": dict(call.context),
                "params": dict(params),
            },
            headers={
                "X-API-Key": self.target.api_key.get_secret_value(),
                "X-Community-ID": str(call.community_id),
            },
        )
        result = answer.get("result")
        return result if isinstance(result, dict) else {"result": result}

    async def close(self) -> None:
        """Close the session."""
        await self.client.close()
