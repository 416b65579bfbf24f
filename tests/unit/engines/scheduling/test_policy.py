"""Which batch starts next: order, company, width, and what is kept free."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.batch import Width
from loquent.engines.scheduling.policy import RULES, Batch, Job, next_batch
from loquent.ports import Lane
from tests.unit.engines.scheduling.jobs import job, machine, running

LANES = st.sampled_from(list(Lane))
QUEUES = st.lists(
    st.builds(
        job,
        lane=LANES,
        speech_s=st.floats(0.1, 29.0),
        turn_s=st.floats(0.0, 60.0),
        temperature=st.sampled_from([0.0, 0.5]),
    ),
    max_size=40,
).map(
    lambda jobs: [
        Job(n, j.lane, j.share, j.key, j.shape, j.turn_s, j.work_s) for n, j in enumerate(jobs)
    ]
)
RUNNING = st.lists(st.builds(running, lane=LANES), max_size=4)


def _numbers(batch: Batch | None) -> list[int]:
    return [job.number for job in batch.jobs] if batch else []


def test_nothing_starts_where_nothing_waits() -> None:
    assert next_batch([], machine()) is None


def test_nothing_starts_while_all_workers_are_busy() -> None:
    assert next_batch([job()], machine(2, running(), running(number=2))) is None


def test_a_wide_batch_keeps_all_workers_busy() -> None:
    assert next_batch([job()], machine(4, running(width=Width.WIDE))) is None


def test_the_urgent_pass_the_patient() -> None:
    waiting = [job(n, lane) for n, lane in enumerate(reversed(Lane))]
    batch = next_batch(waiting, machine(2, running(), max_batch=1))
    assert _numbers(batch) == [3]


def test_who_was_passed_over_for_long_enough_comes_first() -> None:
    turn_s = RULES[Lane.LONG].patience_s
    waiting = [job(1, Lane.SHORT, turn_s=turn_s), job(2, Lane.LONG, turn_s=0.0)]
    assert _numbers(next_batch(waiting, machine(2, running()))) == [2]


def test_long_recordings_that_are_owed_a_batch_come_before_the_urgent() -> None:
    waiting = [job(1, Lane.LIVE_FINAL), job(2, Lane.LONG, turn_s=9.0), job(3, Lane.LONG)]
    assert _numbers(next_batch(waiting, machine(2, running(), owes_long=True)))[0] == 3


def test_of_equals_the_first_to_come_is_the_first_to_go() -> None:
    waiting = [job(3), job(1), job(2)]
    assert _numbers(next_batch(waiting, machine(2, running()))) == [1, 2, 3]


def test_on_an_idle_machine_one_utterance_gets_all_cores() -> None:
    batch = next_batch([job()], machine(2))
    assert batch is not None
    assert batch.width is Width.WIDE


def test_beside_other_work_a_batch_gets_one_core() -> None:
    batch = next_batch([job()], machine(2, running()))
    assert batch is not None
    assert batch.width is Width.NARROW


def test_much_work_is_spread_over_the_free_workers() -> None:
    batch = next_batch([job(n) for n in range(6)], machine(2))
    assert batch is not None
    assert (batch.width, len(batch.jobs)) == (Width.NARROW, 3)


def test_one_worker_is_the_whole_machine_and_fills_its_batches() -> None:
    batch = next_batch([job(n) for n in range(6)], machine(1))
    assert batch is not None
    assert (batch.width, len(batch.jobs)) == (Width.WIDE, 6)


def test_a_short_utterance_does_not_go_along_with_one_that_lengthens_its_context() -> None:
    waiting = [job(1, speech_s=3.0), job(2, speech_s=26.0), job(3, speech_s=4.0)]
    assert _numbers(next_batch(waiting, machine(1))) == [1, 3]


def test_nobody_urgent_shares_a_batch_with_a_long_recording() -> None:
    waiting = [job(1, Lane.SHORT), job(2, Lane.LONG), job(3, Lane.LIVE_FINAL)]
    assert _numbers(next_batch(waiting, machine(1))) == [3, 1]


def test_a_long_recording_leaves_a_worker_to_those_who_are_expected() -> None:
    long_runs = running(Lane.LONG)
    waiting = [job(1, Lane.LONG)]
    assert next_batch(waiting, machine(2, long_runs, expects_urgent=True)) is None
    assert _numbers(next_batch(waiting, machine(2, long_runs))) == [1]
    assert _numbers(next_batch(waiting, machine(3, long_runs, expects_urgent=True))) == [1]
    assert _numbers(next_batch(waiting, machine(1, expects_urgent=True))) == [1]


def test_a_long_recording_takes_no_wide_batch_from_those_who_are_expected() -> None:
    batch = next_batch([job(1, Lane.LONG)], machine(2, expects_urgent=True))
    assert batch is not None
    assert batch.width is Width.NARROW


@given(QUEUES, RUNNING, st.integers(1, 5), st.integers(1, 16), st.booleans())
def test_every_batch_keeps_the_rules(
    waiting: Sequence[Job],
    busy: Sequence[Batch],
    n_workers: int,
    max_batch: int,
    expects_urgent: bool,
) -> None:
    now = machine(n_workers, *busy[:n_workers], max_batch=max_batch, expects_urgent=expects_urgent)
    batch = next_batch(waiting, now)
    if batch is None:
        assert now.n_free == 0 or all(j.is_long and not now.takes_long for j in waiting)
        return
    leader = batch.jobs[0]
    may_go = [j for j in waiting if now.takes_long or not j.is_long]
    assert leader.due_s == min(j.due_s for j in may_go)
    assert len({j.number for j in batch.jobs}) == len(batch.jobs) <= max_batch
    assert {(j.key, j.is_long) for j in batch.jobs} == {(leader.key, leader.is_long)}
    assert [j.due_s for j in batch.jobs] == sorted(j.due_s for j in batch.jobs)
    if len(batch.jobs) > 1:
        assert batch.estimated_s <= now.max_batch_s(leader)
        alone_s = sum(now.cost.seconds(j.shape, batch.width) for j in batch.jobs)
        assert batch.estimated_s < alone_s
    if batch.width is Width.NARROW:
        assert len(batch.jobs) <= math.ceil(len(may_go) / now.n_free)
    elif n_workers > 1:
        assert not busy
        assert len(batch.jobs) == len(waiting)
