"""The life of a module: the standard's states, its hooks, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from types import FrameType
from typing import Any

from flask_core import tracing
from flask_core.datamodels import Consumer, Job
from flask_core.errors import DependencyUnavailable
from flask_core.health import Health
from flask_core.idempotency_keys import forget_forever
from flask_core.jobs import run_job
from flask_core.logging import flush, log_error, log_system
from flask_core.registry import payload, register_forever
from flask_core.resources import Resources

# Requests leave few cycles behind: looking for them less often saves a tenth of the time.
GC_THRESHOLDS = (20_000, 20, 20)


class State(StrEnum):
    """Where a module stands; serves "Module Lifecycle" of the standard."""

    STARTING = "STARTING"
    INITIALIZING = "INITIALIZING"
    READY = "READY"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"


class ModuleBase:
    """Starts what a module works with, and stops it in the opposite order.

    Nothing a module needs has to be there when it starts: PostgreSQL, Redis and the router
    may come later. A subclass may add to the four hooks.
    """

    def __init__(
        self,
        resources: Resources,
        consumers: Sequence[Consumer] = (),
        jobs: Sequence[Job] = (),
    ) -> None:
        self.resources = resources
        self.consumers = tuple(consumers)
        self.jobs = tuple(jobs)
        self.health = Health(resources)
        self.state = State.STARTING
        self.in_flight = 0
        resources.metrics.in_flight.set_function(lambda: self.in_flight)
        self.stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def ready(self) -> bool:
        """Whether the module takes requests."""
        return self.state in (State.READY, State.RUNNING)

    async def on_startup(self) -> None:
        """Connect to what is there, and begin to watch it."""
        self.state = State.INITIALIZING
        config, settings = self.resources.config, self.resources.settings
        tracing.start(config.module_id, settings.module_version)
        if self.resources.database is not None:
            try:
                await self.resources.database.connect()
            except DependencyUnavailable:
                log_system("startup", "waiting", dependency="database")
        await self.health.probe()
        self._start("health", self.health.watch(self.stopping))
        if (database := self.resources.database) is not None:
            self._start("forget", forget_forever(database, self.stopping))
        if self.resources.redis_or_none is not None:
            self._start("cache", self.resources.cache.listen(self.stopping))
        if self.consumers:
            self._start("consume", self.resources.events.consume(self.consumers))
        if (outbox := self.resources.events.outbox) is not None:
            self._start("outbox", outbox.relay(self.stopping))
        for job in self.jobs:
            self._start(job.name, self._job(job))
        body = payload(self.resources.config, self.resources.settings)
        registering = register_forever(self.resources.settings, body, self.stopping)
        self._start("register", registering)
        await self.on_ready()

    async def on_ready(self) -> None:
        """Take requests; what was loaded so far is left out of garbage collection."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self.state = State.READY
        self.health.accepting = True
        status = self.health.readiness()[1]["status"]
        log_system("startup", "success", health=status, port=self._port)

    @property
    def _port(self) -> int:
        """The port the module listens on."""
        return self.resources.settings.module_port

    def on_request(self) -> None:
        """Note a request; the first one makes the module RUNNING."""
        if self.state is State.READY:
            self.state = State.RUNNING

    async def on_shutdown(self) -> None:
        """Finish what is under way, then close everything."""
        self.begin_drain()
        await self.drain_in_flight()
        self.stopping.set()
        self.resources.events.stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()
        await tracing.stop()
        gc.unfreeze()
        self.state = State.STOPPED
        log_system("shutdown", "success")
        flush()

    def begin_drain(self) -> None:
        """Tell the load balancer to look elsewhere."""
        if self.ready:
            self.state = State.DRAINING
            self.health.accepting = False
            log_system("drain", "started", in_flight=self.in_flight)

    async def drain_in_flight(self) -> None:
        """Wait for the requests under way, at most as long as the settings say."""
        deadline = (
            asyncio.get_running_loop().time() + self.resources.settings.drain_timeout
        )
        while self.in_flight and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)

    def chain_signals(self) -> None:
        """On SIGTERM, drain for a while before the server is told to stop.

        Kubernetes sends requests for a moment longer, so the listener stays open.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            # Only a server's own handler is chained; anybody else's stop is not delayed.
            if callable(before) and hasattr(
                getattr(before, "__self__", None), "should_exit"
            ):
                signal.signal(number, self._drain_then(before))

    def _drain_then(self, before: Callable[[int, FrameType | None], Any]) -> Any:
        """A handler that drains and then does what the server's own does."""
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: FrameType | None) -> None:
            if not self.ready:
                before(number, frame)
                return
            self.begin_drain()
            delay = self.resources.settings.drain_delay
            loop.call_soon_threadsafe(
                lambda: loop.call_later(delay, before, number, None)
            )

        return handle

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a background task; a failure of it is logged, never lost."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_log_failure)
        self._tasks.append(task)

    async def _job(self, job: Job) -> None:
        """One background job."""
        resources = self.resources
        await run_job(
            job, resources.config.module_id, resources.redis_or_none, self.stopping
        )

    async def _close(self) -> None:
        """Close clients and servers."""
        for client in self.resources.clients.values():
            await client.close()
        for module in self.resources.modules.values():
            await module.close()
        if self.resources.redis_or_none is not None:
            await self.resources.redis_or_none.close()
        if self.resources.database is not None:
            await self.resources.database.disconnect()


def _log_failure(task: asyncio.Task[Any]) -> None:
    """Say that a background task ended with an exception."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log_error(None, f"task:{task.get_name()}", type(error).__name__, exc_info=error)
