"""Copies that come, die and go, and the calls that are shared among them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from loquent.domain.deployments import Replicas
from loquent.domain.errors import (
    ModelLoadError,
    ModelNotReadyError,
    OverloadedError,
    WorkerCrashedError,
)
from loquent.engines.replicas.replica_set import ReplicaSet, start_replicas
from loquent.engines.replicas.scaling import GROW_AFTER_S, REST_S, SHRINK_AFTER_S
from loquent.engines.replicas.services import ListeningReplicas
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.scheduling.work_queue import QueueLimits
from loquent.engines.services import ListeningService
from loquent.ports import Lane, Recognition
from tests.unit.engines.fake_clock import FakeClock, settle
from tests.unit.engines.replicas.mortals import SPEC, MortalEngine, Nursery
from tests.unit.engines.scheduling.jobs import context_s, utterance

TWO = Replicas(2, 2)
LIMITS = QueueLimits(max_batch=1)


class Stage:
    """A set of copies, whoever calls them, and whoever is told of its end."""

    def __init__(self, n_workers: int = 1) -> None:
        self.clock = FakeClock()
        self.nursery = Nursery(n_workers=n_workers)
        self.n_exits = 0
        self.calls: list[asyncio.Task[Recognition]] = []
        self.replicas: ReplicaSet[MortalEngine, ListeningService]
        self.service: ListeningReplicas

    async def open(self, bounds: Replicas, limits: QueueLimits) -> None:
        self.replicas = await start_replicas(
            SPEC,
            self._exited,
            start=self.nursery.start,
            make_service=partial(
                Scheduler, context_s=context_s, limits=limits, clock=self.clock.now_s
            ),
            bounds=bounds,
            clock=self.clock,
        )
        self.service = ListeningReplicas(self.replicas)
        await settle()

    async def call(
        self, share: str = "x", lane: Lane = Lane.SHORT, speech_s: float = 4.0
    ) -> asyncio.Task[Recognition]:
        asked = utterance(speech_s, lane, share)
        call = asyncio.create_task(self.service.recognize(asked.samples, asked.options))
        self.calls.append(call)
        await settle()
        return call

    async def pass_time(self, duration_s: float) -> None:
        for _ in range(round(duration_s)):
            await self.clock.advance(1.0)

    def answer(self) -> None:
        for engine in self.nursery.alive:
            for batch in engine.running:
                batch.finish()

    @property
    def shares(self) -> list[list[str]]:
        """Return who is being served by each copy that lives."""
        return [[s for b in engine.running for s in b.shares] for engine in self.nursery.alive]

    def _exited(self) -> None:
        self.n_exits += 1


@asynccontextmanager
async def stage(
    bounds: Replicas = TWO, limits: QueueLimits = LIMITS, n_workers: int = 1
) -> AsyncIterator[Stage]:
    on = Stage(n_workers)
    await on.open(bounds, limits)
    yield on
    closing = asyncio.create_task(on.service.close())
    while not closing.done():
        on.answer()
        await settle()
    await on.replicas.close()
    assert not on.nursery.alive
    await asyncio.gather(*on.calls, return_exceptions=True)
    await settle()
    assert len(asyncio.all_tasks()) == 1


async def test_the_first_copy_is_waited_for_and_the_others_follow() -> None:
    on = Stage()
    on.nursery.waits = True
    opening = asyncio.create_task(on.open(Replicas(3, 3), LIMITS))
    await settle()
    assert on.nursery.n_begun == 1
    on.nursery.let_start()
    await opening
    assert (on.replicas.n_copies, on.nursery.n_starting) == (1, 2)
    on.nursery.let_start()
    on.nursery.let_start()
    await settle()
    assert on.replicas.n_copies == 3
    assert on.replicas.memory_bytes() == 3_000
    await on.replicas.close()
    assert not on.nursery.alive


async def test_a_model_that_does_not_load_has_no_copies() -> None:
    on = Stage()
    on.nursery.failure = ModelLoadError("damaged")
    with pytest.raises(ModelLoadError, match="damaged"):
        await on.open(TWO, LIMITS)
    assert (on.nursery.n_begun, on.n_exits) == (1, 0)
    assert len(asyncio.all_tasks()) == 1


async def test_calls_are_shared_among_copies() -> None:
    async with stage() as on:
        for share in "abcd":
            await on.call(share)
        assert sorted(on.shares) == [["a"], ["b"]]
        on.answer()
        await settle()
        assert sorted(on.shares) == [["c"], ["d"]]


async def test_a_call_goes_where_it_waits_least() -> None:
    async with stage() as on:
        await on.call("much", speech_s=28.0)
        for share in ("little", "second", "third"):
            await on.call(share, speech_s=1.0)
        quick = next(e for e in on.nursery.alive if e.running[0].shares == ["little"])
        for share in ("second", "third"):
            quick.running[0].finish()
            await settle()
            assert [batch.shares for batch in quick.running] == [[share]]


async def test_what_lets_others_go_first_goes_where_the_fewest_calls_are() -> None:
    async with stage() as on:
        await on.call("short", Lane.SHORT, speech_s=28.0)
        first = next(e for e in on.nursery.alive if e.running)
        for n in range(4):
            await on.call(f"long {n}", Lane.LONG, speech_s=1.0)
        tried = [len(e.batches) for e in on.nursery.alive]
        assert tried == [1, 1]
        for _ in range(3):
            for engine in on.nursery.alive:
                if engine is not first:
                    engine.running[0].finish()
            await settle()
        # Of five calls, that copy has two or three, though a newcomer waits less for it.
        assert sorted(len(e.batches) for e in on.nursery.alive) in ([1, 3], [1, 2])


async def test_what_a_copy_was_working_on_fails_and_it_is_replaced_at_once() -> None:
    async with stage() as on:
        calls = [await on.call(share) for share in "abcd"]
        dying = on.nursery.alive[0]
        dying.die()
        await settle()
        failed = [call for call in calls if call.done()]
        assert len(failed) == 2  # one was being served, one waited for that copy
        assert {type(call.exception()) for call in failed} == {WorkerCrashedError}
        assert (on.replicas.n_copies, on.n_exits) == (2, 0)
        assert on.nursery.n_begun == 3


async def test_copies_that_keep_dying_are_replaced_ever_later() -> None:
    async with stage() as on:
        on.nursery.alive[0].die()
        await settle()
        for pause_s in (1.0, 2.0, 4.0):
            assert on.replicas.n_copies == 2
            on.nursery.alive[1].die()
            await on.clock.advance(pause_s - 0.1)
            assert on.replicas.n_copies == 1
            await on.clock.advance(0.1)
        assert on.replicas.n_copies == 2


async def test_a_copy_that_does_not_load_is_tried_again() -> None:
    async with stage() as on:
        on.nursery.failure = ModelLoadError("no memory")
        on.nursery.alive[0].die()
        await settle()
        assert on.replicas.n_copies == 1
        on.nursery.failure = None
        await on.clock.advance(1.0)
        assert (on.replicas.n_copies, on.n_exits) == (2, 0)


async def test_calls_wait_for_the_copy_that_is_being_started_where_none_is_left() -> None:
    async with stage() as on:
        on.nursery.waits = True
        for engine in on.nursery.alive:
            engine.die()
        call = await on.call("a")
        on.service.check_admission(Lane.SHORT)
        assert (on.replicas.n_copies, on.n_exits, call.done()) == (0, 0, False)
        assert on.service.status().n_workers == 0
        assert on.service.n_live_streams == 1
        on.nursery.let_start()
        await settle()
        assert on.shares == [["a"]]


async def test_who_waits_learns_that_there_will_be_no_copy() -> None:
    async with stage() as on:
        on.nursery.waits = True
        for engine in on.nursery.alive:
            engine.die()
        calls = [await on.call("a"), await on.call("b")]
        while on.nursery.n_starting:
            assert on.n_exits == 0
            on.nursery.let_start(succeeds=False)
            await settle()
        assert on.n_exits == 1
        assert {type(call.exception()) for call in calls} == {WorkerCrashedError}
        with pytest.raises(WorkerCrashedError):
            await (await on.call("c"))
        await on.pass_time(100)
        assert (on.nursery.alive, on.n_exits) == ([], 1)


async def test_one_more_copy_is_started_while_work_waits_and_no_more_than_may_be() -> None:
    async with stage(Replicas(1, 3)) as on:
        for n in range(40):
            await on.call(f"{n}")
        await on.pass_time(REST_S + GROW_AFTER_S)
        assert on.replicas.n_copies == 2
        await on.pass_time(100)
        assert (on.replicas.n_copies, on.nursery.n_begun) == (3, 3)


async def test_a_copy_that_nobody_needs_is_ended_when_its_work_is_done() -> None:
    async with stage(Replicas(1, 2)) as on:
        for n in range(8):
            await on.call(f"{n}")
        await on.pass_time(REST_S + GROW_AFTER_S)
        assert on.replicas.n_copies == 2
        while not all(call.done() for call in on.calls):
            on.answer()
            await settle()
        last = await on.call("last")
        (busy,) = [engine for engine in on.nursery.alive if engine.running]
        await on.pass_time(SHRINK_AFTER_S + REST_S)
        assert on.nursery.alive == [busy]
        assert not last.done()
        on.answer()
        await settle()
        assert last.result().language == "last"
        assert on.service.status().n_utterances == 9


async def test_no_other_copy_is_started_before_it_is_seen_what_the_last_one_helps() -> None:
    async with stage(Replicas(1, 3)) as on:
        on.nursery.waits = True
        for n in range(40):
            await on.call(f"{n}")
        await on.pass_time(100)
        assert on.nursery.n_starting == 1
        on.nursery.let_start()
        await on.pass_time(REST_S - 1)
        assert on.nursery.n_starting == 0


async def test_a_copy_that_could_not_be_added_is_not_missed_once_the_work_is_done() -> None:
    async with stage(Replicas(1, 2)) as on:
        for n in range(8):
            await on.call(f"{n}")
        on.nursery.failure = ModelLoadError("no memory")
        await on.pass_time(REST_S + GROW_AFTER_S)
        while not all(call.done() for call in on.calls):
            on.answer()
            await settle()
        on.nursery.failure = None
        n_begun = on.nursery.n_begun
        await on.pass_time(100)
        assert (on.replicas.n_copies, on.nursery.n_begun) == (1, n_begun)


async def test_a_copy_ends_its_work_first_and_takes_the_room_of_one_as_long() -> None:
    async with stage(Replicas(1, 2), n_workers=2) as on:
        for n in range(8):
            await on.call(f"{n}")
        await on.pass_time(REST_S + GROW_AFTER_S)
        while not all(call.done() for call in on.calls):
            on.answer()
            await settle()
        two = [await on.call("one"), await on.call("other")]
        await on.pass_time(SHRINK_AFTER_S + REST_S)
        assert (on.replicas.n_copies, len(on.nursery.alive)) == (1, 2)
        for n in range(20):
            await on.call(f"more {n}")
        await on.pass_time(100)
        assert (on.replicas.n_copies, len(on.nursery.alive)) == (1, 2)
        assert not any(call.done() for call in two)
        on.answer()
        await settle()
        assert [call.result().language for call in two] == ["one", "other"]
        assert on.nursery.n_begun == 3


async def test_a_copy_that_is_loaded_though_that_was_given_up_is_ended_too() -> None:
    async with stage() as on:
        on.nursery.waits = on.nursery.is_deaf = True
        on.nursery.alive[0].die()
        await settle()
        assert on.nursery.n_starting == 1
        await on.replicas.close()
        assert (len(on.nursery.engines), on.nursery.alive) == (3, [])


async def test_closing_gives_up_what_is_being_started_and_those_who_wait_for_it() -> None:
    async with stage() as on:
        on.nursery.waits = True
        for engine in on.nursery.alive:
            engine.die()
        call = await on.call("a")
        await on.service.close()
        await on.replicas.close()
        await settle()
        assert isinstance(call.exception(), ModelNotReadyError)
        assert (on.nursery.n_starting, on.n_exits) == (0, 0)


async def test_what_all_copies_do_is_told_as_one() -> None:
    async with stage() as on:
        one, other = on.replicas.ready()
        assert on.service.n_live_streams == one.n_live_streams + other.n_live_streams
        for n in range(5):
            await on.call(f"{n}")
        status = on.service.status()
        assert (status.n_workers, status.n_running) == (2, 2)
        assert (status.n_waiting[Lane.SHORT], status.n_utterances) == (3, 0)
        waits_s = [service.status().estimated_wait_s for service in on.replicas.ready()]
        assert waits_s[0] < waits_s[1]
        assert status.estimated_wait_s == waits_s[0] > 0
        on.answer()
        await settle()
        assert on.service.status().n_utterances == 2
        on.nursery.alive[0].die()
        await settle()
        assert on.service.status().n_utterances == 2


async def test_a_newcomer_is_refused_where_every_copy_would_refuse() -> None:
    async with stage(limits=QueueLimits(max_batch=1, max_waiting=1)) as on:
        for n in range(3):
            on.service.check_admission(Lane.SHORT)
            await on.call(f"{n}")
        on.service.check_admission(Lane.SHORT)
        await on.call("3")
        with pytest.raises(OverloadedError):
            on.service.check_admission(Lane.SHORT)
