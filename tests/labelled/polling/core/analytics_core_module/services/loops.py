"""The background loops."""

import asyncio
import contextlib
from typing import Any, Awaitable, Callable

import httpx

from config import Config
from flask_core import AAALogger, get_logger
from services.bot_score import BotScoreService
from services.timeseries import TimeSeriesService

logger = get_logger(__name__)
aaa = AAALogger("analytics.loops")


async def _every(seconds: float, job: Callable[[], Awaitable[Any]], name: str) -> None:
    """Run a job for ever; one failure does not end the loop."""
    while True:
        try:
            await job()
        except Exception as exc:
            aaa.error(name, exc)
            logger.exception("loop %s failed, next try in %s s", name, seconds)
        await asyncio.sleep(seconds)


class Loops:
    """Roll-up, bot scores and the announcement to the router."""

    def __init__(self, series: TimeSeriesService, scores: BotScoreService) -> None:
        """Keep the services the loops drive."""
        self._series = series
        self._scores = scores
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start every loop; the tasks are kept until stop()."""
        plan = (
            (Config.ROLLUP_INTERVAL, self._series.rollup, "rollup"),
            (Config.BOT_SCORE_INTERVAL, self._scores.calculate_due, "bot_score"),
            (Config.ROLLUP_INTERVAL, self._announce, "announce"),
        )
        self._tasks = [
            asyncio.create_task(_every(seconds, job, name), name=name)
            for seconds, job, name in plan
        ]
        aaa.system("loops_started", count=len(self._tasks))

    async def stop(self) -> None:
        """Cancel the loops and wait until they are gone."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _announce(self) -> None:
        """Tell the router that the module is here."""
        async with httpx.AsyncClient(timeout=Config.ROUTER_TIMEOUT) as client:
            response = await client.post(
                f"{Config.ROUTER_URL}/api/v1/register",
                headers={"X-API-Key": Config.ROUTER_API_KEY},
                json={
                    "module_id": "analytics-core",
                    "module_version": Config.MODULE_VERSION,
                    "endpoints": ["/api/v1/action/record_events", "/api/v1/action/aggregate"],
                    "health_check": "/health",
                    "port": Config.MODULE_PORT,
                },
            )
            response.raise_for_status()
