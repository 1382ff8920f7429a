"""Queue and the workers that drain it."""

import asyncio
from contextlib import suppress

import config
from services import dispatcher, metrics
from services.log import log

queue: asyncio.Queue = asyncio.Queue(maxsize=config.QUEUE_SIZE)
_workers: set[asyncio.Task] = set()


async def _drain(number: int) -> None:
    """Worker loop."""
    while True:
        delivery_id, event, payload = await queue.get()
        try:
            with metrics.HANDLED.time():
                await dispatcher.deliver(delivery_id, event, payload)
        except (Exception, asyncio.CancelledError):
            continue
        finally:
            queue.task_done()
            metrics.QUEUE.set(queue.qsize())


def start() -> None:
    """Start the workers; the set keeps them referenced."""
    for number in range(config.WORKERS):
        task = asyncio.create_task(_drain(number), name=f"drain-{number}")
        _workers.add(task)
        task.add_done_callback(_workers.discard)
    log.system(f"{config.WORKERS} workers running", action="workers")


def submit(delivery_id: str, event: str, payload: dict) -> bool:
    """Enqueue; False when the queue is full."""
    try:
        queue.put_nowait((delivery_id, event, payload))
    except asyncio.QueueFull:
        return False
    metrics.QUEUE.set(queue.qsize())
    return True


async def stop() -> None:
    """Let the queue empty for a moment, then cancel the workers."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(queue.join(), timeout=10)
    for task in list(_workers):
        task.cancel()
    for task in list(_workers):
        with suppress(asyncio.CancelledError):
            await task
