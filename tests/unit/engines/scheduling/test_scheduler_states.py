"""Calls come, leave, are answered and fail in any order: each ends once, and nothing is left."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loquent.domain.errors import EngineError, ModelNotReadyError
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.scheduling.work_queue import QueueLimits
from loquent.ports import Lane, Recognition
from tests.unit.engines.scheduling.fake_engine import FakeClock, FakeEngine, settle
from tests.unit.engines.scheduling.jobs import context_s, utterance

PLACES = st.integers(0, 99)


class SchedulerStates(RuleBasedStateMachine):
    """Drives a scheduler and remembers how each call must end."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.engine = FakeEngine(n_workers=2)
        self.scheduler = Scheduler(
            self.engine, context_s=context_s, limits=QueueLimits(max_batch=3), clock=self.clock
        )
        self.calls: dict[str, asyncio.Task[Recognition]] = {}
        self.cancelled: set[str] = set()
        self.failed: set[str] = set()
        self.closing: list[asyncio.Task[None]] = []

    @rule(
        lane=st.sampled_from(list(Lane)),
        speech_s=st.sampled_from([1.0, 28.0]),
        temperature=st.sampled_from([0.0, 0.2]),
    )
    def submit(self, lane: Lane, speech_s: float, temperature: float) -> None:
        name = f"call {len(self.calls)}"
        asked = utterance(speech_s, lane, name, temperature=temperature)
        work = self.scheduler.recognize(asked.samples, asked.options)
        self.calls[name] = self.loop.create_task(work)
        if self.closing:
            self.failed.add(name)

    @precondition(lambda self: self.open_calls())
    @rule(place=PLACES)
    def cancel(self, place: int) -> None:
        open_calls = self.open_calls()
        name = open_calls[place % len(open_calls)]
        self.calls[name].cancel()
        if not (self.closing and name in self.failed):
            self.cancelled.add(name)
        self.settle()

    @precondition(lambda self: self.engine.running)
    @rule(place=PLACES, took_s=st.floats(0.0, 5.0))
    def finish(self, place: int, took_s: float) -> None:
        self.clock.now_s += took_s
        self.engine.running[place % len(self.engine.running)].finish()

    @precondition(lambda self: self.engine.running)
    @rule(place=PLACES)
    def fail(self, place: int) -> None:
        batch = self.engine.running[place % len(self.engine.running)]
        self.failed.update(set(batch.shares) - self.cancelled)
        batch.fail(EngineError("It failed."))

    @rule()
    def let_things_happen(self) -> None:
        self.settle()

    @precondition(lambda self: len(self.calls) > 3)
    @rule(drain=st.booleans())
    def close(self, drain: bool) -> None:
        self.settle()
        if not drain:
            begun = {share for batch in self.engine.batches for share in batch.shares}
            self.failed.update(set(self.open_calls()) - begun)
        self.closing.append(self.loop.create_task(self.scheduler.close(drain=drain)))
        self.settle()

    @invariant()
    def no_more_runs_than_there_are_workers(self) -> None:
        assert len(self.engine.running) <= self.engine.n_workers

    @invariant()
    def nobody_is_recognised_twice(self) -> None:
        begun = [share for batch in self.engine.batches for share in batch.shares]
        assert len(begun) == len(set(begun))

    def open_calls(self) -> list[str]:
        """Return those who wait for an answer, as far as the test knows."""
        self.settle()
        return [name for name, call in self.calls.items() if not call.done()]

    def settle(self) -> None:
        self.loop.run_until_complete(settle())

    def teardown(self) -> None:
        """Finish all work; then each call has ended as it had to, and nothing is left."""
        self.settle()
        while running := self.engine.running:
            running[0].finish()
            self.settle()
        for name, call in self.calls.items():
            assert call.done()
            if name in self.cancelled:
                assert call.cancelled()
            elif name in self.failed:
                assert isinstance(call.exception(), EngineError | ModelNotReadyError)
            else:
                assert call.result().language == name
        self.loop.run_until_complete(self.scheduler.close())
        assert all(closing.done() for closing in self.closing)
        assert not self.scheduler._calls
        assert not self.scheduler._queue.waiting
        assert not list(self.scheduler._queue.running)
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()


SchedulerStates.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_every_call_ends_exactly_once = SchedulerStates.TestCase
