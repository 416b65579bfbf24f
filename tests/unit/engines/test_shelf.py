"""The shelf over engines that have no process, and a clock that stands still."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from loquent.domain.audio import Samples
from loquent.domain.errors import (
    ConflictError,
    ModelLoadError,
    ModelNotFoundError,
    ModelNotReadyError,
)
from loquent.domain.transcript import Task
from loquent.engines.batch import BatchEngine, Utterance, Width
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import start_engine
from loquent.engines.recognizers import RecognizerShelf
from loquent.engines.slots import LoadState, ModelState, ShelfOptions
from loquent.ports import Recognition, RecognitionOptions, SpeechRecognizer
from tests.unit.engines.host.fake_reader import FAKES

OPTIONS = RecognitionOptions(Task.TRANSCRIBE, None)
SILENCE = np.zeros(160, np.float32)


class FakeClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self._now_s = 1_000.0
        self._alarms: list[tuple[float, asyncio.Event]] = []

    def now_s(self) -> float:
        return self._now_s

    async def sleep(self, duration_s: float) -> None:
        alarm = asyncio.Event()
        self._alarms.append((self._now_s + duration_s, alarm))
        await alarm.wait()

    async def advance(self, duration_s: float) -> None:
        await settle()
        self._now_s += duration_s
        for due_s, alarm in self._alarms:
            if due_s <= self._now_s:
                alarm.set()
        await settle()


class FakeEngine:
    """A model that takes memory and does nothing."""

    n_workers = 1

    def __init__(self, model_id: str, on_exit: Callable[[], None]) -> None:
        self.model_id = model_id
        self.on_exit = on_exit
        self.is_closed = False

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        return [Recognition(self.model_id, ()) for _ in batch]

    def memory_bytes(self) -> int:
        return 1_000

    async def close(self) -> None:
        self.is_closed = True


class FakeRecognizer:
    """Answers once its gate is open, with the id of the model as the language."""

    def __init__(self, engine: BatchEngine, gate: asyncio.Event) -> None:
        self._engine = engine
        self._gate = gate
        self.is_closed = False

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        await self._gate.wait()
        return (await self._engine.recognize([Utterance(samples, options)], Width.WIDE))[0]

    async def close(self) -> None:
        self.is_closed = True


class Stage:
    """What stands around a shelf: engines that may start, recognizers that may answer."""

    def __init__(self, options: ShelfOptions) -> None:
        self.clock = FakeClock()
        self.engines: list[FakeEngine] = []
        self.recognizers: list[FakeRecognizer] = []
        self.may_start = opened(asyncio.Event())
        self.may_answer = opened(asyncio.Event())
        self.failure: Exception | None = None
        self.n_starts = 0
        self.most_in_memory = 0
        self.shelf = RecognizerShelf(
            self._spec_of, self._start, self._make_recognizer, options, self.clock
        )

    @property
    def in_memory(self) -> list[str]:
        return [engine.model_id for engine in self.engines if not engine.is_closed]

    def state(self, model_id: str) -> ModelState:
        return next(state for state in self.shelf.status() if state.id == model_id)

    async def use(self, model_id: str) -> None:
        recognizer = await self.shelf.recognizer(model_id)
        assert (await recognizer.recognize(SILENCE, OPTIONS)).language == model_id

    async def is_loading(self, model_id: str, n_starts: int = 1) -> None:
        """Wait until the model's engine is being started, behind the thread that found it."""
        await until(lambda: self.n_starts >= n_starts)
        assert self.state(model_id).state is LoadState.LOADING

    def _spec_of(self, model_id: str) -> EngineSpec:
        if model_id == "unknown":
            raise ModelNotFoundError("no such model")
        return EngineSpec(model_id, "fake", Path("/models") / model_id)

    async def _start(self, spec: EngineSpec, on_exit: Callable[[], None]) -> FakeEngine:
        self.n_starts += 1
        await self.may_start.wait()
        if self.failure is not None:
            raise self.failure
        self.engines.append(FakeEngine(spec.model_id, on_exit))
        self.most_in_memory = max(self.most_in_memory, len(self.in_memory))
        return self.engines[-1]

    def _make_recognizer(self, engine: BatchEngine) -> FakeRecognizer:
        self.recognizers.append(FakeRecognizer(engine, self.may_answer))
        return self.recognizers[-1]


@asynccontextmanager
async def stage(
    max_loaded: int = 2,
    *,
    idle_unload_s: float = 0.0,
    preload: frozenset[str] = frozenset(),
    linger_s: float = 0.0,
) -> AsyncIterator[Stage]:
    built = Stage(ShelfOptions(max_loaded, idle_unload_s, 30.0, preload, linger_s))
    yield built
    await built.shelf.close()
    assert not built.in_memory
    assert all(recognizer.is_closed for recognizer in built.recognizers)
    assert built.shelf.status() == ()
    await settle()
    assert len(asyncio.all_tasks()) == 1


