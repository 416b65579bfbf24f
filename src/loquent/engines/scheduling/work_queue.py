"""What waits for one model and what runs on it; decides nothing itself and awaits nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from loquent.engines.batch import Utterance, Width
from loquent.engines.scheduling.cost import BatchShape, CostModel
from loquent.engines.scheduling.estimate import estimate_wait_s
from loquent.engines.scheduling.policy import RULES, Batch, Job, Machine, next_batch
from loquent.engines.scheduling.shares import FairShares
from loquent.ports import Lane

URGENT_MEMORY_S = 5.0
"""Who came or was served this recently makes us expect the next."""

LONG_STARVES_S = 30.0
"""However much urgent work there is, long recordings get a batch this often."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait, and run at once.

    Attributes:
        max_batch: utterances in a batch.
        max_waiting: stretches of speech that wait before newcomers are refused.
        max_wait_s: estimated wait of a newcomer before it is refused.
    """

    max_batch: int = 8
    max_waiting: int = 256
    max_wait_s: float = 30.0


class WorkQueue:
    """The jobs of one model, from their arrival to their end.

    Every method takes the time from its caller: seconds of any clock that never goes back.
    """

    def __init__(
        self, n_workers: int, context_s: Callable[[float], float], limits: QueueLimits
    ) -> None:
        """Take the function from speech to the context it is heard in: seconds, more than 0."""
        self._context_s = context_s
        self._limits = limits
        self._cost = CostModel(n_workers)
        self._shares = FairShares()
        self._waiting: dict[int, Job] = {}
        self._running: dict[Batch, float] = {}
        self._n_jobs = 0
        self._last_long_s = 0.0
        self._last_urgent: tuple[Job, float] | None = None

    @property
    def cost(self) -> CostModel:
        return self._cost

    @property
    def running(self) -> Iterable[Batch]:
        return self._running.keys()

    @property
    def waiting(self) -> Mapping[int, Job]:
        """The jobs that wait, by number."""
        return self._waiting

    def enter(self, utterance: Utterance, now_s: float) -> Job:
        """Line up one utterance."""
        options = utterance.options
        shape = BatchShape.of(utterance.speech_s, self._context_s(utterance.speech_s))
        work_s = self._cost.seconds(shape, Width.NARROW)
        self._n_jobs += 1
        job = Job(
            number=self._n_jobs,
            lane=options.lane,
            share=options.share,
            key=utterance.batch_key,
            shape=shape,
            turn_s=self._shares.enter(options.share, work_s),
            work_s=work_s,
        )
        if job.is_long and not self._long_waits():
            self._last_long_s = now_s
        self._waiting[job.number] = job
        self._notice_urgent(job, now_s)
        return job

    def withdraw(self, job: Job) -> None:
        """Take out a job that still waits; one that runs or is over stays what it is."""
        if self._waiting.pop(job.number, None):
            self._shares.withdraw(job.share, job.work_s)
            self._rest_if_idle()

    def start_next(self, now_s: float) -> Batch | None:
        """Move what is to start now from waiting to running."""
        machine = Machine(
            n_workers=self._cost.n_workers,
            running=tuple(self._running),
            cost=self._cost,
            max_batch=self._limits.max_batch,
            expects_urgent=self._expects_urgent(now_s),
            owes_long=self._long_waits() and now_s - self._last_long_s >= LONG_STARVES_S,
        )
        batch = next_batch(self._waiting.values(), machine)
        if batch:
            for job in batch.jobs:
                del self._waiting[job.number]
            self._running[batch] = now_s
            self._notice_long(batch, now_s)
            self._shares.serve(batch.work_s)
        return batch

    def finish(self, batch: Batch, now_s: float) -> None:
        """Free the worker of a batch that was recognised, and learn how long that took."""
        took_s = now_s - self._running[batch]
        self._cost = self._cost.observe(batch.shape, batch.width, took_s)
        self.abandon(batch, now_s)

    def abandon(self, batch: Batch, now_s: float) -> None:
        """Free the worker of a batch that failed: its time tells nothing."""
        del self._running[batch]
        self._notice_long(batch, now_s)
        self._notice_urgent(batch.jobs[0], now_s)
        self._rest_if_idle()

    def wait_s(self, lane: Lane, now_s: float) -> float:
        """Estimate how long somebody new in that lane would wait for a worker."""
        due_s = self._shares.now_s + RULES[lane].patience_s
        ahead = [job for job in self._waiting.values() if job.due_s <= due_s]
        busy_s = [
            max(0.0, started_s + batch.estimated_s - now_s)
            for batch, started_s in self._running.items()
            for _worker in range(self._cost.n_workers if batch.width is Width.WIDE else 1)
        ]
        return estimate_wait_s(ahead, busy_s, self._cost, max_batch=self._limits.max_batch)

    def _long_waits(self) -> bool:
        return any(job.is_long for job in self._waiting.values())

    def _notice_long(self, batch: Batch, now_s: float) -> None:
        if batch.is_long:
            self._last_long_s = now_s

    def _notice_urgent(self, job: Job, now_s: float) -> None:
        if not job.is_long:
            self._last_urgent = job, now_s
        elif self._last_urgent and self._last_urgent[0].share == job.share:
            # That was but the opening of this recording, which announces nobody else.
            self._last_urgent = None

    def _expects_urgent(self, now_s: float) -> bool:
        return self._last_urgent is not None and now_s - self._last_urgent[1] < URGENT_MEMORY_S

    def _rest_if_idle(self) -> None:
        if not self._waiting and not self._running:
            self._shares.rest()
