"""AWS Lambda through boto3."""

import json
import logging
import time
from typing import Any, Dict, List, Optional, Tuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.pool import run_blocking
from settings import settings

log = logging.getLogger(f"{settings.MODULE}:{settings.version}")

RETRYABLE = {"TooManyRequestsException", "ServiceException"}
MAX_ATTEMPTS = 3


class InvokeError(Exception):
    """The provider refused or failed."""


class AwsProvider:
    """One client for the process; boto3 clients are thread safe."""

    def __init__(self) -> None:
        self._client: Any = None

    def _session_kwargs(self) -> Dict[str, Any]:
        """Arguments for boto3.Session; empty keys mean the pod's own role."""
        kwargs: Dict[str, Any] = {"region_name": settings.aws_region}
        if settings.aws_access_key_id:
            kwargs["aws_access_key_id"] = settings.aws_access_key_id
            kwargs["aws_secret_access_key"] = settings.aws_secret_access_key
        return kwargs

    def client(self) -> Any:
        """The client, built on first use."""
        if self._client is None:
            opts = self._session_kwargs()
            try:
                self._client = boto3.Session(**opts).client(
                    "lambda",
                    config=Config(
                        connect_timeout=3,
                        read_timeout=30,
                        retries={"max_attempts": 1},
                    ),
                )
            except (BotoCoreError, ValueError) as exc:
                log.error("no lambda client for %s: %s", opts, type(exc).__name__)
                raise InvokeError("aws is not configured") from exc
        return self._client

    def _invoke_with_backoff(
        self, name: str, payload: Optional[Dict[str, Any]], kind: str
    ) -> Dict[str, Any]:
        """Invoke; runs in a pool thread."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                resp = self.client().invoke(
                    FunctionName=name,
                    InvocationType=kind,
                    Payload=json.dumps(payload or {}).encode(),
                )
                body = resp["Payload"].read() if kind == "RequestResponse" else b""
                return {
                    "status_code": resp["StatusCode"],
                    "function_error": resp.get("FunctionError"),
                    "payload": json.loads(body) if body else None,
                }
            except ClientError as exc:
                code = exc.response.get("Error", {}).get("Code", "unknown")
                if code not in RETRYABLE or attempt == MAX_ATTEMPTS:
                    raise InvokeError(code) from exc
                time.sleep(0.2 * attempt)
            except (BotoCoreError, ValueError) as exc:
                raise InvokeError(type(exc).__name__) from exc
        raise InvokeError("unreachable")

    async def invoke(
        self, name: str, payload: Optional[Dict[str, Any]], kind: str
    ) -> Dict[str, Any]:
        """Invoke one function."""
        return await run_blocking(self._invoke_with_backoff, name, payload, kind)

    async def batch(
        self, items: List[Tuple[str, Optional[Dict[str, Any]]]]
    ) -> List[Dict[str, Any]]:
        """Invoke several, in order; a failure does not stop the others."""
        out: List[Dict[str, Any]] = []
        for name, payload in items:
            try:
                reply = self._invoke_with_backoff(name, payload, "RequestResponse")
                out.append({"function_name": name, **reply})
            except InvokeError as exc:
                out.append({"function_name": name, "error": str(exc)})
        return out

    async def functions(self) -> List[str]:
        """Names of the functions with our prefix."""
        client = await run_blocking(self.client)
        pages = await run_blocking(client.get_paginator("list_functions").paginate)
        names: List[str] = []
        for page in pages:
            names += [f["FunctionName"] for f in page["Functions"]]
        return sorted(n for n in names if n.startswith(settings.function_prefix))
