"""The scheduler over an engine that does what the test says: calls, batches, errors, closing."""

from __future__ import annotations

import asyncio

import pytest

from loquent.domain.errors import EngineError, ModelNotReadyError, OverloadedError
from loquent.engines.batch import Width
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.scheduling.work_queue import QueueLimits
from loquent.ports import Lane, Recognition, SpeechRecognizer
from tests.unit.engines.scheduling.fake_engine import FakeClock, FakeEngine, settle
from tests.unit.engines.scheduling.jobs import context_s, utterance


def _scheduler(
    engine: FakeEngine, limits: QueueLimits | None = None, clock: FakeClock | None = None
) -> Scheduler:
    return Scheduler(engine, context_s=context_s, limits=limits, clock=clock or FakeClock())


def _call(
    scheduler: SpeechRecognizer, share: str, lane: Lane = Lane.SHORT
) -> asyncio.Task[Recognition]:
    asked = utterance(4.0, lane, share)
    return asyncio.ensure_future(scheduler.recognize(asked.samples, asked.options))


async def test_a_call_on_an_idle_machine_starts_at_once_on_all_cores() -> None:
    engine = FakeEngine()
    call = _call(_scheduler(engine), "a")
    await settle()
    assert engine.batches[0].width is Width.WIDE
    engine.batches[0].finish()
    assert (await call).language == "a"


async def test_calls_of_one_moment_share_batches_and_each_gets_its_own_answer() -> None:
    engine = FakeEngine()
    scheduler = _scheduler(engine)
    calls = [_call(scheduler, share) for share in "abcdef"]
    await settle()
    assert [batch.shares for batch in engine.batches] == [["a", "b", "c"], ["d", "e", "f"]]
    for batch in engine.batches:
        batch.finish()
    assert [recognition.language for recognition in await asyncio.gather(*calls)] == [*"abcdef"]


async def test_who_waits_starts_when_a_worker_is_free() -> None:
    engine = FakeEngine(n_workers=1)
    scheduler = _scheduler(engine)
    first = _call(scheduler, "first")
    await settle()
    second = _call(scheduler, "second")
    await settle()
    assert len(engine.batches) == 1
    engine.batches[0].finish()
    await settle()
    engine.batches[1].finish()
    assert [(await call).language for call in (first, second)] == ["first", "second"]


async def test_a_cancelled_call_leaves_the_queue_at_once() -> None:
    engine = FakeEngine(n_workers=1)
    scheduler = _scheduler(engine)
    first = _call(scheduler, "first")
    await settle()
    gone, stays = _call(scheduler, "gone"), _call(scheduler, "stays")
    await settle()
    gone.cancel()
    engine.batches[0].finish()
    await settle()
    assert engine.batches[1].shares == ["stays"]
    engine.batches[1].finish()
    await asyncio.gather(first, stays)
    assert gone.cancelled()


async def test_a_call_that_is_cancelled_before_it_could_start_never_starts() -> None:
    engine = FakeEngine()
    gone = _call(_scheduler(engine), "gone")
    await asyncio.sleep(0)
    gone.cancel()
    await settle()
    assert not engine.batches


async def test_a_batch_goes_on_without_the_callers_who_left() -> None:
    engine = FakeEngine(n_workers=1)
    scheduler = _scheduler(engine)
    gone, stays = _call(scheduler, "gone"), _call(scheduler, "stays")
    await settle()
    gone.cancel()
    await settle()
    assert len(engine.running) == 1
    engine.batches[0].finish()
    assert (await stays).language == "stays"
    assert gone.cancelled()


async def test_a_batch_that_nobody_waits_for_still_keeps_its_worker_busy() -> None:
    engine = FakeEngine(n_workers=1)
    scheduler = _scheduler(engine)
    gone = _call(scheduler, "gone")
    await settle()
    gone.cancel()
    after = _call(scheduler, "after")
    await settle()
    assert len(engine.batches) == 1
    engine.batches[0].fail(EngineError("Nobody hears this."))
    await settle()
    engine.batches[1].finish()
    assert (await after).language == "after"


@pytest.mark.parametrize("failure", [EngineError("It failed."), ValueError("nobody foresaw")])
async def test_a_failure_reaches_the_callers_of_its_batch_and_nobody_else(
    failure: Exception,
) -> None:
    engine = FakeEngine()
    scheduler = _scheduler(engine)
    calls = [_call(scheduler, share) for share in "abcdef"]
    await settle()
    failing, working = engine.batches
    failing.fail(failure)
    working.finish()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[:3] == [failure] * 3
    assert all(isinstance(outcome, Recognition) for outcome in outcomes[3:])
    assert scheduler.status().n_batches == 1


