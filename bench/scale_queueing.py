"""Recordings that wait for workers: events one by one, in virtual time; knows no figures.

A recording is a row of stretches of which one at a time waits or is worked on, so that long ones
and short ones take turns. Each worker has cores, each core works on one stretch at a time, first
come, first served.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from random import Random

import numpy as np

from bench.scale_day import Numbers, Requests
from bench.scale_growth import TICK_S, ZONES, Growth, Policy, Reading, emptiest


class Choice(StrEnum):
    """How a stretch finds its worker."""

    SHARED = "one queue"
    """Whichever worker is free first: the best there is."""
    SHORTER_OF_TWO = "the shorter of two queues"
    """As Ray Serve does; each worker has a queue of its own."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A zone that is away with all its workers."""

    begin_s: float
    end_s: float
    zone: int = ZONES[0]


@dataclass(frozen=True, slots=True)
class Setup:
    """What serves recordings.

    Attributes:
        notice_s: how long it takes to notice that a worker is gone.
        refuse_s: newcomers who would wait longer are turned away.
    """

    policy: Policy
    n_cores: int
    choice: Choice = Choice.SHORTER_OF_TWO
    outage: Outage | None = None
    notice_s: float = 2.0
    refuse_s: float = 120.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """What became of all recordings.

    Attributes:
        wait_s: of each, until its first stretch was begun for good; NaN if it was refused.
        ticks: rows of time, workers that serve, workers that are paid for, wait of a newcomer.
        paid_s: of workers, from the wish for one to its end.
        n_again: stretches that were lost with their worker and placed again.
    """

    wait_s: Numbers
    ticks: Numbers
    paid_s: float
    n_again: int


@dataclass(slots=True, eq=False)
class _Worker:
    zone: int
    since_s: float
    waiting: deque[int]
    n_busy: int = 0
    is_open: bool = False
    is_gone: bool = False


@dataclass(slots=True)
class _Pool:
    """The workers of a moment.

    Attributes:
        n_stretches, work_s: of each recording, and the work of one of them.
        left: stretches of each that were not ended yet.
        start_s: when the first stretch of each was begun.
        shared: recordings that wait for any worker; others wait for theirs.
        free: workers with a free core, once for each; some of them no longer are.
        ending: (time, number of a recording, a tie's end, its worker), the next one first.
        held_s: work of all stretches that wait.
        lost: zones that are away.
        planned: other things that happen later.
    """

    setup: Setup
    n_stretches: list[int]
    work_s: list[float]
    left: list[int]
    start_s: list[float]
    growth: Growth
    random: Random
    now_s: float
    everyone: list[_Worker] = field(default_factory=list)
    open: list[_Worker] = field(default_factory=list)
    shared: deque[int] = field(default_factory=deque)
    free: list[_Worker] = field(default_factory=list)
    ending: list[tuple[float, int, int, _Worker]] = field(default_factory=list)
    planned: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    ticks: list[tuple[float, float, float, float]] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)
    lost: set[int] = field(default_factory=set)
    held_s: float = 0.0
    paid_s: float = 0.0
    n_again: int = 0

    def plan(self, at_s: float, deed: Callable[[], None]) -> None:
        """Have something happen at a time."""
        heapq.heappush(self.planned, (at_s, next(self.numbers), deed))

    def take(self, number: int) -> None:
        """Let a recording in, or turn it away."""
        if self.wait_s() > self.setup.refuse_s:
            self.start_s[number] = math.nan
        else:
            self.place(number)

    def place(self, number: int) -> None:
        """Find a worker, or a queue."""
        worker = self._free() if self.setup.choice is Choice.SHARED else self._shorter()
        if worker is not None and worker.n_busy < self.setup.n_cores:
            self._begin(number, worker)
            return
        self.held_s += self.work_s[number]
        if worker is None:
            self.shared.append(number)
        else:
            worker.waiting.append(number)

    def _free(self) -> _Worker | None:
        while self.free:
            worker = self.free.pop()
            if worker.is_open and worker.n_busy < self.setup.n_cores:
                return worker
        return None

    def _shorter(self) -> _Worker | None:
        n_open = len(self.open)
        if not n_open:
            return None
        one = self.open[int(self.random.random() * n_open)]
        other = self.open[int(self.random.random() * n_open)]
        is_shorter = other.n_busy + len(other.waiting) < one.n_busy + len(one.waiting)
        return other if is_shorter else one

    def _begin(self, number: int, worker: _Worker) -> None:
        worker.n_busy += 1
        if self.left[number] == self.n_stretches[number]:
            self.start_s[number] = self.now_s
        end_s = self.now_s + self.work_s[number]
        heapq.heappush(self.ending, (end_s, number, next(self.numbers), worker))

    def end_next(self) -> None:
        """End the stretch that is due; what waits there is begun, and what follows is placed."""
        _, number, _, worker = heapq.heappop(self.ending)
        worker.n_busy -= 1
        self._fill(worker)
        if worker.is_open and worker.n_busy < self.setup.n_cores:
            self.free.append(worker)
        if not worker.is_open and worker.n_busy == 0 and not worker.waiting:
            self._end(worker)
        self.left[number] -= 1
        if self.left[number]:
            self.place(number)

    def _fill(self, worker: _Worker) -> None:
        """Begin what waits for this worker, or for anyone."""
        while worker.n_busy < self.setup.n_cores:
            queue = worker.waiting if worker.waiting or not worker.is_open else self.shared
            if not queue:
                return
            number = queue.popleft()
            self.held_s -= self.work_s[number]
            self._begin(number, worker)

    def wait_s(self) -> float:
        """Return how long a newcomer would wait, about: the work that waits, over all cores."""
        n_cores = len(self.open) * self.setup.n_cores
        return self.held_s / n_cores if n_cores else (math.inf if self.held_s else 0.0)

    def tick(self) -> None:
        """Read the pool, and let it grow or shrink."""
        wait_s = min(self.wait_s(), 3_600.0)
        here = [each for each in self.everyone if each.is_open or each.n_busy == 0]
        n_busy = sum(worker.n_busy for worker in self.open) / self.setup.n_cores
        late = self.held_s / self.setup.n_cores / self.setup.policy.start_s
        pool = Reading(len(here), len(self.open), wait_s, n_busy + late)
        size = self.growth.size(self.now_s, pool)
        for _ in range(size - len(here)):
            self.order(self.setup.policy.start_s)
        if size < len(here):
            self._shrink(len(here) - size)
        self.ticks.append((self.now_s, len(self.open), len(self.everyone), wait_s))
        self.plan(self.now_s + TICK_S, self.tick)

    def order(self, start_s: float) -> None:
        """Ask for a worker that serves in `start_s`."""
        zone = emptiest(Counter(worker.zone for worker in self.everyone), self.lost)
        worker = _Worker(zone, self.now_s, deque())
        self.everyone.append(worker)
        self.plan(self.now_s + start_s, lambda: self._open(worker))

    def _open(self, worker: _Worker) -> None:
        if not worker.is_gone:
            worker.is_open = True
            self.open.append(worker)
            self._fill(worker)
            self.free.extend([worker] * (self.setup.n_cores - worker.n_busy))

    def _shrink(self, n: int) -> None:
        """Let the least busy workers take nothing new; each ends with what it has."""
        self.open.sort(key=lambda worker: worker.n_busy + len(worker.waiting), reverse=True)
        for _ in range(min(n, len(self.open) - 1)):
            worker = self.open.pop()
            worker.is_open = False
            if worker.n_busy == 0 and not worker.waiting:
                self._end(worker)

    def _end(self, worker: _Worker) -> None:
        worker.is_gone = True
        self.everyone.remove(worker)
        self.paid_s += self.now_s - worker.since_s

    def lose(self, outage: Outage) -> None:
        """Lose every worker of a zone; what they had is placed again once that is noticed."""
        self.lost.add(outage.zone)
        gone = [worker for worker in self.everyone if worker.zone == outage.zone]
        for worker in gone:
            worker.is_open = False
            self._end(worker)
        self.open = [worker for worker in self.open if not worker.is_gone]
        again = sorted(number for _, number, _, worker in self.ending if worker.is_gone)
        self.ending = [each for each in self.ending if not each[3].is_gone]
        heapq.heapify(self.ending)
        for number in (number for worker in gone for number in worker.waiting):
            self.held_s -= self.work_s[number]
            again.append(number)
        self.n_again += len(again)
        self.plan(self.now_s + self.setup.notice_s, lambda: self._place_all(again))
        self.plan(outage.end_s, lambda: self.lost.discard(outage.zone))

    def _place_all(self, numbers: list[int]) -> None:
        for number in numbers:
            self.place(number)


