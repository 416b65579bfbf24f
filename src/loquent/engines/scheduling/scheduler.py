"""Serves everybody who calls one model, in batches; knows neither the model nor the rules."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from loquent.domain.audio import Samples
from loquent.domain.errors import EngineError, ModelNotReadyError, OverloadedError
from loquent.engines.batch import BatchEngine, Utterance
from loquent.engines.scheduling.cost import CostModel
from loquent.engines.scheduling.estimate import n_live_streams
from loquent.engines.scheduling.policy import Batch, Job
from loquent.engines.scheduling.work_queue import QueueLimits, WorkQueue
from loquent.ports import Lane, Recognition, RecognitionOptions

MIN_RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class SchedulerStatus:
    """What one model is doing and has done.

    Attributes:
        n_waiting: stretches of speech that wait, by lane.
        n_running: batches being worked on.
        estimated_wait_s: how long a short recording that came now would wait for its turn.
        n_batches: batches recognised so far; failed ones do not count.
        n_utterances: stretches of speech in them.
        n_repairs: hypotheses that looked wrong and were decoded again.
        cost: what batches are believed to cost.
    """

    n_workers: int
    n_waiting: Mapping[Lane, int]
    n_running: int
    estimated_wait_s: float
    n_batches: int
    n_utterances: int
    n_repairs: int
    cost: CostModel

    @property
    def mean_batch_size(self) -> float:
        """Utterances in a batch on average, 0 before the first."""
        return self.n_utterances / self.n_batches if self.n_batches else 0.0


@dataclass(frozen=True, slots=True)
class _Call:
    """Somebody who waits for an answer."""

    utterance: Utterance
    answer: asyncio.Future[Recognition]


class Scheduler:
    """A `SpeechRecognizer` over a `BatchEngine`; one for each loaded model.

    Work starts as soon as it arrives or a worker is free: what arrives in one turn of the event
    loop may share a batch, and nothing waits for more to come.
    """

    def __init__(
        self,
        engine: BatchEngine,
        *,
        context_s: Callable[[float], float],
        limits: QueueLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the function from speech to the context it is heard in: seconds, more than 0."""
        self._engine = engine
        self._limits = limits or QueueLimits()
        self._clock = clock
        self._context_s = context_s
        self._queue = WorkQueue(engine.n_workers, context_s, self._limits)
        self._calls: dict[int, _Call] = {}
        self._work: set[asyncio.Task[Sequence[Recognition]]] = set()
        self._is_dispatch_due = False
        self._is_closing = False
        self._n_batches = 0
        self._n_utterances = 0
        self._n_repairs = 0

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        """Recognise `samples`, at most 30 s; a cancelled call leaves the queue at once.

        Raises: EngineError.
        """
        self._refuse_if_closing()
        utterance = Utterance(samples, options)
        call = _Call(utterance, asyncio.get_running_loop().create_future())
        job = self._queue.enter(utterance, self._clock())
        self._calls[job.number] = call
        self._dispatch_soon()
        try:
            return await call.answer
        finally:
            self._forget(job)

    @property
    def n_live_streams(self) -> int:
        """How many streams of speech can be recognised as fast as they are spoken."""
        return n_live_streams(self._queue.cost, self._context_s)

    def check_admission(self, lane: Lane, *, max_wait_s: float = math.inf) -> None:
        """Refuse a newcomer who would wait too long; what was once admitted is always served.

        Args:
            max_wait_s: what is too long, where the limit of the queue is not lower.

        Raises: OverloadedError, ModelNotReadyError: the model is being unloaded.
        """
        self._refuse_if_closing()
        wait_s = self._queue.wait_s(lane, self._clock())
        is_full = len(self._queue.waiting) >= self._limits.max_waiting
        if is_full or wait_s > min(max_wait_s, self._limits.max_wait_s):
            raise OverloadedError(
                "The server has more work than it can do in time. Try again later.",
                retry_after_s=max(MIN_RETRY_AFTER_S, wait_s),
            )

    def status(self) -> SchedulerStatus:
        """Return what the model is doing now."""
        lanes = Counter(job.lane for job in self._queue.waiting.values())
        return SchedulerStatus(
            n_workers=self._queue.cost.n_workers,
            n_waiting={lane: lanes[lane] for lane in Lane},
            n_running=len(self._work),
            estimated_wait_s=self._queue.wait_s(Lane.SHORT, self._clock()),
            n_batches=self._n_batches,
            n_utterances=self._n_utterances,
            n_repairs=self._n_repairs,
            cost=self._queue.cost,
        )

    async def close(self, *, drain: bool = True) -> None:
        """Take no more calls; return when no batch runs.

        Args:
            drain: serve those who wait; otherwise they are refused now. Batches that run end.
        """
        self._is_closing = True
        if not drain:
            self._refuse_waiting()
        while True:
            self._dispatch()
            if not self._work:
                return
            await asyncio.wait(self._work)

    def _refuse_if_closing(self) -> None:
        if self._is_closing:
            raise _unloading()

    def _refuse_waiting(self) -> None:
        for job in list(self._queue.waiting.values()):
            answer = self._calls[job.number].answer
            if not answer.done():
                answer.set_exception(_unloading())
            self._forget(job)

    def _forget(self, job: Job) -> None:
        self._calls.pop(job.number, None)
        self._queue.withdraw(job)

    def _dispatch_soon(self) -> None:
        if not self._is_dispatch_due:
            self._is_dispatch_due = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        """Start batches until every worker is busy or nothing waits."""
        self._is_dispatch_due = False
        for job in list(self._queue.waiting.values()):
            # A caller who was cancelled in this turn of the loop has had no time to leave.
            if self._calls[job.number].answer.done():
                self._forget(job)
        while batch := self._queue.start_next(self._clock()):
            calls = [self._calls[job.number] for job in batch.jobs]
            utterances = [call.utterance for call in calls]
            work = asyncio.create_task(self._recognise(utterances, batch))
            self._work.add(work)
            work.add_done_callback(partial(self._end, batch, calls))

    async def _recognise(
        self, utterances: Sequence[Utterance], batch: Batch
    ) -> Sequence[Recognition]:
        recognitions = await self._engine.recognize(utterances, batch.width)
        if len(recognitions) != len(utterances):
            raise EngineError("The model lost an answer.")
        return recognitions

    def _end(
        self, batch: Batch, calls: Sequence[_Call], work: asyncio.Task[Sequence[Recognition]]
    ) -> None:
        """Free the worker of a batch and tell its callers, whatever became of it."""
        self._work.discard(work)
        if work.cancelled():
            failure: BaseException | None = EngineError("The model was stopped at its work.")
        else:
            failure = work.exception()
        waiting = [call.answer for call in calls]
        if failure:
            self._queue.abandon(batch, self._clock())
            _fail(waiting, failure)
        else:
            self._queue.finish(batch, self._clock())
            self._count(work.result())
            _answer(waiting, work.result())
        self._dispatch_soon()

    def _count(self, recognitions: Sequence[Recognition]) -> None:
        self._n_batches += 1
        self._n_utterances += len(recognitions)
        self._n_repairs += sum(recognition.n_repairs for recognition in recognitions)


def _unloading() -> ModelNotReadyError:
    return ModelNotReadyError(
        "The model is being unloaded. Try again in a moment.", retry_after_s=MIN_RETRY_AFTER_S
    )


def _fail(waiting: Sequence[asyncio.Future[Recognition]], failure: BaseException) -> None:
    for answer in waiting:
        if not answer.done():
            answer.set_exception(failure)


def _answer(
    waiting: Sequence[asyncio.Future[Recognition]], recognitions: Sequence[Recognition]
) -> None:
    for answer, recognition in zip(waiting, recognitions, strict=True):
        if not answer.done():
            answer.set_result(recognition)
