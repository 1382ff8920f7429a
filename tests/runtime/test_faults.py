"""A module whose servers refuse, hang, slow down, break off or come back."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from flask_core.testing.faults import FaultProxy
from tests.runtime.live import Answer, Live, live

LIST, ADD = "/api/v1/inventory", "/api/v1/action/add_item"
# The endpoints' own time limit is ten seconds.
DEADLINE = 10.5
Fault = Callable[[FaultProxy], None]


def slow(proxy: FaultProxy) -> None:
    """A fifth of a second more each way."""
    proxy.delay_seconds = 0.2


FAULTS: dict[str, Fault] = {
    "refused": FaultProxy.refuse,
    "hung": FaultProxy.hang,
    "slow": slow,
    "reset": FaultProxy.reset,
}


@pytest.fixture(scope="module")
async def module(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Live]:
    """The inventory, running."""
    folder = tmp_path_factory.mktemp("inventory")
    async with live("inventory-interaction", folder) as found:
        yield found


async def work(module: Live, number: int) -> list[Answer]:
    """Read and write a few times at once."""
    item = {"user_id": "discord:1", "params": {"name": f"item {number}"}}
    return await asyncio.gather(
        module.call("GET", LIST),
        module.call("POST", ADD, item),
        module.call("GET", "/api/v1/inventory/items/1"),
        module.call("GET", LIST),
    )


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("server", ["postgres", "redis"])
async def test_a_fault_costs_no_more_than_it_must(
    module: Live, server: str, fault: str
) -> None:
    """Nobody waits past a deadline, the status is right, and all is well afterwards."""
    proxy: FaultProxy = getattr(module, server)
    FAULTS[fault](proxy)
    answers, loop = [], asyncio.get_running_loop()
    began, told = loop.time(), 0.0
    wanted = "unhealthy" if server == "postgres" else "degraded"
    for number in range(3):
        answers += await work(module, number)
        if fault in ("refused", "hung") and not told:
            await module.wait_for(wanted, 5)
            told = loop.time() - began
    proxy.restore()
    recovered = await module.wait_for("healthy", 10)

    late = [answer for answer in answers if answer.seconds > DEADLINE]
    assert [] == late
    statuses = {answer.status for answer in answers}
    allowed = {200, 404, 409} | ({503} if server == "postgres" else set())
    assert statuses <= allowed, [(a.status, a.body) for a in answers]
    if fault in ("refused", "hung") and server == "postgres":
        assert 503 in statuses
        # Once it is known to be down, nobody is kept waiting.
        assert max(answer.seconds for answer in answers[-4:]) < 1
    assert all(
        {"error", "message", "correlation_id"} <= set(answer.body)
        for answer in answers
        if answer.status >= 400
    )
    assert 10 > recovered
    assert {200, 404, 409} >= {answer.status for answer in await work(module, 99)}
    assert "Traceback" not in "\n".join(module.lines)


async def test_a_thousand_faults_leave_nothing_behind(module: Live) -> None:
    """No connection, file or task is left over when connections break again and again."""
    await work(module, 0)
    before, tasks = module.descriptors, await module.tasks()
    for number in range(1000):
        (module.postgres if number % 2 else module.redis).reset()
        answer = await module.call("GET", LIST)
        # The limit of a hundred requests a minute is part of what is tried here.
        assert answer.status in (200, 429), answer
    await module.wait_for("healthy", 20)

    assert before + 10 >= module.descriptors
    assert tasks + 6 >= await module.tasks()