def opened(gate: asyncio.Event) -> asyncio.Event:
    gate.set()
    return gate


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not is_true():  # noqa: ASYNC110 - models are looked up in a thread
            await asyncio.sleep(0.001)


async def test_callers_share_one_load_and_each_gets_the_model() -> None:
    async with stage() as on:
        await asyncio.gather(*(on.use("a") for _ in range(5)))
        assert on.in_memory == ["a"]
        assert on.shelf.loaded() == {"a"}
        assert set(on.shelf.services()) == {"a"}


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    async with stage() as on:
        on.failure = ModelLoadError("damaged")
        outcomes = await asyncio.gather(on.use("a"), on.use("a"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ModelLoadError, ModelLoadError]
        assert on.shelf.status() == ()
        with pytest.raises(ModelLoadError):
            await on.shelf.load("a")
        on.failure = None
        await on.use("a")


async def test_an_unknown_model_takes_no_room() -> None:
    async with stage(max_loaded=1) as on:
        await on.use("a")
        with pytest.raises(ModelNotFoundError):
            await on.use("unknown")
        assert on.shelf.loaded() == {"a"}


async def test_the_least_recently_used_model_makes_room() -> None:
    async with stage(max_loaded=2) as on:
        for model_id in ("a", "b", "a", "c"):
            await on.use(model_id)
            await on.clock.advance(1.0)
        assert on.shelf.loaded() == {"a", "c"}
        assert on.most_in_memory == 2


async def test_a_model_in_use_is_waited_for_and_never_unloaded() -> None:
    async with stage(max_loaded=1) as on:
        on.may_answer.clear()
        busy = asyncio.create_task(on.use("a"))
        await until(lambda: on.shelf.loaded() == {"a"})
        waiting = asyncio.create_task(on.use("b"))
        await until(on.shelf._making_room.locked)
        await on.clock.advance(1.0)
        assert on.in_memory == ["a"]
        on.may_answer.set()
        await asyncio.gather(busy, waiting)
        assert on.in_memory == ["b"]
        assert on.most_in_memory == 1


async def test_a_caller_waits_for_room_only_so_long() -> None:
    async with stage(max_loaded=1) as on:
        async with on.shelf.in_use("a"):
            waiting = asyncio.create_task(on.use("b"))
            await until(on.shelf._making_room.locked)
            await on.clock.advance(30.0)
            with pytest.raises(ModelNotReadyError, match="waits for room: all 1 models"):
                await waiting
        await until(lambda: on.shelf.loaded() == {"b"})


async def test_a_model_lingers_in_the_gaps_of_a_recording() -> None:
    async with stage(max_loaded=1, linger_s=2.0) as on:
        await on.use("a")
        waiting = asyncio.create_task(on.use("b"))
        await until(on.shelf._making_room.locked)
        await on.clock.advance(1.5)
        await on.use("a")
        await on.clock.advance(1.5)
        assert on.in_memory == ["a"]
        await on.clock.advance(0.5)
        await waiting
        assert on.in_memory == ["b"]


async def test_what_was_handed_out_survives_that_its_model_is_unloaded() -> None:
    async with stage(max_loaded=1) as on:
        recognizer: SpeechRecognizer = await on.shelf.recognizer("a")
        await on.use("b")
        assert (await recognizer.recognize(SILENCE, OPTIONS)).language == "a"
        assert on.in_memory == ["a"]


async def test_a_model_without_use_is_unloaded() -> None:
    async with stage(idle_unload_s=60.0) as on:
        await on.use("a")
        await on.clock.advance(59.0)
        await on.use("a")
        await on.clock.advance(59.0)
        assert on.in_memory == ["a"]
        assert on.state("a").idle_s == 59.0
        await on.clock.advance(1.0)
        assert on.in_memory == []
        await on.use("a")


async def test_a_model_in_use_is_not_idle_however_long_the_call_takes() -> None:
    async with stage(idle_unload_s=60.0) as on:
        async with on.shelf.in_use("a"):
            for _ in range(3):
                await on.clock.advance(60.0)
            assert on.state("a") == ModelState("a", LoadState.LOADED, 1_000, 0.0, 1)
        for _ in range(2):
            await on.clock.advance(60.0)
        assert on.in_memory == []


async def test_a_preloaded_model_is_never_idle_and_makes_room_last() -> None:
    async with stage(idle_unload_s=60.0, preload=frozenset({"a"})) as on:
        await on.shelf.load("a")
        await on.clock.advance(1_000.0)
        for model_id in ("b", "c"):
            await on.use(model_id)
        assert on.in_memory == ["a", "c"]


async def test_the_shelf_has_room_for_all_that_is_preloaded() -> None:
    async with stage(max_loaded=1, preload=frozenset("abc")) as on:
        await asyncio.gather(*(on.shelf.load(model_id) for model_id in "abc"))
        assert on.shelf.loaded() == {"a", "b", "c"}


async def test_a_cold_model_is_waited_for_and_then_excused_while_its_load_goes_on() -> None:
    async with stage() as on:
        on.may_start.clear()
        waiting = asyncio.create_task(on.use("a"))
        await on.is_loading("a")
        await on.clock.advance(29.0)
        assert not waiting.done()
        assert on.state("a") == ModelState("a", LoadState.LOADING, 0, 0.0, 1)
        await on.clock.advance(1.0)
        with pytest.raises(ModelNotReadyError, match="has been loading for 30 s") as caught:
            await waiting
        assert caught.value.retry_after_s == 5.0
        on.may_start.set()
        await on.use("a")
        assert on.n_starts == 1


async def test_a_load_goes_on_without_the_caller_who_asked_for_it() -> None:
    async with stage() as on:
        on.may_start.clear()
        caller = asyncio.create_task(on.use("a"))
        await on.is_loading("a")
        caller.cancel()
        await asyncio.wait([caller])
        assert on.state("a").in_flight == 0
        on.may_start.set()
        await until(lambda: on.shelf.loaded() == {"a"})


async def test_a_model_whose_process_died_is_loaded_again_on_next_use() -> None:
    async with stage() as on:
        recognizer = await on.shelf.recognizer("a")
        on.engines[0].on_exit()
        assert on.shelf.loaded() == set()
        assert (await recognizer.recognize(SILENCE, OPTIONS)).language == "a"
        assert len(on.engines) == 2


async def test_a_preloaded_model_whose_process_died_is_back_at_once() -> None:
    async with stage(max_loaded=1, preload=frozenset({"a"})) as on:
        await on.shelf.load("a")
        on.engines[0].on_exit()
        await until(lambda: len(on.engines) == 2 and on.shelf.loaded() == {"a"})
        assert on.most_in_memory == 1


async def test_a_preloaded_model_that_keeps_dying_waits_for_its_next_use() -> None:
    async with stage(preload=frozenset({"a"})) as on:
        await on.shelf.load("a")
        on.engines[0].on_exit()
        await until(lambda: on.shelf.loaded() == {"a"})
        await on.clock.advance(9.0)
        on.engines[1].on_exit()
        await settle()
        assert on.shelf.status() == ()
        await on.use("a")
        await on.clock.advance(1.0)
        on.engines[2].on_exit()
        await until(lambda: len(on.engines) == 4)
        await until(lambda: on.shelf.loaded() == {"a"})


async def test_closing_gives_up_what_is_being_loaded() -> None:
    async with stage() as on:
        await on.use("a")
        on.may_start.clear()
        waiting = asyncio.create_task(on.use("b"))
        await on.is_loading("b", n_starts=2)
        await on.shelf.close()
        with pytest.raises(ModelNotReadyError, match="shutting down"):
            await waiting
        with pytest.raises(ModelNotReadyError, match="shutting down"):
            await on.use("a")


@pytest.mark.skipif(sys.platform == "win32", reason="children need Unix sockets")
async def test_a_preloaded_model_is_back_by_itself_when_its_process_is_killed() -> None:
    others = set(psutil.Process().children())
    shelf = RecognizerShelf(
        lambda model_id: EngineSpec(model_id, "fake", Path("/models")),
        partial(start_engine, performers=FAKES),
        lambda engine: FakeRecognizer(engine, opened(asyncio.Event())),
        ShelfOptions(preload=frozenset({"a"})),
    )
    await shelf.load("a")
    (child,) = set(psutil.Process().children()) - others
    child.kill()
    await until(lambda: not shelf.loaded())
    await until(lambda: shelf.loaded() == {"a"})
    recognizer = await shelf.recognizer("a")
    assert (await recognizer.recognize(SILENCE, OPTIONS)).language == "xx"
    await shelf.close()
    assert set(psutil.Process().children()) <= others


async def test_a_model_is_unloaded_when_somebody_says_so_and_loaded_again_on_next_use() -> None:
    async with stage() as on:
        await on.use("a")
        await on.shelf.unload("a")
        assert on.in_memory == []
        await on.shelf.unload("a")
        await on.use("a")
        assert on.in_memory == ["a"]


async def test_a_model_in_use_or_on_its_way_is_not_unloaded() -> None:
    async with stage() as on:
        async with on.shelf.in_use("a"):
            with pytest.raises(ConflictError, match="in use"):
                await on.shelf.unload("a")
        on.may_start.clear()
        loading = asyncio.create_task(on.shelf.load("b"))
        await on.is_loading("b", n_starts=2)
        with pytest.raises(ConflictError, match="being loaded"):
            await on.shelf.unload("b")
        on.may_start.set()
        await loading
        assert sorted(on.in_memory) == ["a", "b"]
