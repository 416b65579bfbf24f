"""Decides when a model gets a copy more and when one less; reads no clock and starts nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from loquent.domain.deployments import Replicas

LONG_WAIT_S: Final = 1.0
"""Copies are too few while a newcomer would wait so long even for the best of them, ..."""

CALLS_PER_WORKER: Final = 4
"""... or while so many calls are in flight: a batch that is read and a few that wait."""

GROW_AFTER_S: Final = 2.0
"""They must have been too few for so long: one that is started takes about that time."""

SHRINK_AFTER_S: Final = 60.0
"""There must have been one too many for so long: loading it again costs more than keeping it."""

REST_S: Final = 5.0
"""After each change; what came of it shows only then."""


class Step(Enum):
    """What to do about the number of copies."""

    STAY = auto()
    GROW = auto()
    SHRINK = auto()


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the copies of a model are at a moment.

    Attributes:
        n_copies: those that can serve, at least 1.
        n_workers: of all of them together.
        n_calls: that are being served or wait.
        wait_s: how long a newcomer would wait for the copy with the shortest wait.
    """

    n_copies: int
    n_workers: int
    n_calls: int
    wait_s: float

    @property
    def is_heavy(self) -> bool:
        """Whether one more copy would help."""
        return self.wait_s >= LONG_WAIT_S or self.n_calls >= CALLS_PER_WORKER * self.n_workers

    @property
    def is_light(self) -> bool:
        """Whether one copy less would do, each call having a worker at once."""
        return self.n_calls * self.n_copies <= self.n_workers * (self.n_copies - 1)


@dataclass(frozen=True, slots=True)
class Trend:
    """Since when the load is as it is, and when the number of copies has changed.

    Seconds of any clock that never goes back.
    """

    changed_s: float
    heavy_since_s: float | None = None
    light_since_s: float | None = None

    def seen(self, load: Load, now_s: float) -> Trend:
        """Return the trend after one more look."""
        return replace(
            self,
            heavy_since_s=_since(self.heavy_since_s, now_s, holds=load.is_heavy),
            light_since_s=_since(self.light_since_s, now_s, holds=load.is_light),
        )

    def step(self, n_copies: int, bounds: Replicas, now_s: float) -> Step:
        """Return what is to be done about so many copies."""
        if now_s - self.changed_s < REST_S:
            return Step.STAY
        if n_copies < bounds.most and _lasts(self.heavy_since_s, GROW_AFTER_S, now_s):
            return Step.GROW
        if n_copies > max(1, bounds.least) and _lasts(self.light_since_s, SHRINK_AFTER_S, now_s):
            return Step.SHRINK
        return Step.STAY


def _since(since_s: float | None, now_s: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now_s if since_s is None else since_s


def _lasts(since_s: float | None, limit_s: float, now_s: float) -> bool:
    return since_s is not None and now_s - since_s >= limit_s
