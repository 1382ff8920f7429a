"""Events between modules: fanned out by pub/sub, or kept on a stream until consumed.

A durable event is read by one replica of each consuming module, tried again with a growing
pause, and put on the dead-letter stream when it keeps failing; `python -m
flask_core.replay` puts it back. The same event is applied once, whoever crashes when.
Serves "Asynchronous Communication".
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from redis.exceptions import RedisError, ResponseError

from flask_core import tracing
from flask_core.api import timestamp
from flask_core.context import (
    community_or_none,
    community_scope,
    correlation_id,
    correlation_scope,
)
from flask_core.database import AsyncDAL
from flask_core.datamodels import Consumer, Event
from flask_core.encoding import encode
from flask_core.errors import DependencyUnavailable
from flask_core.inbox import applied_once, forget_old
from flask_core.logging import log_error
from flask_core.metrics import Metrics
from flask_core.redisx import RedisX, listen_until
from flask_core.resilience import pause

if TYPE_CHECKING:
    from flask_core.outbox import Outbox

ATTEMPTS = 5
STREAM_LENGTH = 100_000
REMEMBERED_SECONDS = 86_400
POLL_SECONDS = 0.5
# An event whose consumer said nothing for so long is taken over by another one.
CLAIM_AFTER_MS = 8_000
LONGEST_PAUSE = 2.0
MEASURE_SECONDS = 15.0
FORGET_SECONDS = 3600.0


def channel(name: str) -> str:
    """The pub/sub channel of an event."""
    return f"waddlebot:events:{name}"


def stream(name: str) -> str:
    """The stream of a durable event."""
    return f"waddlebot:stream:events:{name}"


def dead_letters(name: str) -> str:
    """The stream of those that nobody could handle."""
    return f"waddlebot:dlq:events:{name}"


class Events:
    """Publishes and consumes for one module."""

    def __init__(
        self,
        redis: RedisX | None,
        module_id: str,
        metrics: Metrics,
        database: AsyncDAL | None = None,
    ) -> None:
        """With a database an event is noted in the transaction that applies it."""
        self.redis = redis
        self.database = database
        self.module_id = module_id
        self.metrics = metrics
        self.outbox: Outbox | None = None
        self.consumer_name = f"{module_id}-{secrets.token_hex(4)}"
        self.stopping = asyncio.Event()

    def _redis(self) -> RedisX:
        """Redis, or the refusal that a module without it gives."""
        if self.redis is None:
            raise DependencyUnavailable("redis")
        return self.redis

    async def publish(self, name: str, payload: Mapping[str, Any]) -> str:
        """Fan an event out to whoever listens now; returns its id."""
        identifier, data = self.envelope(name, payload)
        await self._redis().do("PUBLISH", channel(name), data)
        self.metrics.events.labels(name, "published").inc()
        return identifier

    async def enqueue(
        self, name: str, payload: Mapping[str, Any], event_id: str | None = None
    ) -> str:
        """Put an event on its stream, where it stays until consumed; returns its id.

        When this fails nobody knows whether it is there. Try again with the same
        `event_id`: consumers apply an id once.
        """
        identifier, data = self.envelope(name, payload, event_id)
        await self.append(name, data)
        return identifier

    async def append(self, name: str, data: bytes) -> None:
        """Put what `envelope` made on the stream of an event."""
        limit = ("MAXLEN", "~", STREAM_LENGTH)
        await self._redis().do("XADD", stream(name), *limit, "*", "event", data)
        self.metrics.events.labels(name, "published").inc()

    def envelope(
        self, name: str, payload: Mapping[str, Any], event_id: str | None = None
    ) -> tuple[str, bytes]:
        """The event as it travels, and its id."""
        identifier = event_id or f"evt_{secrets.token_hex(12)}"
        trace: dict[str, str] = {}
        tracing.pass_on(trace)
        event = {
            **trace,
            "id": identifier,
            "event": name,
            "payload": dict(payload),
            "community_id": community_or_none(),
            "correlation_id": correlation_id(),
            "source": self.module_id,
            "timestamp": timestamp(),
        }
        return identifier, encode(event)

    async def consume(self, consumers: Sequence[Consumer]) -> None:
        """Consume until stopped; one task for the channels and one a stream."""
        fanned = [consumer for consumer in consumers if not consumer.durable]
        async with asyncio.TaskGroup() as group:
            work = [functools.partial(self._listen, fanned)] if fanned else []
            work += [
                functools.partial(self._read, consumer)
                for consumer in consumers
                if consumer.durable
            ]
            for each in work:
                group.create_task(listen_until(self.stopping, "consume", each))
            if self.database is not None:
                group.create_task(self._forget(self.database))

    async def _forget(self, database: AsyncDAL) -> None:
        """Forget now and then which events were applied long ago."""
        while not self.stopping.is_set():
            with contextlib.suppress(DependencyUnavailable):
                await forget_old(database)
            await pause(self.stopping, FORGET_SECONDS)

    async def _listen(self, consumers: Sequence[Consumer]) -> None:
        """Hand out what is fanned out."""
        by_channel = {channel(c.event): c for c in consumers}
        async with self._redis().client.pubsub() as listener:
            await listener.subscribe(*by_channel)
            while not self.stopping.is_set():
                message = await listener.get_message(
                    ignore_subscribe_messages=True, timeout=POLL_SECONDS
                )
                if message is not None:
                    consumer = by_channel[message["channel"].decode()]
                    event = _decode(message["data"], consumer.event)
                    if event is not None:
                        await self._handle(consumer, event)

    async def _read(self, consumer: Consumer) -> None:
        """Read a stream in this module's consumer group, one event at a time."""
        client, name = self._redis().client, stream(consumer.event)
        with contextlib.suppress(ResponseError):
            await client.xgroup_create(name, self.module_id, id="0", mkstream=True)
        measured = 0.0
        while not self.stopping.is_set():
            if time.monotonic() - measured > MEASURE_SECONDS:
                measured = time.monotonic()
                await self._measure(consumer)
            claimed: Any = await client.xautoclaim(
                name, self.module_id, self.consumer_name, CLAIM_AFTER_MS, count=1
            )
            entries = claimed[1]
            if not entries:
                fresh: Any = await client.xreadgroup(
                    self.module_id,
                    self.consumer_name,
                    {name: ">"},
                    count=1,
                    block=round(POLL_SECONDS * 1000),
                )
                entries = [entry for _, found in fresh for entry in found]
            for entry, fields in entries:
                async with self._held(name, entry):
                    await self._settle(consumer, entry, fields)

    async def _measure(self, consumer: Consumer) -> None:
        """Tell how many events wait to be handled."""
        client = self._redis().client
        groups: Any = await client.xinfo_groups(stream(consumer.event))
        for group in groups:
            if group["name"] == self.module_id.encode():
                waiting = (group.get("lag") or 0) + group["pending"]
                self.metrics.waiting.labels(consumer.event).set(waiting)

    @contextlib.asynccontextmanager
    async def _held(self, name: str, entry: bytes) -> AsyncIterator[None]:
        """Tell the group again and again that an event is in good hands."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(CLAIM_AFTER_MS / 4000)
                with contextlib.suppress(RedisError, OSError):
                    await self._redis().client.xclaim(
                        name,
                        self.module_id,
                        self.consumer_name,
                        0,
                        [entry],
                        justid=True,
                    )

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()

    async def _settle(self, consumer: Consumer, entry: bytes, fields: Any) -> None:
        """Handle one entry of a stream until it works or is given up."""
        client, name = self._redis().client, stream(consumer.event)
        data = (fields or {}).get(b"event", b"")
        event = _decode(data, consumer.event)
        handled = event is not None and await self._handle_until(consumer, event)
        async with client.pipeline(transaction=True) as pipeline:
            if not handled:
                pipeline.xadd(
                    dead_letters(consumer.event),
                    {"event": data, "module": self.module_id},
                    maxlen=STREAM_LENGTH,
                )
                self.metrics.events.labels(consumer.event, "dead_letter").inc()
            pipeline.xack(name, self.module_id, entry)
            await pipeline.execute()

    async def _handle_until(self, consumer: Consumer, event: Event) -> bool:
        """Handle an event; False when it failed again and again.

        While a server is away nothing can be said of the event: it is tried until the
        server is back. Raises DependencyUnavailable at a stop, the event unsettled.
        """
        attempt = 0
        while attempt < ATTEMPTS:
            try:
                if await self._handle(consumer, event):
                    return True
                seconds = min(0.1 * 2**attempt, LONGEST_PAUSE)
                attempt += 1
            except DependencyUnavailable:
                seconds = LONGEST_PAUSE
                if self.stopping.is_set():
                    raise
            await pause(self.stopping, seconds * random.uniform(0.8, 1.2))
        return False

    @contextlib.asynccontextmanager
    async def _once(self, consumer: Consumer, event: Event) -> AsyncIterator[bool]:
        """Whether an event is still to be handled; noted together with what it does.

        Without a database the note is a key in Redis, set when the handler is done: a
        crash in between has the event handled a second time.
        """
        if not consumer.durable:
            yield True
        elif self.database is not None:
            name = f"{self.module_id}:{consumer.event}"
            async with applied_once(self.database, name, event.id) as is_new:
                yield is_new
        else:
            mark = f"waddlebot:handled:{self.module_id}:{event.id}"
            yield not await self._redis().do("EXISTS", mark)
            await self._redis().do("SET", mark, b"1", "EX", REMEMBERED_SECONDS)

    async def _handle(self, consumer: Consumer, event: Event) -> bool:
        """Call the handler for the event's community; False when it failed.

        Raises DependencyUnavailable where a durable event had better be tried later.
        """
        if consumer.types and event.type not in consumer.types:
            return True
        scope = (
            contextlib.nullcontext()
            if event.community_id is None
            else community_scope(event.community_id)
        )
        carrier = {"traceparent": event.traceparent}
        with correlation_scope(event.correlation_id), scope:
            try:
                async with self._once(consumer, event) as is_new:
                    if is_new:
                        with tracing.span(f"consume {event.name}", "CONSUMER", carrier):
                            await consumer.handler(event)
            except Exception as error:
                log_error(
                    event.community_id,
                    f"consume:{event.name}",
                    type(error).__name__,
                    exc_info=None if _explains_itself(error) else error,
                )
                self.metrics.events.labels(event.name, "failed").inc()
                if consumer.durable and isinstance(error, DependencyUnavailable):
                    raise
                return False
        self.metrics.events.labels(event.name, "handled").inc()
        return True


def _explains_itself(error: Exception) -> bool:
    """Whether a traceback would say nothing more."""
    return isinstance(error, NotImplementedError | DependencyUnavailable)


def _decode(data: bytes, name: str) -> Event | None:
    """The event that arrived, or None when it is not one."""
    try:
        match orjson.loads(data):
            case {"id": str(identifier), "payload": dict(payload), **rest}:
                community = rest.get("community_id")
                return Event(
                    id=identifier,
                    name=name,
                    payload=payload,
                    community_id=community if isinstance(community, int) else None,
                    correlation_id=str(rest.get("correlation_id", "-")),
                    source=str(rest.get("source", "-")),
                    timestamp=str(rest.get("timestamp", "")),
                    traceparent=str(rest.get("traceparent", "")),
                )
    except orjson.JSONDecodeError:
        pass
    log_error(None, f"consume:{name}", "malformed_event")
    return None
