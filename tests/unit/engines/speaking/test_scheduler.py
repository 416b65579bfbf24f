"""The scheduler of pieces over an engine that does what the test says: order, leaving, closing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.errors import EngineError, ModelNotReadyError, OverloadedError
from loquent.engines.due_order import MIN_RETRY_AFTER_S, DueStatus
from loquent.engines.speaking.scheduler import SpeechScheduler
from loquent.ports import PieceOptions, SpokenPiece
from tests.unit.engines.scheduling.fake_engine import FakeClock, settle

RATE_HZ = 8_000
OPTIONS = PieceOptions((("ann", 1.0),), "en")


@dataclass
class RunningPiece:
    """One call of the engine."""

    text: str
    options: PieceOptions
    answer: asyncio.Future[SpokenPiece]

    def finish(self) -> None:
        """Answer with a sample for each letter."""
        self.answer.set_result(SpokenPiece(np.zeros(len(self.text), np.float32), RATE_HZ))

    def fail(self, failure: BaseException) -> None:
        self.answer.set_exception(failure)


@dataclass
class FakePieceEngine:
    """A `PieceEngine` that lists its pieces, each of which the test ends."""

    n_workers: int = 1
    sample_rate_hz: int = RATE_HZ
    pieces: list[RunningPiece] = field(default_factory=list)

    async def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        answer: asyncio.Future[SpokenPiece] = asyncio.get_running_loop().create_future()
        self.pieces.append(RunningPiece(text, options, answer))
        return await answer

    @property
    def begun(self) -> list[str]:
        return [piece.text for piece in self.pieces]

    @property
    def running(self) -> list[RunningPiece]:
        return [piece for piece in self.pieces if not piece.answer.done()]


def call(scheduler: SpeechScheduler, text: str, due_s: float = 0.0) -> asyncio.Task[SpokenPiece]:
    return asyncio.create_task(scheduler.speak(text, OPTIONS, due_s))


async def finish_all(engine: FakePieceEngine) -> None:
    """End pieces one after the other until none is left."""
    await settle()
    while engine.running:
        engine.running[0].finish()
        await settle()


async def spoken_once(
    scheduler: SpeechScheduler, engine: FakePieceEngine, clock: FakeClock, took_s: float
) -> None:
    """Have one piece spoken, so that the scheduler knows how long one takes."""
    task = call(scheduler, "first")
    await settle()
    clock.now_s += took_s
    engine.running[0].finish()
    await task


async def test_a_call_on_an_idle_engine_starts_at_once_and_gets_its_answer() -> None:
    engine = FakePieceEngine()
    task = call(SpeechScheduler(engine), "hello")
    await settle()
    assert (engine.begun, engine.pieces[0].options) == (["hello"], OPTIONS)
    engine.pieces[0].finish()
    assert len((await task).samples) == len("hello")


async def test_the_earliest_due_is_the_next() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    dues_s = {"first": 9.0, "late": 8.0, "soon": 1.0, "middle": 3.0}
    tasks = [call(scheduler, text, due_s) for text, due_s in dues_s.items()]
    await finish_all(engine)
    await asyncio.gather(*tasks)
    assert engine.begun == ["first", "soon", "middle", "late"]


async def test_of_those_due_together_the_first_to_come_is_the_next() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    tasks = [call(scheduler, str(number), 5.0) for number in range(6)]
    await finish_all(engine)
    await asyncio.gather(*tasks)
    assert engine.begun == ["0", "1", "2", "3", "4", "5"]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.lists(st.floats(0, 100), max_size=12))
def test_never_more_run_than_there_are_workers_and_each_gets_its_own_answer(
    n_workers: int, dues_s: list[float]
) -> None:
    asyncio.run(_speak_all(n_workers, dues_s))


async def _speak_all(n_workers: int, dues_s: list[float]) -> None:
    engine = FakePieceEngine(n_workers)
    scheduler = SpeechScheduler(engine)
    texts = ["x" * (number + 1) for number in range(len(dues_s))]
    tasks = [call(scheduler, text, due_s) for text, due_s in zip(texts, dues_s, strict=True)]
    await settle()
    while engine.running:
        n_left = sum(not task.done() for task in tasks)
        assert len(engine.running) == min(n_workers, n_left)
        engine.running[-1].finish()
        await settle()
    assert [len(piece.samples) for piece in await asyncio.gather(*tasks)] == [*map(len, texts)]


async def test_a_cancelled_caller_leaves_the_queue_and_its_piece_is_never_begun() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    first, gone, stays = (call(scheduler, text) for text in ("first", "gone", "stays"))
    await settle()
    gone.cancel()
    await settle()
    assert scheduler.status().n_waiting == 1
    await finish_all(engine)
    await asyncio.gather(first, stays)
    assert gone.cancelled()
    assert engine.begun == ["first", "stays"]


async def test_a_caller_who_leaves_as_a_worker_gets_free_is_passed_over() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    first, gone, stays = (call(scheduler, text) for text in ("first", "gone", "stays"))
    await settle()
    engine.pieces[0].finish()
    await asyncio.sleep(0)
    gone.cancel()
    await finish_all(engine)
    await asyncio.gather(first, stays)
    assert gone.cancelled()
    assert engine.begun == ["first", "stays"]


async def test_the_order_holds_when_somebody_left_the_middle_of_the_queue() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    first = call(scheduler, "first")
    tasks = [call(scheduler, str(due_s), due_s) for due_s in (5, 1, 4, 2, 3, 0)]
    await settle()
    tasks[1].cancel()
    await finish_all(engine)
    await asyncio.gather(first, *tasks, return_exceptions=True)
    assert engine.begun == ["first", "0", "2", "3", "4", "5"]


async def test_a_piece_that_nobody_waits_for_still_keeps_its_worker_busy() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    gone, after = call(scheduler, "gone"), call(scheduler, "after")
    await settle()
    gone.cancel()
    await settle()
    assert engine.begun == ["gone"]
    engine.pieces[0].fail(EngineError("Nobody hears this."))
    await finish_all(engine)
    assert len((await after).samples) == len("after")


@pytest.mark.parametrize("failure", [EngineError("It failed."), ValueError("nobody foresaw")])
async def test_a_failure_reaches_its_own_caller_only(failure: Exception) -> None:
    engine = FakePieceEngine(n_workers=2)
    scheduler = SpeechScheduler(engine)
    failing, working, waiting = (call(scheduler, text) for text in ("fails", "works", "waits"))
    await settle()
    engine.pieces[0].fail(failure)
    await finish_all(engine)
    outcomes = await asyncio.gather(failing, working, waiting, return_exceptions=True)
    assert outcomes[0] is failure
    assert all(isinstance(outcome, SpokenPiece) for outcome in outcomes[1:])


async def test_an_engine_that_is_stopped_leaves_nobody_waiting() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    stopped, waiting = call(scheduler, "stopped"), call(scheduler, "waiting")
    await settle()
    engine.pieces[0].answer.cancel()
    await finish_all(engine)
    assert isinstance(await waiting, SpokenPiece)
    assert stopped.done()


async def test_closing_serves_who_waits_and_refuses_who_comes() -> None:
    engine = FakePieceEngine()
    scheduler = SpeechScheduler(engine)
    tasks = [call(scheduler, text) for text in ("runs", "waits")]
    await settle()
    closing = asyncio.create_task(scheduler.close())
    await settle()
    with pytest.raises(ModelNotReadyError) as caught:
        await scheduler.speak("comes", OPTIONS, 0.0)
    assert caught.value.retry_after_s == MIN_RETRY_AFTER_S
    with pytest.raises(ModelNotReadyError):
        scheduler.check_admission()
    engine.pieces[0].finish()
    await settle()
    assert not closing.done()
    await finish_all(engine)
    await closing
    assert all(isinstance(piece, SpokenPiece) for piece in await asyncio.gather(*tasks))
    assert engine.begun == ["runs", "waits"]


async def test_closing_an_idle_scheduler_returns_at_once() -> None:
    await SpeechScheduler(FakePieceEngine()).close()


async def test_a_newcomer_is_refused_who_would_wait_too_long_and_told_when_to_return() -> None:
    engine, clock = FakePieceEngine(n_workers=2), FakeClock()
    scheduler = SpeechScheduler(engine, max_wait_s=5.0, clock=clock)
    await spoken_once(scheduler, engine, clock, 4.0)
    tasks = [call(scheduler, str(number)) for number in range(3)]
    await settle()
    scheduler.check_admission()
    tasks.append(call(scheduler, "one more"))
    await settle()
    with pytest.raises(OverloadedError) as caught:
        scheduler.check_admission()
    assert caught.value.retry_after_s == scheduler.status().estimated_wait_s == 6.0
    await finish_all(engine)
    await asyncio.gather(*tasks)
    scheduler.check_admission()


async def test_who_was_admitted_is_served_however_much_waits() -> None:
    engine, clock = FakePieceEngine(), FakeClock()
    scheduler = SpeechScheduler(engine, max_wait_s=0.0, clock=clock)
    await spoken_once(scheduler, engine, clock, 60.0)
    tasks = [call(scheduler, str(number)) for number in range(3)]
    await finish_all(engine)
    assert len(await asyncio.gather(*tasks)) == 3


async def test_nobody_is_told_to_return_sooner_than_makes_sense() -> None:
    engine, clock = FakePieceEngine(), FakeClock()
    scheduler = SpeechScheduler(engine, max_wait_s=0.0, clock=clock)
    await spoken_once(scheduler, engine, clock, 0.01)
    task = call(scheduler, "busy")
    await settle()
    with pytest.raises(OverloadedError) as caught:
        scheduler.check_admission()
    assert caught.value.retry_after_s == MIN_RETRY_AFTER_S
    await finish_all(engine)
    await task


async def test_an_idle_engine_admits_whatever_pieces_take() -> None:
    engine, clock = FakePieceEngine(), FakeClock()
    scheduler = SpeechScheduler(engine, max_wait_s=0.0, clock=clock)
    await spoken_once(scheduler, engine, clock, 1_000.0)
    scheduler.check_admission()
    assert scheduler.status().estimated_wait_s == 0.0


async def test_the_status_counts_what_runs_waits_and_was_done() -> None:
    engine, clock = FakePieceEngine(n_workers=2), FakeClock()
    scheduler = SpeechScheduler(engine, clock=clock)
    assert scheduler.status() == DueStatus(2, 0, 0, 0, 0.0)
    await spoken_once(scheduler, engine, clock, 2.0)
    tasks = [call(scheduler, str(number)) for number in range(5)]
    await settle()
    assert scheduler.status() == DueStatus(2, 2, 3, 1, 4.0)
    await finish_all(engine)
    await asyncio.gather(*tasks)
    status = scheduler.status()
    assert (status.n_running, status.n_waiting, status.n_done) == (0, 0, 6)


def test_the_engine_says_how_many_fit_side_by_side_and_at_which_rate() -> None:
    scheduler = SpeechScheduler(FakePieceEngine(n_workers=3))
    assert (scheduler.n_workers, scheduler.sample_rate_hz) == (3, RATE_HZ)
