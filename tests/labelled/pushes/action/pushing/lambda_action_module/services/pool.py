"""Where blocking SDK calls run."""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Callable

from settings import settings

_POOL = ThreadPoolExecutor(settings.thread_workers, thread_name_prefix="sdk")


async def run_blocking(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run in the pool with the caller's context."""
    ctx = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_POOL, partial(ctx.run, fn, *args, **kwargs))
