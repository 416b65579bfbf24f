"""The estimated wait of a newcomer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.batch import Width
from loquent.engines.scheduling.cost import BatchShape, CostModel
from loquent.engines.scheduling.estimate import (
    LIVE_STRETCH_S,
    MAX_LIVE_LOAD,
    estimate_wait_s,
    n_live_streams,
)
from loquent.realtime.context import MAX_HEARD_S
from tests.unit.engines.scheduling.jobs import context_s, job

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


TYPICAL = BatchShape.of(MAX_HEARD_S, context_s(MAX_HEARD_S))

FACTORS = st.floats(0.01, 1_000.0)


def measured(n_workers: int, factor: float) -> CostModel:
    """Return a machine on which everything takes `factor` times as long as expected."""
    width = Width.WIDE if n_workers == 1 else Width.NARROW
    cost = CostModel(n_workers)
    return cost.observe(TYPICAL, width, factor * cost.seconds(TYPICAL, width))


@given(st.integers(1, 64), FACTORS)
def test_live_streams_leave_the_machine_some_room(n_workers: int, factor: float) -> None:
    cost = measured(n_workers, factor)
    n_streams = n_live_streams(cost, context_s)
    width = Width.WIDE if n_workers == 1 else Width.NARROW
    load = n_streams * cost.seconds(TYPICAL, width) / LIVE_STRETCH_S / n_workers
    assert n_streams == 1 or load <= MAX_LIVE_LOAD
    assert load + cost.seconds(TYPICAL, width) / LIVE_STRETCH_S / n_workers > MAX_LIVE_LOAD


@given(st.integers(1, 64), FACTORS, FACTORS)
def test_a_slower_model_follows_no_more_streams(n_workers: int, one: float, other: float) -> None:
    faster, slower = sorted((one, other))
    n_streams = n_live_streams(measured(n_workers, faster), context_s)
    assert n_streams >= n_live_streams(measured(n_workers, slower), context_s)


def test_one_stream_is_followed_however_slow_the_model_is() -> None:
    assert n_live_streams(measured(1, 1_000.0), context_s) == 1


def test_more_workers_follow_more_streams() -> None:
    few, many = (n_live_streams(CostModel(n), context_s) for n in (2, 8))
    assert many >= 4 * few


def test_more_context_costs_streams() -> None:
    tight, full = (n_live_streams(CostModel(4), c) for c in (context_s, lambda _speech_s: 30.0))
    assert full < tight