async def test_an_engine_that_is_stopped_fails_its_callers() -> None:
    engine = FakeEngine()
    call = _call(_scheduler(engine), "a")
    await settle()
    engine.batches[0].answers.cancel()
    with pytest.raises(EngineError):
        await call


async def test_an_engine_that_loses_an_answer_fails_its_callers() -> None:
    engine = FakeEngine()
    call = _call(_scheduler(engine), "a")
    await settle()
    engine.batches[0].answers.set_result([])
    with pytest.raises(EngineError):
        await call


async def test_a_newcomer_is_refused_while_the_queue_is_full_but_the_admitted_are_served() -> None:
    engine = FakeEngine(n_workers=1)
    scheduler = _scheduler(engine, QueueLimits(max_waiting=2))
    scheduler.check_admission(Lane.SHORT)
    calls = [_call(scheduler, "a")]
    await settle()
    calls += [_call(scheduler, share) for share in "bcd"]
    await settle()
    with pytest.raises(OverloadedError) as refusal:
        scheduler.check_admission(Lane.SHORT)
    assert refusal.value.retryable
    assert refusal.value.retry_after_s is not None
    assert refusal.value.retry_after_s >= 1.0
    engine.batches[0].finish()
    await settle()
    scheduler.check_admission(Lane.SHORT)
    engine.batches[1].finish()
    assert len(await asyncio.gather(*calls)) == 4


async def test_a_newcomer_is_refused_where_the_wait_is_too_long_for_its_lane() -> None:
    engine = FakeEngine(n_workers=1)
    clock = FakeClock()
    scheduler = _scheduler(engine, QueueLimits(max_wait_s=5.0), clock)
    calls = [_call(scheduler, f"recording {number}", Lane.LONG) for number in range(100)]
    await settle()
    scheduler.check_admission(Lane.SHORT)
    with pytest.raises(OverloadedError) as refusal:
        scheduler.check_admission(Lane.LONG)
    assert refusal.value.retry_after_s == pytest.approx(100 * 0.36, rel=0.2)
    for call in calls:
        call.cancel()
    await settle()
    scheduler.check_admission(Lane.LONG)


async def test_the_status_tells_what_waits_runs_and_is_done() -> None:
    engine, clock = FakeEngine(n_workers=1), FakeClock()
    scheduler = _scheduler(engine, clock=clock)
    assert scheduler.status().mean_batch_size == 0.0
    calls = [_call(scheduler, share) for share in "ab"]
    await settle()
    calls += [_call(scheduler, "c", Lane.LONG)]
    await settle()
    status = scheduler.status()
    assert (status.n_workers, status.n_running, status.n_waiting[Lane.LONG]) == (1, 1, 1)
    assert status.estimated_wait_s == pytest.approx(0.74, abs=0.05)
    clock.now_s = 3.0
    engine.batches[0].finish(n_repairs=2)
    await settle()
    engine.batches[1].finish()
    await asyncio.gather(*calls)
    status = scheduler.status()
    assert (status.n_batches, status.n_utterances, status.n_repairs) == (2, 3, 4)
    assert status.mean_batch_size == 1.5
    assert status.cost.wide.n_measured == 2
    assert set(status.n_waiting.values()) == {0}


async def test_closing_serves_those_who_wait_and_refuses_newcomers() -> None:
    engine = FakeEngine(n_workers=1)
    scheduler = _scheduler(engine)
    first = _call(scheduler, "first")
    await settle()
    second = _call(scheduler, "second")
    await settle()
    closing = asyncio.ensure_future(scheduler.close())
    await settle()
    with pytest.raises(ModelNotReadyError):
        await _call(scheduler, "late")
    with pytest.raises(ModelNotReadyError):
        scheduler.check_admission(Lane.SHORT)
    engine.batches[0].finish()
    await settle()
    assert not closing.done()
    engine.batches[1].finish()
    await closing
    assert [(await call).language for call in (first, second)] == ["first", "second"]


async def test_closing_in_a_hurry_refuses_those_who_wait_and_lets_batches_end() -> None:
    engine = FakeEngine(n_workers=1)
    scheduler = _scheduler(engine)
    runs = _call(scheduler, "runs")
    await settle()
    waits = _call(scheduler, "waits")
    await settle()
    patient = asyncio.ensure_future(scheduler.close())
    await settle()
    hurried = asyncio.ensure_future(scheduler.close(drain=False))
    with pytest.raises(ModelNotReadyError):
        await waits
    engine.batches[0].finish()
    await asyncio.gather(patient, hurried)
    assert (await runs).language == "runs"
    assert len(engine.batches) == 1


async def test_closing_an_idle_scheduler_returns_at_once_every_time() -> None:
    scheduler = _scheduler(FakeEngine())
    await scheduler.close()
    await scheduler.close(drain=False)
