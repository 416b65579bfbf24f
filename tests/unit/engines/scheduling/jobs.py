"""Jobs, utterances and a machine in virtual time, for the tests of the scheduling room."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from loquent.domain.audio import SAMPLE_RATE_HZ
from loquent.domain.transcript import Task
from loquent.engines.batch import Utterance, Width
from loquent.engines.scheduling.cost import BatchShape, CostModel
from loquent.engines.scheduling.policy import Batch, Job, Machine
from loquent.engines.scheduling.work_queue import QueueLimits, WorkQueue
from loquent.ports import Lane, RecognitionOptions


def context_s(speech_s: float) -> float:
    """Return what the encoder hears of that much speech."""
    return min(30.0, max(10.0, speech_s + 4.0))


def utterance(
    speech_s: float = 4.0,
    lane: Lane = Lane.SHORT,
    share: str = "somebody",
    *,
    temperature: float = 0.0,
) -> Utterance:
    """Return silence with options."""
    options = RecognitionOptions(
        Task.TRANSCRIBE, "en", temperature=temperature, lane=lane, share=share
    )
    return Utterance(np.zeros(round(speech_s * SAMPLE_RATE_HZ), np.float32), options)


def job(
    number: int = 1,
    lane: Lane = Lane.SHORT,
    *,
    speech_s: float = 4.0,
    turn_s: float = 0.0,
    temperature: float = 0.0,
) -> Job:
    """Return one waiting job."""
    shape = BatchShape.of(speech_s, context_s(speech_s))
    key = (temperature, None, None, False, False, False)
    return Job(number, lane, "somebody", key, shape, turn_s, work_s=1.0)


def machine(
    n_workers: int = 2,
    *running: Batch,
    max_batch: int = 8,
    expects_urgent: bool = False,
    owes_long: bool = False,
) -> Machine:
    """Return a machine that nobody has measured yet."""
    return Machine(n_workers, running, CostModel(n_workers), max_batch, expects_urgent, owes_long)


def running(lane: Lane = Lane.SHORT, width: Width = Width.NARROW, number: int = 1000) -> Batch:
    """Return a batch of one that takes a second."""
    return Batch((job(number, lane),), width, estimated_s=1.0)


@dataclass
class VirtualMachine:
    """Runs a `WorkQueue` in a time of its own: batches take exactly what was estimated."""

    n_workers: int = 2
    now_s: float = 0.0
    begun_s: dict[int, float] = field(default_factory=dict)
    order: list[Job] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = QueueLimits()
        self.queue = WorkQueue(self.n_workers, context_s, limits)
        self._ends: list[tuple[float, int, Batch]] = []
        self._serial = count()

    def enter(self, utterance: Utterance) -> Job:
        """Let one more utterance come."""
        return self.queue.enter(utterance, self.now_s)

    def dispatch(self) -> None:
        """Start what may start."""
        while batch := self.queue.start_next(self.now_s):
            self.batches.append(batch)
            self.order.extend(batch.jobs)
            self.begun_s.update({job.number: self.now_s for job in batch.jobs})
            end_s = self.now_s + batch.estimated_s
            heapq.heappush(self._ends, (end_s, next(self._serial), batch))

    def run_until(self, end_s: float) -> None:
        """Let time pass, batch by batch."""
        self.dispatch()
        while self._ends and self._ends[0][0] <= end_s:
            self.step()
        self.now_s = max(self.now_s, end_s)

    def step(self) -> tuple[Job, ...]:
        """Let the next batch end; return its jobs, () if none runs."""
        self.dispatch()
        if not self._ends:
            return ()
        self.now_s, _serial, batch = heapq.heappop(self._ends)
        self.queue.finish(batch, self.now_s)
        self.dispatch()
        return batch.jobs
