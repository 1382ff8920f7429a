"""Schemathesis against rendered modules: no server error, no status nobody documented."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flask_core.config import RedisSettings
from flask_core.redisx import RedisX
from flask_core.testing.stubs import StubServer
from tests.runtime.live import COMMUNITY, Live, live

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)
EXAMPLES = 15


@contextlib.asynccontextmanager
async def without_limits(module: Live) -> AsyncIterator[None]:
    """Forget again and again how often was asked: 429 would be all that is seen."""
    environment = module.environment
    redis = RedisX(
        RedisSettings(
            redis_host="127.0.0.1",
            redis_port=int(environment["REDIS_PORT"]),
            redis_password=environment.get("REDIS_PASSWORD"),
        )
    )

    async def forget() -> None:
        while True:
            async for key in redis.client.scan_iter("waddlebot:rate:*"):
                await redis.client.delete(key)
            await asyncio.sleep(0.1)

    forgetting = asyncio.create_task(forget())
    yield
    forgetting.cancel()
    await redis.close()


@contextlib.asynccontextmanager
async def model_server() -> AsyncIterator[str]:
    """A server that speaks as Ollama does, so that the AI has something to say."""
    server = await StubServer().start()
    reply = {"role": "assistant", "content": "Hello!"}
    counted = {"prompt_eval_count": 3, "eval_count": 2}
    answer = {"model": "llama3.2", "message": reply, "done": True, **counted}
    server.on("POST", "/api/chat", json=answer)
    server.on("GET", "/api/tags", json={"models": [{"name": "llama3.2"}]})
    yield server.url
    await server.stop()


@pytest.mark.parametrize("module_id", ["inventory-interaction", "ai-interaction"])
async def test_the_module_answers_as_its_document_says(
    module_id: str, tmp_path: Path
) -> None:
    """Whatever is sent, valid or not."""
    async with (
        model_server() as url,
        live(module_id, tmp_path, AI_HOST=url) as module,
        without_limits(module),
    ):
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{module.url}/openapi.json",
            *("--url", module.url, "--checks", CHECKS, "--warnings", "off"),
            *("-H", f"X-API-Key: {module.key}"),
            *("-H", f"X-Community-ID: {COMMUNITY}", "-H", "X-User-ID: discord:1"),
            *("--phases", "examples,coverage,fuzzing", "-n", str(EXAMPLES)),
            *("--generation-deterministic", "--continue-on-failure", "--no-shrink"),
            *("--suppress-health-check", "all", "--request-timeout", "20"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await run.communicate()
        code = run.returncode
    text = output.decode(errors="replace")

    assert 0 == code, text[-6000:]
    assert "passed" in text
    assert "Traceback" not in (tmp_path / "stderr").read_text("utf-8")
