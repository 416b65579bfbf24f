"""Says when a copy that came to nothing may be followed by the next; reads no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

EARLY_S: Final = 10.0
"""What dies so soon after its start may do so again."""

MAX_PAUSE_S: Final = 60.0
"""Of several early deaths in a row, the first is followed by a start at once, the second after a
second, and so on by twice the time, up to this."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """What became of the last copies.

    Attributes:
        n_early: of the last ones, in a row, those that did not load or died soon.
        may_start_s: no copy is started before.
    """

    n_early: int = 0
    may_start_s: float = -math.inf

    def after_death(self, lived_s: float, now_s: float) -> Restarts:
        """Return what holds after one more copy died; one that did not load has lived 0 s."""
        if lived_s >= EARLY_S:
            return Restarts()
        n_early = self.n_early + 1
        pause_s = min(2.0 ** min(n_early - 2, 60), MAX_PAUSE_S) if n_early > 1 else 0.0
        return Restarts(n_early, now_s + pause_s)
