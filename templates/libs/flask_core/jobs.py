"""Background jobs: run again and again; an exclusive one on one replica at a time."""

from __future__ import annotations

import asyncio
import secrets

from flask_core import tracing
from flask_core.context import correlation_scope
from flask_core.datamodels import Job
from flask_core.errors import DependencyUnavailable
from flask_core.logging import log_error
from flask_core.redisx import RedisX
from flask_core.resilience import pause


async def run_job(
    job: Job, module_id: str, redis: RedisX | None, stopping: asyncio.Event
) -> None:
    """Run a job at its interval until stopped; a failure is logged and tried again."""
    while not stopping.is_set():
        await pause(stopping, job.every_seconds)
        if stopping.is_set():
            return
        if not job.exclusive or await _is_ours(job, module_id, redis):
            await _run_once(job)


async def _is_ours(job: Job, module_id: str, redis: RedisX | None) -> bool:
    """Whether this replica may run the job this time."""
    if redis is None:
        return True
    key = f"waddlebot:job:{module_id}:{job.name}"
    ttl = max(round(job.every_seconds * 900), 1)
    try:
        return bool(await redis.do("SET", key, b"1", "NX", "PX", ttl))
    except DependencyUnavailable:
        return False


async def _run_once(job: Job) -> None:
    """One run, with a correlation id of its own."""
    with correlation_scope(f"job_{secrets.token_hex(8)}"):
        try:
            with tracing.span(f"job {job.name}", "INTERNAL"):
                await job.handler()
        except NotImplementedError:
            log_error(None, f"job:{job.name}", "not_implemented")
        except Exception as error:
            log_error(None, f"job:{job.name}", type(error).__name__, exc_info=True)