def serve(asked: Requests, setup: Setup) -> Served:
    """Send recordings to a pool, which begins at its least size."""
    begin_s = float(asked.at_s[0])
    pool = _Pool(
        setup=setup,
        n_stretches=asked.n_stretches.tolist(),
        work_s=(asked.work_s / asked.n_stretches).tolist(),
        left=asked.n_stretches.tolist(),
        start_s=[math.nan] * len(asked.at_s),
        growth=Growth(setup.policy),
        random=Random(setup.seed),
        now_s=begin_s,
    )
    for _ in range(setup.policy.least):
        pool.order(0.0)
    pool.plan(begin_s + TICK_S, pool.tick)
    if setup.outage is not None:
        outage = setup.outage
        pool.plan(outage.begin_s, lambda: pool.lose(outage))
    _run(pool, asked.at_s.tolist())
    paid_s = pool.paid_s + sum(pool.now_s - worker.since_s for worker in pool.everyone)
    wait_s = np.asarray(pool.start_s) - asked.at_s
    return Served(wait_s, np.asarray(pool.ticks), paid_s, pool.n_again)


def _run(pool: _Pool, arrivals_s: list[float]) -> None:
    """Let everything happen, up to the last arrival and the end of what was begun before it."""
    for number, at_s in enumerate(arrivals_s):
        _run_until(pool, at_s)
        pool.now_s = at_s
        pool.take(number)
    while pool.ending or pool.held_s > 1e-6:
        _run_until(pool, pool.now_s + TICK_S)
        pool.now_s += TICK_S


def _run_until(pool: _Pool, until_s: float) -> None:
    """Let happen what is due before `until_s`."""
    ending, planned = pool.ending, pool.planned
    while True:
        end_s = ending[0][0] if ending else math.inf
        plan_s = planned[0][0] if planned else math.inf
        if min(end_s, plan_s) > until_s:
            return
        if end_s <= plan_s:
            pool.now_s = end_s
            pool.end_next()
        else:
            pool.now_s, _, deed = heapq.heappop(planned)
            deed()
            ending = pool.ending
