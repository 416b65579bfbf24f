"""Windows of several recordings on one model: the first due first, each with its own answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.errors import EngineError, ModelNotReadyError
from loquent.engines.analysing.scheduler import WindowScheduler
from loquent.ports import WindowVoices
from tests.unit.engines.scheduling.fake_engine import settle

WANTED = SpeechRegion(2.5, 7.5)


@dataclass
class FakeWindowEngine:
    """Answers with as many frames as there are samples, once the test lets it.

    Attributes:
        begun: how many samples each window had, in the order in which they were begun.
    """

    n_workers: int = 1
    begun: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def analyse(self, samples: Samples, wanted: SpeechRegion) -> WindowVoices:
        assert wanted == WANTED
        self.begun.append(len(samples))
        await self.gate.wait()
        if not len(samples):
            raise EngineError("Nothing to be heard.")
        return WindowVoices(np.zeros((len(samples), 3), np.bool_), ())


def call(scheduler: WindowScheduler, n_samples: int, due_s: float) -> asyncio.Task[WindowVoices]:
    samples = np.zeros(n_samples, np.float32)
    return asyncio.create_task(scheduler.analyse(samples, WANTED, due_s))


async def test_the_window_that_is_due_first_is_the_next_and_each_gets_its_answer() -> None:
    engine = FakeWindowEngine()
    scheduler = WindowScheduler(engine)
    tasks = [call(scheduler, n, due_s) for n, due_s in ((1, 9.0), (2, 8.0), (3, 1.0), (4, 3.0))]
    await settle()
    assert scheduler.status().n_waiting == 3
    engine.gate.set()
    assert [len((await task).activity) for task in tasks] == [1, 2, 3, 4]
    assert engine.begun == [1, 3, 4, 2]


async def test_a_window_that_fails_fails_alone() -> None:
    engine = FakeWindowEngine(n_workers=2)
    scheduler = WindowScheduler(engine)
    failing, working = call(scheduler, 0, 0.0), call(scheduler, 5, 1.0)
    engine.gate.set()
    with pytest.raises(EngineError, match="Nothing to be heard"):
        await failing
    assert len((await working).activity) == 5


async def test_a_recording_that_is_given_up_leaves_the_queue() -> None:
    engine = FakeWindowEngine()
    scheduler = WindowScheduler(engine)
    first, gone = call(scheduler, 1, 0.0), call(scheduler, 2, 0.0)
    await settle()
    gone.cancel()
    await settle()
    assert scheduler.status().n_waiting == 0
    engine.gate.set()
    await first
    assert engine.begun == [1]


async def test_a_model_that_is_being_unloaded_takes_no_more_windows() -> None:
    scheduler = WindowScheduler(FakeWindowEngine())
    await scheduler.close()
    with pytest.raises(ModelNotReadyError):
        await call(scheduler, 1, 0.0)
