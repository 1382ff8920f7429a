"""Runs an invocation and keeps its record; used by REST and gRPC."""

import asyncio
import contextlib
import logging
import re
from typing import Any, Dict, List, Optional, Set

from prometheus_client import Counter

from flask_core.aaa import AAALogger
from flask_core.validation import ValidationError

from services.aws import AwsProvider, InvokeError
from services.callbacks import notify
from services.repo import Repo
from settings import settings

log = logging.getLogger(f"{settings.MODULE}:{settings.version}")

INVOCATIONS = Counter("lambda_invocations_total", "Invocations", ["provider", "result"])
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def qualified(name: str) -> str:
    """Function name with our prefix, or ValidationError."""
    if not NAME.fullmatch(name):
        raise ValidationError("function_name: malformed")
    if name.startswith(settings.function_prefix):
        return name
    return settings.function_prefix + name


class Invoker:
    """Invocation, record, metrics, audit."""

    def __init__(self, aws: AwsProvider, repo: Repo, aaa: AAALogger) -> None:
        self.aws = aws
        self.repo = repo
        self.aaa = aaa
        self._tasks: Set[asyncio.Task] = set()

    async def run(
        self, community_id: int, user: str, name: str, payload: Optional[Dict[str, Any]]
    ) -> Dict[str, Any]:
        """Invoke and wait for the answer."""
        row = await self.repo.start(community_id, name, "RequestResponse")
        try:
            reply = await self.aws.invoke(name, payload, "RequestResponse")
        except InvokeError as exc:
            INVOCATIONS.labels("aws", "failure").inc()
            self.aaa.error("invoke", exc, community=community_id)
            await self.repo.finish(community_id, row, {"error": str(exc)})
            raise
        INVOCATIONS.labels("aws", "success").inc()
        with contextlib.suppress(Exception):
            await self.repo.finish(community_id, row, reply)
        self.aaa.audit("invoke", community=community_id, user=user, target=name)
        return reply

    async def run_batch(
        self, community_id: int, user: str, items: List[Any]
    ) -> List[Dict[str, Any]]:
        """Invoke up to 100 functions."""
        who = {"community_id": community_id, "user": user}
        replies = await self.aws.batch(items)
        for reply in replies:
            result = "failure" if reply.get("error") else "success"
            INVOCATIONS.labels("aws", str(community_id), result).inc()
        self.aaa.audit("batch_invoke", target=len(items), **who)
        return replies

    async def run_later(
        self,
        community_id: int,
        user: str,
        name: str,
        payload: Optional[Dict[str, Any]],
        callback_url: Optional[str],
    ) -> int:
        """Start in the background; returns the record's id."""
        row = await self.repo.start(community_id, name, "Event")
        task = asyncio.create_task(
            self._later(community_id, row, name, payload, callback_url)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.aaa.audit("invoke_async", community=community_id, user=user, target=name)
        return row

    async def _later(
        self,
        community_id: int,
        row: int,
        name: str,
        payload: Optional[Dict[str, Any]],
        callback_url: Optional[str],
    ) -> None:
        """Body of the background task."""
        try:
            reply = await self.aws.invoke(name, payload, "Event")
            INVOCATIONS.labels("aws", "success").inc()
        except InvokeError as exc:
            INVOCATIONS.labels("aws", "failure").inc()
            self.aaa.error("invoke_async", exc, community=community_id)
            reply = {"error": str(exc)}
        try:
            await self.repo.finish(community_id, row, reply)
        except Exception:
            log.exception("invocation %d: outcome not stored", row)
            raise
        if callback_url:
            await notify(callback_url, {"invocation_id": row, **reply})

    async def drain(self) -> None:
        """Wait for background invocations."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
