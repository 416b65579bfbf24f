"""Shares an engine between callers, those first whose answers are due first; knows no engine."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from loquent.domain.errors import EngineError, ModelNotReadyError, OverloadedError

MIN_RETRY_AFTER_S: Final = 1.0

_SMOOTHING: Final = 0.2
"""How much the newest answer counts in the mean time of one."""

A = TypeVar("A")

Work: TypeAlias = Callable[[], Coroutine[Any, Any, A]]
"""One call of the engine. One that is cancelled may still occupy its worker until it is done."""


class Workers(Protocol):
    """An engine that does a few calls side by side."""

    @property
    def n_workers(self) -> int:
        """How many calls are worth doing side by side."""
        ...


W = TypeVar("W", bound=Workers)


@dataclass(order=True, slots=True)
class _Job(Generic[A]):
    """Work that waits, or is being done; the first due is the first done."""

    due_s: float
    number: int
    work: Work[A] = field(compare=False)
    answer: asyncio.Future[A] = field(compare=False)


@dataclass(frozen=True, slots=True)
class DueStatus:
    """What one engine is doing and has done."""

    n_workers: int
    n_running: int
    n_waiting: int
    n_done: int
    estimated_wait_s: float


class DueOrder(Generic[W, A]):
    """The calls of one engine, in the order in which their answers are due.

    Work starts as soon as it arrives or a worker is free. Nobody starves, as every due time comes.
    """

    def __init__(
        self,
        engine: W,
        *,
        max_wait_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the engine, and how long a newcomer may have to wait before it is refused."""
        self._engine = engine
        self._max_wait_s = max_wait_s
        self._clock = clock
        self._numbers = count()
        self._waiting: list[_Job[A]] = []
        self._running: set[asyncio.Task[A]] = set()
        self._is_closing = False
        self._n_done = 0
        self._mean_s = 0.0

    @property
    def n_workers(self) -> int:
        return self._engine.n_workers

    def check_admission(self) -> None:
        """Refuse a newcomer who would wait too long; what was once admitted is always served.

        Raises: OverloadedError; ModelNotReadyError: the model is being unloaded.
        """
        self._refuse_if_closing()
        wait_s = self._wait_s()
        if wait_s > self._max_wait_s:
            raise OverloadedError(
                "The server has more to do than it can in time. Try again later.",
                retry_after_s=max(MIN_RETRY_AFTER_S, wait_s),
            )

    def status(self) -> DueStatus:
        """Return what the engine is doing now."""
        return DueStatus(
            n_workers=self.n_workers,
            n_running=len(self._running),
            n_waiting=len(self._waiting),
            n_done=self._n_done,
            estimated_wait_s=self._wait_s(),
        )

    async def close(self) -> None:
        """Take no more calls; those that wait are served, and it returns when nothing runs."""
        self._is_closing = True
        while self._running:
            await asyncio.wait(self._running)

    async def _do(self, work: Work[A], due_s: float) -> A:
        """Return what comes of `work`; a cancelled call leaves the queue at once.

        Raises: ModelNotReadyError: the model is being unloaded; EngineError.
        """
        self._refuse_if_closing()
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        job = _Job(due_s, next(self._numbers), work, answer)
        heapq.heappush(self._waiting, job)
        self._dispatch()
        try:
            return await answer
        finally:
            self._withdraw(job)

    def _refuse_if_closing(self) -> None:
        if self._is_closing:
            raise ModelNotReadyError(
                "The model is being unloaded. Try again in a moment.",
                retry_after_s=MIN_RETRY_AFTER_S,
            )

    def _wait_s(self) -> float:
        """Estimate how long work that came now would wait if it were the last."""
        n_before = len(self._waiting) + len(self._running)
        return self._mean_s * max(0, n_before - self.n_workers + 1) / self.n_workers

    def _withdraw(self, job: _Job[A]) -> None:
        if job in self._waiting:
            self._waiting.remove(job)
            heapq.heapify(self._waiting)

    def _dispatch(self) -> None:
        while self._waiting and len(self._running) < self.n_workers:
            job = heapq.heappop(self._waiting)
            if job.answer.done():
                continue  # its caller has just left
            task = asyncio.create_task(job.work())
            self._running.add(task)
            task.add_done_callback(partial(self._end, job, self._clock()))

    def _end(self, job: _Job[A], began_s: float, task: asyncio.Task[A]) -> None:
        """Free the worker and tell the caller, whatever became of the work."""
        self._running.discard(task)
        took_s = self._clock() - began_s
        self._n_done += 1
        share = _SMOOTHING if self._n_done > 1 else 1.0
        self._mean_s += share * (took_s - self._mean_s)
        if not job.answer.done():
            if task.cancelled():
                job.answer.set_exception(EngineError("The model was stopped at its work."))
            elif error := task.exception():
                job.answer.set_exception(error)
            else:
                job.answer.set_result(task.result())
        elif not task.cancelled():
            task.exception()  # nobody waits to hear of it
        self._dispatch()
