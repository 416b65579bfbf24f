"""When a pool of workers grows and shrinks, and in which zones; pure rules, no clock, no queue."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bench import scale_figures as figures

ZONES = (0, 1, 2)

TICK_S = 15.0
"""How often a pool is looked at, as Kubernetes' autoscaler does."""

TOLERANCE = 0.1
"""How far off the target a reading may be without anything being done, likewise."""

STEP_FACTOR, STEP_LEAST = 2.0, 4
"""A pool grows to this many times its size in one step, or by this many workers, likewise."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How large a pool may be, and when it changes.

    Attributes:
        wait_s: more workers than there are once newcomers wait longer than this.
        busy: so many that this share of them is busy; None to look at waits alone, as the chart
            of deploy/helm does.
        calm_s: fewer workers only if fewer would have been enough for so long.
        start_s: from the wish for a worker until it serves.
    """

    least: int
    most: int
    wait_s: float = 3.0
    busy: float | None = figures.BUSY.value
    calm_s: float = 600.0
    start_s: float = figures.NODE_START_S.value + figures.LOAD_S.value


@dataclass(frozen=True, slots=True)
class Reading:
    """What is seen of a pool.

    Attributes:
        n_there: workers that serve or are being started.
        n_open: those that serve.
        wait_s: of a newcomer.
        busy: workers' worth of work that is going on, such as 3.5.
    """

    n_there: int
    n_open: int
    wait_s: float
    busy: float


@dataclass(slots=True)
class Growth:
    """Turns readings of a pool into its size."""

    policy: Policy
    _wishes: deque[tuple[float, int]] = field(default_factory=deque)

    def size(self, now_s: float, pool: Reading) -> int:
        """Return how many workers there should be."""
        wish = max(self._by_wait(pool), self._by_load(pool.busy))
        most = max(STEP_FACTOR * pool.n_there, pool.n_there + STEP_LEAST)
        wish = min(max(wish, self.policy.least), self.policy.most, int(most))
        while self._wishes and self._wishes[0][0] <= now_s - self.policy.calm_s:
            self._wishes.popleft()
        self._wishes.append((now_s, wish))
        if wish >= pool.n_there:
            return wish
        return min(pool.n_there, max(each for _, each in self._wishes))

    def _by_wait(self, pool: Reading) -> int:
        """Return what the waits ask for; workers that do not serve yet count as without any."""
        ratio = pool.wait_s / self.policy.wait_s
        if abs(ratio - 1) <= TOLERANCE:
            return pool.n_there
        if ratio < 1 and self.policy.busy is not None:
            return 0
        return math.ceil(pool.n_open * ratio)

    def _by_load(self, busy: float) -> int:
        return 0 if self.policy.busy is None else math.ceil(busy / self.policy.busy)


def emptiest(n_by_zone: Mapping[int, int], lost: Collection[int]) -> int:
    """Return the zone with the fewest workers of those that are there."""
    there = [zone for zone in ZONES if zone not in lost]
    return min(there, key=lambda zone: (n_by_zone.get(zone, 0), zone))
