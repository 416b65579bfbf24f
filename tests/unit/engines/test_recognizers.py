"""As many live sessions as a model can follow, each with a seat that it gives back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from loquent.domain.errors import ModelLoadError, OverloadedError
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.performers import EngineSpec
from loquent.engines.recognizers import LiveShelf, RecognizerShelf
from loquent.engines.scheduling.estimate import LIVE_STRETCH_S
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.services import ListeningService
from loquent.engines.slots import ShelfOptions
from loquent.ports import Lane, Recognition
from loquent.realtime.ladder import RETRY_AFTER_S
from tests.unit.engines.scheduling.fake_engine import FakeClock, settle
from tests.unit.engines.scheduling.jobs import context_s, utterance


class Engine:
    """A model that answers at once, or when its gate is opened.

    Attributes:
        takes_s: how long a batch takes by the clock.
    """

    n_workers = 2
    n_copies = 1

    def __init__(self, clock: FakeClock, gate: asyncio.Event) -> None:
        self._clock = clock
        self._gate = gate
        self.takes_s = 0.0

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        await self._gate.wait()
        self._clock.now_s += self.takes_s
        return [Recognition("en", ()) for _ in batch]

    def memory_bytes(self) -> int:
        return 0

    async def close(self) -> None:
        pass


class Models:
    """A shelf of models that take no time to load."""

    def __init__(self, max_sessions: int) -> None:
        self.clock = FakeClock(1_000.0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.engines: dict[str, Engine] = {}
        self.failure: Exception | None = None
        self.shelf: RecognizerShelf[Engine, ListeningService] = RecognizerShelf(
            lambda model_id: EngineSpec(model_id, "fake", Path("/models")),
            self._start,
            partial(Scheduler, context_s=context_s, clock=self.clock),
            ShelfOptions(),
        )
        self.live = LiveShelf(self.shelf, max_sessions)

    async def _start(self, spec: EngineSpec, on_exit: Callable[[], None]) -> Engine:
        if self.failure:
            raise self.failure
        return self.engines.setdefault(spec.model_id, Engine(self.clock, self.gate))

    async def n_seats(self, model_id: str = "a") -> int:
        """Take seats until there are no more; return how many there were."""
        async with AsyncExitStack() as seats:
            for n_taken in range(1_000):
                try:
                    await seats.enter_async_context(self.live.live_recognizer(model_id))
                except OverloadedError:
                    return n_taken
        return 1_000


@asynccontextmanager
async def models(max_sessions: int = 2) -> AsyncIterator[Models]:
    built = Models(max_sessions)
    yield built
    built.gate.set()
    await built.shelf.close()
    await settle()
    assert len(asyncio.all_tasks()) == 1


async def test_no_more_sessions_are_followed_than_the_operator_allows() -> None:
    async with models(2) as shelf, AsyncExitStack() as seats:
        for _ in range(2):
            await seats.enter_async_context(shelf.live.live_recognizer("a"))
        with pytest.raises(OverloadedError, match="already follows 2 live sessions") as caught:
            await seats.enter_async_context(shelf.live.live_recognizer("a"))
        assert caught.value.retry_after_s == RETRY_AFTER_S


async def test_a_seat_is_given_back_at_the_end() -> None:
    async with models(2) as shelf:
        assert await shelf.n_seats() == 2
        assert await shelf.n_seats() == 2


async def test_a_seat_is_given_back_by_who_fails() -> None:
    async with models(1) as shelf:
        with pytest.raises(ValueError, match="inside"):
            async with shelf.live.live_recognizer("a"):
                raise ValueError("inside")
        assert await shelf.n_seats() == 1


async def test_a_seat_is_given_back_by_who_is_cancelled() -> None:
    async def sit() -> None:
        async with shelf.live.live_recognizer("a"):
            await asyncio.Event().wait()

    async with models(1) as shelf:
        await shelf.shelf.load("a")
        sitting = asyncio.create_task(sit())
        await settle()
        assert await shelf.n_seats() == 0
        sitting.cancel()
        await asyncio.wait([sitting])
        assert await shelf.n_seats() == 1


async def test_who_is_refused_takes_no_seat() -> None:
    async with models(1) as shelf, AsyncExitStack() as seats:
        await seats.enter_async_context(shelf.live.live_recognizer("a"))
        assert await shelf.n_seats() == 0
        await seats.aclose()
        assert await shelf.n_seats() == 1


async def test_a_model_that_does_not_load_takes_no_seat() -> None:
    async with models(1) as shelf:
        shelf.failure = ModelLoadError("damaged")
        with pytest.raises(ModelLoadError):
            await shelf.n_seats()
        shelf.failure = None
        assert await shelf.n_seats() == 1


async def test_every_model_has_seats_of_its_own() -> None:
    async with models(2) as shelf, shelf.live.live_recognizer("a"):
        assert await shelf.n_seats("b") == 2
        assert await shelf.n_seats("a") == 1


async def test_those_who_come_at_once_do_not_share_the_last_seat() -> None:
    may_leave = asyncio.Event()

    async def sit() -> None:
        async with shelf.live.live_recognizer("a"):
            await may_leave.wait()

    async with models(1) as shelf:
        coming = [asyncio.create_task(sit()) for _ in range(5)]
        done, _pending = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        await settle()
        may_leave.set()
        outcomes = await asyncio.gather(*coming, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(OverloadedError) == 4
        assert all(isinstance(task.exception(), OverloadedError) for task in done)


async def test_without_a_limit_there_are_as_many_seats_as_the_model_can_follow() -> None:
    async with models(0) as shelf:
        async with shelf.shelf.in_use("a") as scheduler:
            expected = scheduler.n_live_streams
        assert await shelf.n_seats() == expected > 1


async def test_a_model_that_turns_out_to_be_slow_has_fewer_seats() -> None:
    async with models(0) as shelf:
        before = await shelf.n_seats()
        shelf.engines["a"].takes_s = 60.0
        async with shelf.live.live_recognizer("a") as recognizer:
            asked = utterance(LIVE_STRETCH_S, Lane.LIVE_FINAL)
            await recognizer.recognize(asked.samples, asked.options)
        assert await shelf.n_seats() == 1 < before


async def test_nobody_new_is_followed_while_finals_wait_for_long() -> None:
    async with models(100) as shelf, shelf.live.live_recognizer("a") as recognizer:
        shelf.gate.clear()
        asked = utterance(28.0, Lane.LIVE_FINAL)
        calls = [
            asyncio.create_task(recognizer.recognize(asked.samples, asked.options))
            for _ in range(20)
        ]
        await settle()
        with pytest.raises(OverloadedError) as caught:
            async with shelf.live.live_recognizer("a"):
                pytest.fail("a seat that is of no use")
        assert caught.value.retry_after_s is not None
        assert caught.value.retry_after_s > 0.0
        shelf.gate.set()
        await asyncio.gather(*calls)
        assert await shelf.n_seats() == 99


@pytest.mark.parametrize("lane", [Lane.LIVE_PARTIAL, Lane.LONG])
async def test_work_that_can_wait_keeps_nobody_from_being_followed(lane: Lane) -> None:
    async with models(100) as shelf, shelf.live.live_recognizer("a") as recognizer:
        shelf.gate.clear()
        asked = utterance(4.0, lane)
        calls = [
            asyncio.create_task(recognizer.recognize(asked.samples, asked.options))
            for _ in range(20)
        ]
        await settle()
        assert await shelf.n_seats() == 99
        shelf.gate.set()
        await asyncio.gather(*calls)
