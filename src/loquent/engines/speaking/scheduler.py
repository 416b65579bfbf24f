"""Decides which piece of text is spoken next; knows neither the model nor where sound goes."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final, Protocol

from loquent.domain.errors import EngineError, ModelNotReadyError, OverloadedError
from loquent.ports import PieceOptions, SpokenPiece

MIN_RETRY_AFTER_S: Final = 1.0

_SMOOTHING: Final = 0.2
"""How much the newest piece counts in the mean time of one."""


class PieceEngine(Protocol):
    """A loaded model that speaks pieces, several side by side."""

    @property
    def n_workers(self) -> int:
        """How many pieces are worth speaking side by side."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """The rate of every piece."""
        ...

    async def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        """Speak a piece. A call that is cancelled may still occupy its worker until it is done.

        Raises: EngineError.
        """
        ...


@dataclass(order=True, slots=True)
class _Job:
    """A piece that waits, or is being spoken; the first due is the first spoken."""

    due_s: float
    number: int
    text: str = field(compare=False)
    options: PieceOptions = field(compare=False)
    answer: asyncio.Future[SpokenPiece] = field(compare=False)


@dataclass(frozen=True, slots=True)
class SpeakingStatus:
    """What one speaking model is doing and has done."""

    n_workers: int
    n_running: int
    n_waiting: int
    n_pieces: int
    estimated_wait_s: float


class SpeechScheduler:
    """A `PieceSpeaker` over a `PieceEngine`; one for each loaded model.

    Work starts as soon as it arrives or a worker is free. Of what waits, that piece is next whose
    listener will be the first without sound: so a new caller goes before one who has minutes of
    sound in store, and nobody starves, as every due time comes.
    """

    def __init__(
        self,
        engine: PieceEngine,
        *,
        max_wait_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the engine, and how long a newcomer may have to wait before it is refused."""
        self._engine = engine
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._numbers = count()
        self._waiting: list[_Job] = []
        self._running: set[asyncio.Task[SpokenPiece]] = set()
        self._is_closing = False
        self._n_pieces = 0
        self._piece_s = 0.0

    @property
    def n_workers(self) -> int:
        return self._engine.n_workers

    @property
    def sample_rate_hz(self) -> int:
        return self._engine.sample_rate_hz

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        """Speak `text`; a cancelled call leaves the queue at once.

        Raises: EngineError.
        """
        self._refuse_if_closing()
        answer: asyncio.Future[SpokenPiece] = asyncio.get_running_loop().create_future()
        job = _Job(due_s, next(self._numbers), text, options, answer)
        heapq.heappush(self._waiting, job)
        self._dispatch()
        try:
            return await answer
        finally:
            self._withdraw(job)

    def check_admission(self) -> None:
        """Refuse a newcomer who would wait too long; what was once admitted is always served.

        Raises: OverloadedError; ModelNotReadyError: the model is being unloaded.
        """
        self._refuse_if_closing()
        wait_s = self._wait_s()
        if wait_s > self._max_wait_s:
            raise OverloadedError(
                "The server has more to speak than it can in time. Try again later.",
                retry_after_s=max(MIN_RETRY_AFTER_S, wait_s),
            )

    def status(self) -> SpeakingStatus:
        """Return what the model is doing now."""
        return SpeakingStatus(
            n_workers=self.n_workers,
            n_running=len(self._running),
            n_waiting=len(self._waiting),
            n_pieces=self._n_pieces,
            estimated_wait_s=self._wait_s(),
        )

    async def close(self) -> None:
        """Take no more calls; those that wait are served, and it returns when nothing runs."""
        self._is_closing = True
        while self._running:
            await asyncio.wait(self._running)

    def _refuse_if_closing(self) -> None:
        if self._is_closing:
            raise ModelNotReadyError(
                "The model is being unloaded. Try again in a moment.",
                retry_after_s=MIN_RETRY_AFTER_S,
            )

    def _wait_s(self) -> float:
        """Estimate how long a piece that came now would wait if it were the last."""
        n_before = len(self._waiting) + len(self._running)
        return self._piece_s * max(0, n_before - self.n_workers + 1) / self.n_workers

    def _withdraw(self, job: _Job) -> None:
        if job in self._waiting:
            self._waiting.remove(job)
            heapq.heapify(self._waiting)

    def _dispatch(self) -> None:
        while self._waiting and len(self._running) < self.n_workers:
            job = heapq.heappop(self._waiting)
            if job.answer.done():
                continue  # its caller has just left
            work = asyncio.create_task(self._engine.speak(job.text, job.options))
            self._running.add(work)
            work.add_done_callback(partial(self._end, job, self._clock()))

    def _end(self, job: _Job, began_s: float, work: asyncio.Task[SpokenPiece]) -> None:
        """Free the worker of a piece and tell its caller, whatever became of it."""
        self._running.discard(work)
        took_s = self._clock() - began_s
        self._n_pieces += 1
        share = _SMOOTHING if self._n_pieces > 1 else 1.0
        self._piece_s += share * (took_s - self._piece_s)
        if not job.answer.done():
            if work.cancelled():
                job.answer.set_exception(EngineError("The model was stopped at its work."))
            elif error := work.exception():
                job.answer.set_exception(error)
            else:
                job.answer.set_result(work.result())
        elif not work.cancelled():
            work.exception()  # nobody waits to hear of it
        self._dispatch()
