"""Keep second attempts a small share of all requests, so that an outage makes no storm; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

SHARE = 0.15
"""Second attempts that each request earns for all."""

BURST = 50.0
"""As many may be saved up: about what is under way when an endpoint begins to fail."""

EARNED_PER_S = 0.5
"""Second attempts that time alone earns, so that a quiet server has some."""


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How many second attempts may be made; times are on a monotonic clock."""

    saved: float = BURST
    at_s: float = 0.0

    def earned(self, now_s: float) -> RetryBudget:
        """Return the budget once a request has come."""
        by_time = EARNED_PER_S * max(0.0, now_s - self.at_s)
        return RetryBudget(min(BURST, self.saved + SHARE + by_time), now_s)

    @property
    def allows_one(self) -> bool:
        """Whether a second attempt may be made."""
        return self.saved >= 1

    def spent(self) -> RetryBudget:
        """Return the budget once a second attempt has been made."""
        return replace(self, saved=self.saved - 1)
