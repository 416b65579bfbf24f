"""How often live sessions may guess, by how long their work takes; pure, reads no clock.

All sessions of one model share a ladder. Under load guesses become rarer, rung by rung, so that
finals stay in time; the last rung has none at all.
"""

from __future__ import annotations

from loquent.realtime.commands import Effort
from loquent.realtime.listener import Pace

RUNGS = (
    Pace(cadence_s=0.5),
    Pace(cadence_s=1.0),
    Pace(cadence_s=2.0, speculates=False),
    Pace(cadence_s=4.0, speculates=False),
    Pace(cadence_s=None, speculates=False),
)
"""Each costs about half of the one before. Finals that are begun early may be in vain."""

MAX_FINAL_S = 1.5
"""A final that takes longer than this, on average, is late."""

STRAINED = 0.9
"""A draft that takes longer than this share of the cadence leaves no room for another."""

EASY = 0.8
"""Drafts that would take no more than this share of the faster cadence allow it."""

RETRY_AFTER_S = 5.0
"""When a caller for whom there is no room may try again."""

STEP_UP_S = 1.5
"""The least time between two steps towards rarer guesses: the effect of the first must be seen."""

MIN_CALM_S, MAX_CALM_S = 3.0, 24.0
"""How long it must be easy before guesses come faster; each relapse doubles it."""

RELAPSE_S = 10.0

NEWEST_WEIGHT = 0.3
"""What the newest measurement counts beside those before it."""


class Ladder:
    """The pace that a model can keep for its live sessions."""

    def __init__(self) -> None:
        self._rung = 0
        self._took_s: dict[Effort, float] = {}
        self._stepped_s = 0.0
        self._sped_up_s = float("-inf")
        self._calm_s = MIN_CALM_S

    @property
    def pace(self) -> Pace:
        return RUNGS[self._rung]

    @property
    def is_exhausted(self) -> bool:
        """Tell whether there is nothing left to save: one more session would make finals late."""
        return self._rung == len(RUNGS) - 1

    def observe(self, effort: Effort, took_s: float, now_s: float) -> None:
        """Take note of how long a piece of work took, from being asked for to its result."""
        before_s = self._took_s.get(effort, took_s)
        self._took_s[effort] = before_s + NEWEST_WEIGHT * (took_s - before_s)
        self.pass_time(now_s)

    def pass_time(self, now_s: float) -> None:
        """Step up or down if it is time."""
        since_s = now_s - self._stepped_s
        if self._is_strained() and self._rung < len(RUNGS) - 1:
            if since_s >= STEP_UP_S:
                self._slow_down(now_s)
        elif self._rung > 0 and since_s >= self._calm_s and self._is_easy():
            self._speed_up(now_s)

    def _is_strained(self) -> bool:
        cadence_s = self.pace.cadence_s
        draft_s = self._took_s.get(Effort.DRAFT, 0.0)
        is_slow = cadence_s is not None and draft_s > STRAINED * cadence_s
        return is_slow or self._took_s.get(Effort.FINAL, 0.0) > MAX_FINAL_S

    def _is_easy(self) -> bool:
        faster_s = RUNGS[self._rung - 1].cadence_s
        assert faster_s is not None, "only the last rung has no drafts"
        is_fast = self._took_s.get(Effort.DRAFT, 0.0) <= EASY * faster_s
        return is_fast and self._took_s.get(Effort.FINAL, 0.0) <= EASY * MAX_FINAL_S

    def _slow_down(self, now_s: float) -> None:
        is_relapse = now_s - self._sped_up_s < RELAPSE_S
        self._calm_s = min(MAX_CALM_S, 2 * self._calm_s) if is_relapse else MIN_CALM_S
        self._step(1, now_s)

    def _speed_up(self, now_s: float) -> None:
        was_sped_up = self._stepped_s == self._sped_up_s
        if was_sped_up and now_s - self._sped_up_s > RELAPSE_S:
            self._calm_s = MIN_CALM_S
        self._sped_up_s = now_s
        self._step(-1, now_s)

    def _step(self, n_rungs: int, now_s: float) -> None:
        """Measure anew: what took its time at another pace tells little of this one."""
        self._rung += n_rungs
        self._stepped_s = now_s
        self._took_s.clear()
