"""Engines that have no process, a clock that stands still, and a shelf between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from loquent.domain.audio import Samples
from loquent.domain.errors import ModelNotFoundError, WorkerCrashedError
from loquent.domain.transcript import Task
from loquent.engines.batch import BatchEngine, Utterance, Width
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import StoppedWhileLoadingError
from loquent.engines.recognizers import RecognizerShelf
from loquent.engines.slots import LoadState, ModelState, ShelfOptions
from loquent.ports import Recognition, RecognitionOptions
from tests.unit.engines.fake_clock import FakeClock, settle

OPTIONS = RecognitionOptions(Task.TRANSCRIBE, None)
SILENCE = np.zeros(160, np.float32)


class FakeEngine:
    """A model that takes memory and does nothing."""

    n_workers = 1
    n_copies = 1

    def __init__(self, model_id: str, on_exit: Callable[[], None]) -> None:
        self.model_id = model_id
        self.on_exit = on_exit
        self.death = asyncio.Event()
        self.is_closed = False

    def die(self) -> None:
        self.death.set()
        self.on_exit()

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        return [Recognition(self.model_id, ()) for _ in batch]

    def memory_bytes(self) -> int:
        return 1_000

    async def close(self) -> None:
        self.is_closed = True


class FakeRecognizer:
    """Answers once its gate is open, with the id of the model as the language."""

    def __init__(
        self, engine: BatchEngine, gate: asyncio.Event, death: asyncio.Event | None = None
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._death = death or asyncio.Event()
        self.n_calls = 0
        self.is_closed = False

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        self.n_calls += 1
        ends = [asyncio.create_task(event.wait()) for event in (self._gate, self._death)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if self._death.is_set():
            raise WorkerCrashedError("It died.")
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
        self.dies_at_once = False
        self.n_load_deaths = 0
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

    def is_called(self, number: int) -> bool:
        """Tell whether somebody has asked the recognizer that was made as the `number`th."""
        return len(self.recognizers) > number and self.recognizers[number].n_calls > 0

    def _spec_of(self, model_id: str) -> EngineSpec:
        if model_id == "unknown":
            raise ModelNotFoundError("no such model")
        return EngineSpec(model_id, "fake", Path("/models") / model_id)

    async def _start(self, spec: EngineSpec, on_exit: Callable[[], None]) -> FakeEngine:
        self.n_starts += 1
        await self.may_start.wait()
        if self.n_load_deaths:
            self.n_load_deaths -= 1
            raise StoppedWhileLoadingError("It was killed.")
        if self.failure is not None:
            raise self.failure
        self.engines.append(FakeEngine(spec.model_id, on_exit))
        self.most_in_memory = max(self.most_in_memory, len(self.in_memory))
        if self.dies_at_once:
            self.dies_at_once = False
            asyncio.get_running_loop().call_soon(self.engines[-1].die)
        return self.engines[-1]

    def _make_recognizer(self, engine: FakeEngine) -> FakeRecognizer:
        self.recognizers.append(FakeRecognizer(engine, self.may_answer, engine.death))
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


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not is_true():  # noqa: ASYNC110 - models are looked up in a thread
            await asyncio.sleep(0.001)
