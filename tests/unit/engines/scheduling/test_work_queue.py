"""A whole queue on a machine in virtual time: who waits how long, and that everybody is served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.engines.batch import Utterance, Width
from loquent.engines.scheduling.policy import Job
from loquent.engines.scheduling.work_queue import LONG_STARVES_S, URGENT_MEMORY_S
from loquent.ports import Lane
from tests.unit.engines.scheduling.jobs import VirtualMachine, utterance

N_IN_FLIGHT = 16
ARRIVALS = st.lists(
    st.tuples(
        st.floats(0.0, 2.0),
        st.builds(
            utterance,
            speech_s=st.sampled_from([0.5, 4.0, 12.0, 29.0]),
            lane=st.sampled_from(list(Lane)),
            share=st.sampled_from("abc"),
            temperature=st.sampled_from([0.0, 0.4]),
        ),
    ),
    max_size=40,
)


def _keep_reading(machine: VirtualMachine, recording: str) -> None:
    """Let a long recording fill its places again."""
    jobs = [*machine.queue.waiting.values(), *(j for b in machine.queue.running for j in b.jobs)]
    for _stretch in range(N_IN_FLIGHT - sum(j.share == recording for j in jobs)):
        machine.enter(utterance(28.0, Lane.LONG, recording))


def _short_waits_s(machine: VirtualMachine, *, gap_s: float, n: int) -> list[float]:
    """Let short requests come beside a long recording; return how long each waited."""
    came_s: dict[int, float] = {}
    for number in range(n):
        _keep_reading(machine, "recording")
        short = machine.enter(utterance(4.0, Lane.SHORT, f"caller {number}"))
        came_s[short.number] = machine.now_s
        machine.run_until(machine.now_s + gap_s)
    return sorted(machine.begun_s[number] - at_s for number, at_s in came_s.items())


def test_short_requests_overtake_a_long_recording() -> None:
    machine = VirtualMachine(n_workers=2)
    waits_s = _short_waits_s(machine, gap_s=0.7, n=60)
    assert waits_s[-1] < 0.7
    n_long = sum(job.is_long for job in machine.order)
    assert n_long >= 60 * 0.7 / 3.0 - 1, "one worker reads on"


def test_one_worker_makes_a_short_request_wait_for_one_stretch_at_most() -> None:
    machine = VirtualMachine(n_workers=1)
    waits_s = _short_waits_s(machine, gap_s=3.5, n=40)
    assert waits_s[-1] < 3.5


def test_a_long_recording_has_the_whole_machine_once_nobody_else_comes() -> None:
    machine = VirtualMachine(n_workers=2)
    _keep_reading(machine, "recording")
    machine.run_until(URGENT_MEMORY_S)
    assert sum(batch.is_long for batch in machine.queue.running) == 2


def test_the_opening_of_a_recording_keeps_no_worker_from_its_rest() -> None:
    machine = VirtualMachine(n_workers=2)
    machine.enter(utterance(28.0, Lane.SHORT, "recording"))
    machine.step()
    _keep_reading(machine, "recording")
    machine.dispatch()
    assert [batch.width for batch in machine.queue.running] == [Width.NARROW] * 2


def test_a_long_recording_is_read_on_however_many_short_requests_come() -> None:
    machine = VirtualMachine(n_workers=2)
    _keep_reading(machine, "recording")
    machine.enter(utterance(4.0, Lane.SHORT, "first"))
    for number in range(1200):
        machine.enter(utterance(4.0, Lane.SHORT, f"caller {number}"))
        machine.run_until(machine.now_s + 0.1)
    begun_s = [machine.begun_s[job.number] for job in machine.order if job.is_long]
    pauses_s = [after - before for before, after in pairwise(begun_s)]
    assert len(begun_s) > 2
    assert max(pauses_s) < LONG_STARVES_S + 6.0


def test_many_requests_of_one_caller_do_not_delay_the_only_one_of_another() -> None:
    machine = VirtualMachine(n_workers=2)
    for _job in range(100):
        machine.enter(utterance(4.0, Lane.SHORT, "greedy"))
    machine.run_until(5.0)
    modest = machine.enter(utterance(4.0, Lane.SHORT, "modest"))
    while modest.number not in machine.begun_s:
        machine.step()
    assert machine.begun_s[modest.number] - 5.0 < 2.5
    assert len(machine.queue.waiting) > 50


def test_callers_who_always_want_more_get_equal_shares() -> None:
    machine = VirtualMachine(n_workers=2)
    for caller, n_jobs in (("a", 90), ("b", 45), ("c", 45)):
        for _job in range(n_jobs):
            machine.enter(utterance(4.0, Lane.SHORT, caller))
    machine.dispatch()
    while len(machine.order) < 60:
        machine.step()
    served = Counter(job.share for job in machine.order[:60])
    assert max(served.values()) - min(served.values()) <= 4


def test_two_long_recordings_advance_at_the_same_pace() -> None:
    machine = VirtualMachine(n_workers=2)
    _keep_reading(machine, "first")
    machine.run_until(20.0)
    n_before = len(machine.order)
    for _round in range(30):
        _keep_reading(machine, "first")
        _keep_reading(machine, "second")
        machine.step()
    served = Counter(job.share for job in machine.order[n_before:])
    assert abs(served["first"] - served["second"]) <= 2


def test_the_estimated_wait_is_near_the_real_one() -> None:
    machine = VirtualMachine(n_workers=2)
    for number in range(80):
        machine.enter(utterance(4.0, Lane.SHORT, f"caller {number}"))
    machine.run_until(1.0)
    estimated_s = machine.queue.wait_s(Lane.SHORT, machine.now_s)
    newest = machine.enter(utterance(4.0, Lane.SHORT, "newest"))
    while newest.number not in machine.begun_s:
        machine.step()
    assert machine.begun_s[newest.number] - 1.0 == pytest.approx(estimated_s, rel=0.25)


def test_long_recordings_that_wait_do_not_count_for_a_short_request() -> None:
    machine = VirtualMachine(n_workers=2)
    _keep_reading(machine, "recording")
    machine.dispatch()
    short_s = machine.queue.wait_s(Lane.SHORT, 0.0)
    assert short_s < 3.0 < machine.queue.wait_s(Lane.LONG, 0.0)


def test_a_job_that_leaves_frees_its_place() -> None:
    machine = VirtualMachine(n_workers=2)
    first, second = (machine.enter(utterance()) for _job in range(2))
    machine.queue.withdraw(first)
    machine.queue.withdraw(first)
    machine.dispatch()
    assert machine.order == [second]


def test_jobs_that_leave_do_not_delay_the_next_of_their_share() -> None:
    machine = VirtualMachine(n_workers=2)
    machine.enter(utterance(share="a"))
    leaving = [machine.enter(utterance(share="a")) for _job in range(5)]
    turn_s = leaving[0].turn_s
    for job in leaving:
        machine.queue.withdraw(job)
    assert machine.enter(utterance(share="a")).turn_s == pytest.approx(turn_s)


def test_whoever_comes_during_a_wide_batch_waits_for_its_end() -> None:
    machine = VirtualMachine(n_workers=2)
    machine.enter(utterance())
    machine.dispatch()
    (batch,) = machine.queue.running
    assert batch.width is Width.WIDE
    assert machine.queue.wait_s(Lane.SHORT, 0.0) == batch.estimated_s


def test_a_failed_batch_frees_its_worker_and_teaches_nothing() -> None:
    machine = VirtualMachine(n_workers=2)
    machine.enter(utterance())
    batch = machine.queue.start_next(0.0)
    assert batch is not None
    cost = machine.queue.cost
    machine.queue.abandon(batch, 100.0)
    assert machine.queue.cost == cost
    assert not list(machine.queue.running)


@settings(max_examples=60, deadline=None)
@given(ARRIVALS, st.integers(1, 4), st.sets(st.integers(0, 39)))
def test_everybody_who_stays_is_served_exactly_once(
    arrivals: Sequence[tuple[float, Utterance]], n_workers: int, leaving: set[int]
) -> None:
    machine = VirtualMachine(n_workers)
    entered: list[Job] = []
    left: set[int] = set()
    for number, (gap_s, arrival) in enumerate(arrivals):
        entered.append(machine.enter(arrival))
        if number in leaving:
            machine.queue.withdraw(entered[-1])
            left.add(entered[-1].number)
        machine.run_until(machine.now_s + gap_s)
    while machine.step():
        pass
    expected = [job.number for job in entered if job.number not in left]
    assert sorted(job.number for job in machine.order) == expected
    assert not machine.queue.waiting
    assert not list(machine.queue.running)
