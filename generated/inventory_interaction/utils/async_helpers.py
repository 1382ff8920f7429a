# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/utils/async_helpers.py.jinja; edits are merged on update.
"""Do many things at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def for_each(
    items: Iterable[T], work: Callable[[T], Awaitable[R]], at_once: int = 8
) -> list[R]:
    """Do the work for every item, `at_once` at a time, and return the results in order.

    The first failure cancels the rest and is raised.
    """
    limit = asyncio.Semaphore(at_once)

    async def limited(item: T) -> R:
        async with limit:
            return await work(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(limited(item)) for item in items]
    return [task.result() for task in tasks]
