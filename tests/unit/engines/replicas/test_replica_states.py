"""Copies come and die, calls come and leave: each call ends as it must, and nothing is left."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loquent.domain.deployments import Replicas
from loquent.domain.errors import ModelLoadError, WorkerCrashedError
from loquent.engines.recognizers import RecognizerShelf
from loquent.engines.replicas.replica_set import start_replicas
from loquent.engines.replicas.services import ListeningReplicas
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.scheduling.work_queue import QueueLimits
from loquent.engines.slots import ShelfOptions
from loquent.engines.surviving import N_ATTEMPTS
from loquent.ports import Lane, Recognition
from tests.unit.engines.fake_clock import FakeClock, settle
from tests.unit.engines.replicas.mortals import SPEC, Nursery
from tests.unit.engines.scheduling.jobs import context_s, utterance

PLACES = st.integers(0, 99)

N_TURNS = 5
"""Of `settle`, for calls that are handed from one copy to the next."""


class AtOnce(ThreadPoolExecutor):
    """Does what threads do without any, so that the order of things is always the same."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class ReplicaStates(RuleBasedStateMachine):
    """Drives a shelf with one model of up to three copies."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(AtOnce())
        self.clock = FakeClock()
        self.nursery = Nursery(waits=True)
        self.bounds = Replicas(1, 3)
        self.calls: dict[str, asyncio.Task[Recognition]] = {}
        self.cancelled: set[str] = set()
        self.n_deaths = 0
        self.n_failed_starts = 0
        self.n_deaths_before: Counter[str] = Counter()
        self.shelf = self.loop.run_until_complete(self._build())

    async def _build(self) -> RecognizerShelf[Any, Any]:
        start = partial(
            start_replicas,
            start=self.nursery.start,
            make_service=partial(
                Scheduler,
                context_s=context_s,
                limits=QueueLimits(max_batch=3),
                clock=self.clock.now_s,
            ),
            bounds=self.bounds,
            clock=self.clock,
        )
        options = ShelfOptions(cold_wait_s=math.inf)
        return RecognizerShelf(lambda _id: SPEC, start, ListeningReplicas, options, self.clock)

    @rule(n=st.integers(1, 6), lane=st.sampled_from([Lane.SHORT, Lane.LONG]))
    def submit(self, n: int, lane: Lane) -> None:
        for _ in range(n):
            name = f"call {len(self.calls)}"
            self.n_deaths_before[name] = self.n_deaths
            self.calls[name] = self.loop.create_task(self._call(name, lane))

    async def _call(self, name: str, lane: Lane) -> Recognition:
        asked = utterance(4.0, lane, name)
        recognizer = await self.shelf.recognizer("a")
        return await recognizer.recognize(asked.samples, asked.options)

    @precondition(lambda self: self.open_calls())
    @rule(place=PLACES)
    def cancel(self, place: int) -> None:
        open_calls = self.open_calls()
        name = open_calls[place % len(open_calls)]
        self.calls[name].cancel()
        self.cancelled.add(name)

    @precondition(lambda self: self.nursery.n_starting)
    @rule(succeeds=st.sampled_from([True, True, True, False]))
    def start(self, succeeds: bool) -> None:
        self.n_deaths += not succeeds
        self.n_failed_starts += not succeeds
        self.nursery.let_start(succeeds=succeeds)
        self.settle()

    @precondition(lambda self: any(engine.running for engine in self.nursery.alive))
    @rule(place=PLACES)
    def answer(self, place: int) -> None:
        batches = [batch for engine in self.nursery.alive for batch in engine.running]
        batches[place % len(batches)].finish()

    @precondition(lambda self: self.nursery.alive)
    @rule(place=PLACES)
    def kill(self, place: int) -> None:
        async def die() -> None:
            self.nursery.alive[place % len(self.nursery.alive)].die()

        self.n_deaths += 1
        self.loop.run_until_complete(die())

    @rule()
    def let_things_happen(self) -> None:
        self.settle()

    @rule(seconds=st.sampled_from([1, 10, 70]))
    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.loop.run_until_complete(self.clock.advance(1.0))

    @invariant()
    def there_are_never_more_copies_than_may_be(self) -> None:
        assert len(self.nursery.alive) + self.nursery.n_starting <= self.bounds.most

    @invariant()
    def nothing_is_tried_for_ever(self) -> None:
        assert max(self.nursery.tried.values(), default=0) <= N_ATTEMPTS

    def open_calls(self) -> list[str]:
        self.settle()
        return [name for name, call in self.calls.items() if not call.done()]

    def settle(self) -> None:
        for _ in range(N_TURNS):
            self.loop.run_until_complete(settle())

    def teardown(self) -> None:
        """Let everybody live; then each call has ended as it had to, and nothing is left."""
        try:
            self.finish()
            for name, call in self.calls.items():
                self.check(name, call)
            self.loop.run_until_complete(self.shelf.close())
            self.settle()
            assert not self.nursery.alive
            assert not self.nursery.n_starting
            assert not asyncio.all_tasks(self.loop)
        finally:
            self.loop.close()

    def finish(self) -> None:
        while self.open_calls():
            if self.nursery.n_starting:
                self.nursery.let_start()
            for engine in self.nursery.alive:
                for batch in engine.running:
                    batch.finish()

    def check(self, name: str, call: asyncio.Task[Recognition]) -> None:
        if name in self.cancelled:
            assert call.cancelled()
        elif (error := call.exception()) is None:
            assert call.result().language == name
        elif isinstance(error, ModelLoadError):
            assert self.n_failed_starts >= N_ATTEMPTS  # who comes late shares the load of others
        else:
            assert isinstance(error, WorkerCrashedError)
            assert self.n_deaths - self.n_deaths_before[name] >= N_ATTEMPTS


ReplicaStates.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
test_every_call_ends_whatever_dies = ReplicaStates.TestCase
