"""The soak, for a minute; `python -m benchmarks soak` takes ten."""

from pathlib import Path

from benchmarks.soak import soak_for

SECONDS = 60.0


async def test_nothing_grows_while_servers_come_and_go(tmp_path: Path) -> None:
    """Memory, files and tasks stay, and in calm times every request is answered."""
    soaked = await soak_for(tmp_path, SECONDS)

    assert soaked.requests > 500 and len(soaked.samples) >= 9
    assert 0 == soaked.failed_in_calm
    for of, slack in (
        (lambda sample: sample.memory, 6.0),
        (lambda sample: sample.descriptors, 8),
        (lambda sample: sample.tasks, 6),
    ):
        last, middle = soaked.growth(of)
        assert last <= middle + slack, soaked.samples
