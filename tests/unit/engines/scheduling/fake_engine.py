"""A batch engine whose batches end when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from loquent.engines.batch import Utterance, Width
from loquent.ports import Recognition

N_TICKS = 12
"""Turns of the event loop after which everything that can happen has happened."""


async def settle() -> None:
    """Let the event loop run until nobody has anything to do."""
    for _tick in range(N_TICKS):
        await asyncio.sleep(0)


@dataclass
class FakeClock:
    """Stands still until it is moved."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class RunningBatch:
    """One call of the engine."""

    utterances: tuple[Utterance, ...]
    width: Width
    answers: asyncio.Future[Sequence[Recognition]]

    @property
    def shares(self) -> list[str]:
        return [utterance.options.share for utterance in self.utterances]

    def finish(self, n_repairs: int = 0) -> None:
        """Answer each utterance with its share for a language."""
        self.answers.set_result([Recognition(share, (), 0, n_repairs) for share in self.shares])

    def fail(self, failure: BaseException) -> None:
        self.answers.set_exception(failure)


@dataclass
class FakeEngine:
    """A `BatchEngine` that lists its batches."""

    n_workers: int = 2
    batches: list[RunningBatch] = field(default_factory=list)

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        """Wait until the test ends the batch."""
        answers: asyncio.Future[Sequence[Recognition]] = asyncio.get_running_loop().create_future()
        self.batches.append(RunningBatch(tuple(batch), width, answers))
        return await answers

    @property
    def running(self) -> list[RunningBatch]:
        return [batch for batch in self.batches if not batch.answers.done()]
