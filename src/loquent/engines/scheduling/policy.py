"""Who is served next, with whom, and on how much of the machine; pure rules, no queue, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

from loquent.engines.batch import BatchKey, Width
from loquent.engines.scheduling.cost import BatchShape, CostModel
from loquent.ports import Lane


@dataclass(frozen=True, slots=True)
class LaneRule:
    """What a lane may expect of the others.

    Attributes:
        patience_s: how long its work lets others pass, in virtual time; below 0, by how much it
            passes others.
        max_batch_s: a batch that one of this lane leads does not grow beyond this estimate.
    """

    patience_s: float
    max_batch_s: float


RULES: Mapping[Lane, LaneRule] = MappingProxyType(
    {
        Lane.LIVE_FINAL: LaneRule(patience_s=-1.0, max_batch_s=1.5),
        Lane.LIVE_PARTIAL: LaneRule(patience_s=0.3, max_batch_s=1.5),
        Lane.SHORT: LaneRule(patience_s=1.0, max_batch_s=2.0),
        Lane.LONG: LaneRule(patience_s=10.0, max_batch_s=1.2),
    }
)
"""A long recording's batches are short, since whoever comes next must wait for one to end."""

MAX_QUIET_BATCH_S = 3.0
"""Where nobody is expected to come, longer batches of long recordings get more work done."""


@dataclass(frozen=True, slots=True)
class Job:
    """One utterance that waits.

    Attributes:
        number: grows with every job of a model.
        turn_s: when its share comes to it, in virtual time.
        work_s: its cost alone on one core, as estimated when it came; what its share is charged.
    """

    number: int
    lane: Lane
    share: str
    key: BatchKey
    shape: BatchShape
    turn_s: float
    work_s: float

    @property
    def due_s(self) -> float:
        """When it should be served, in virtual time."""
        return self.turn_s + RULES[self.lane].patience_s

    @property
    def is_long(self) -> bool:
        return self.lane is Lane.LONG

    def goes_with(self, other: Job) -> bool:
        """Tell whether one batch may hold both: nobody urgent is slowed by a long recording."""
        return self.key == other.key and self.is_long == other.is_long


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs that are recognised at once, the most urgent first.

    Attributes:
        estimated_s: how long it will take.
    """

    jobs: tuple[Job, ...]
    width: Width
    estimated_s: float

    @property
    def shape(self) -> BatchShape:
        return reduce(BatchShape.joined, (job.shape for job in self.jobs))

    @property
    def work_s(self) -> float:
        return sum(job.work_s for job in self.jobs)

    @property
    def is_long(self) -> bool:
        return self.jobs[0].is_long


@dataclass(frozen=True, slots=True)
class Machine:
    """What runs now, and what it costs to run more.

    Attributes:
        max_batch: utterances in a batch.
        expects_urgent: somebody who is not patient came just now, so others will come.
        owes_long: long recordings wait and none was served for too long.
    """

    n_workers: int
    running: tuple[Batch, ...]
    cost: CostModel
    max_batch: int
    expects_urgent: bool = False
    owes_long: bool = False

    @property
    def n_free(self) -> int:
        """Count the narrow batches that may start."""
        if any(batch.width is Width.WIDE for batch in self.running):
            return 0
        return self.n_workers - len(self.running)

    @property
    def spares_worker(self) -> bool:
        """Tell whether one worker is kept from long recordings, for who comes next."""
        return self.expects_urgent and self.n_workers > 1

    def max_batch_s(self, leader: Job) -> float:
        """Return how long the batch of `leader` may take by estimate."""
        if leader.is_long and not self.expects_urgent:
            return MAX_QUIET_BATCH_S
        return RULES[leader.lane].max_batch_s

    @property
    def takes_long(self) -> bool:
        n_long = sum(batch.is_long for batch in self.running)
        return not (self.spares_worker and n_long >= self.n_workers - 1)


def next_batch(waiting: Iterable[Job], machine: Machine) -> Batch | None:
    """Return what starts now: the job that is due first, and whoever makes it cheaper to go along.

    Returns: None if no worker is free, or nothing waits that may start.
    """
    if machine.n_free < 1:
        return None
    queue = sorted(
        (job for job in waiting if machine.takes_long or not job.is_long),
        key=lambda job: (machine.owes_long and not job.is_long, job.due_s, job.lane, job.number),
    )
    if not queue:
        return None
    if machine.n_workers == 1:
        return _filled(queue, machine, Width.WIDE, machine.max_batch)
    n_fair = min(machine.max_batch, math.ceil(len(queue) / machine.n_free))
    narrow = _filled(queue, machine, Width.NARROW, n_fair)
    return _all_at_once(queue, machine, narrow) or narrow


def _all_at_once(queue: Sequence[Job], machine: Machine, narrow: Batch) -> Batch | None:
    """Return a batch on all cores if that ends everything that waits before narrow ones would."""
    if machine.running or (machine.spares_worker and queue[0].is_long):
        return None
    wide = _filled(queue, machine, Width.WIDE, machine.max_batch)
    takes_all = len(wide.jobs) == len(queue)
    return wide if takes_all and wide.estimated_s < narrow.estimated_s else None


def _filled(queue: Sequence[Job], machine: Machine, width: Width, n_max: int) -> Batch:
    """Return the first of the queue with those who pay, the ones of its own length first.

    The encoder hears everybody in the context of the longest, and takes most of the time.
    """
    leader = queue[0]
    chosen = [leader]
    shape = leader.shape
    cost_s = machine.cost.seconds(shape, width)
    others = [job for job in queue[1:] if job.goes_with(leader)]
    for job in sorted(others, key=lambda job: abs(job.shape.context_s - leader.shape.context_s)):
        if len(chosen) >= n_max:
            break
        joined = shape.joined(job.shape)
        joined_s = machine.cost.seconds(joined, width)
        pays = joined_s - cost_s < machine.cost.seconds(job.shape, width)
        if pays and joined_s <= machine.max_batch_s(leader):
            chosen.append(job)
            shape, cost_s = joined, joined_s
    chosen.sort(key=queue.index)
    return Batch(tuple(chosen), width, cost_s)
