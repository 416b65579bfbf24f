"""Engines that die when a test says so, and what starts them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loquent.domain.errors import WorkerCrashedError
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import StoppedWhileLoadingError
from loquent.ports import Recognition
from tests.unit.engines.scheduling.fake_engine import FakeEngine

SPEC = EngineSpec("a", "fake", Path("/models/a"))


@dataclass(eq=False, kw_only=True)
class MortalEngine(FakeEngine):
    """An engine with one worker that answers and dies when it is told to.

    Attributes:
        tried: how often each share was handed to any engine.
    """

    on_exit: Callable[[], None]
    tried: Counter[str]
    n_workers: int = 1
    is_dead: bool = False
    is_closed: bool = False

    @property
    def n_copies(self) -> int:
        return int(self.is_alive)

    @property
    def is_alive(self) -> bool:
        return not (self.is_dead or self.is_closed)

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        self.tried.update(utterance.options.share for utterance in batch)
        if not self.is_alive:
            raise WorkerCrashedError("It is gone.")
        return await super().recognize(batch, width)

    def memory_bytes(self) -> int:
        return 1_000 * self.is_alive

    def die(self) -> None:
        """End as a process does that is killed: first its calls learn of it."""
        self.is_dead = True
        for batch in self.running:
            batch.fail(WorkerCrashedError("It died."))
        self.on_exit()

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.is_closed = True


@dataclass
class Nursery:
    """Starts engines, at once or when a test says so.

    Attributes:
        waits: whether starts wait for the test.
        is_deaf: starts that are given up come to an engine nonetheless.
        failure: what starts come to, instead of an engine.
        engines: all there ever were.
        n_begun: starts, also those that came to nothing.
    """

    waits: bool = False
    is_deaf: bool = False
    n_workers: int = 1
    failure: Exception | None = None
    engines: list[MortalEngine] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    n_begun: int = 0
    _gates: list[asyncio.Future[bool]] = field(default_factory=list)

    async def start(self, spec: EngineSpec, on_exit: Callable[[], None]) -> MortalEngine:
        self.n_begun += 1
        if self.waits:
            gate: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._gates.append(gate)
            try:
                succeeds = await gate
            except asyncio.CancelledError:
                if not self.is_deaf:
                    raise
                await asyncio.sleep(0)
                succeeds = True
            finally:
                self._gates.remove(gate)
            if not succeeds:
                raise StoppedWhileLoadingError("It was killed.")
        if self.failure:
            raise self.failure
        engine = MortalEngine(on_exit=on_exit, tried=self.tried, n_workers=self.n_workers)
        self.engines.append(engine)
        return self.engines[-1]

    @property
    def alive(self) -> list[MortalEngine]:
        return [engine for engine in self.engines if engine.is_alive]

    @property
    def n_starting(self) -> int:
        return len(self._gates)

    def let_start(self, *, succeeds: bool = True) -> None:
        """Let the oldest start that waits come to an engine, or to nothing."""
        next(gate for gate in self._gates if not gate.done()).set_result(succeeds)
