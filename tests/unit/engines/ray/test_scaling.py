"""The number of copies on a cluster follows the wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from loquent.engines.ray.scaling import by_wait, told_to_serve
from loquent.engines.ray.statuses import CopyStatus
from loquent.engines.replicas.scaling import LONG_WAIT_S

IDLE = CopyStatus()
BUSY = CopyStatus(n_running=1)
LATE = CopyStatus(n_running=1, n_waiting={"short": 2}, estimated_wait_s=LONG_WAIT_S)


@dataclass
class Seen:
    """What Serve shows of a deployment."""

    target_num_replicas: int
    running_replicas: Sequence[str]
    aggregated_metrics: Mapping[str, Mapping[str, float]] | None


def seen(*copies: CopyStatus, n_wanted: int | None = None) -> Seen:
    told = {f"copy-{i}": told_to_serve(copy) for i, copy in enumerate(copies)}
    names = {name for metrics in told.values() for name in metrics}
    metrics = {name: {copy: told[copy][name] for copy in told} for name in names}
    return Seen(len(copies) if n_wanted is None else n_wanted, list(told), metrics)


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ([LATE], 2),
        ([LATE, LATE], 3),
        ([LATE, IDLE], 2),
        ([BUSY], 1),
        ([BUSY, BUSY], 2),
        ([BUSY, IDLE], 1),
        ([IDLE, IDLE, IDLE], 2),
    ],
)
def test_the_number_of_copies_follows_the_wait(copies: list[CopyStatus], expected: int) -> None:
    assert by_wait(seen(*copies)) == (expected, {})


def test_one_that_is_on_its_way_is_waited_for() -> None:
    assert by_wait(seen(LATE, n_wanted=2)) == (2, {})


def test_copies_that_told_nothing_yet_decide_nothing() -> None:
    assert by_wait(Seen(1, ["copy"], None)) == (1, {})
    assert by_wait(Seen(1, ["copy"], {})) == (1, {})
