"""The estimated wait of a newcomer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.batch import Width
from loquent.engines.scheduling.cost import CostModel
from loquent.engines.scheduling.estimate import estimate_wait_s
from tests.unit.engines.scheduling.jobs import job

COST = CostModel(2)


def test_on_a_free_worker_there_is_no_wait() -> None:
    assert estimate_wait_s([], [3.0], COST, max_batch=8) == 0.0


def test_with_nobody_ahead_the_first_worker_to_be_free_decides() -> None:
    assert estimate_wait_s([], [3.0, 2.0], COST, max_batch=8) == 2.0


def test_those_ahead_are_shared_between_the_workers() -> None:
    one_s = COST.seconds(job().shape, Width.NARROW)
    wait_s = estimate_wait_s([job(n) for n in range(4)], [1.0, 1.0], COST, max_batch=1)
    assert wait_s == pytest.approx(1.0 + 4 * one_s / 2)


def test_batches_shorten_the_wait() -> None:
    ahead = [job(n) for n in range(16)]
    one_by_one_s = estimate_wait_s(ahead, [], COST, max_batch=1)
    assert estimate_wait_s(ahead, [], COST, max_batch=8) < one_by_one_s


@given(st.integers(1, 50), st.integers(1, 4), st.integers(1, 8))
def test_more_ahead_never_means_a_much_shorter_wait(n: int, n_workers: int, max_batch: int) -> None:
    cost = CostModel(n_workers)
    fewer, more = (
        estimate_wait_s([job(i) for i in range(m)], [], cost, max_batch=max_batch)
        for m in (n, n + n_workers)
    )
    assert more >= fewer > 0.0
