"""Decide when an endpoint that fails is left alone, and when it is tried again; pure.

    closed --failures in a row--> open --its time is over--> half open --success--> closed
                                    ^                            |
                                    +-----------failure----------+

While it is half open one request at a time finds out how it is. What is told while it is open comes
of requests that left before, and changes nothing but that it may ask to be left alone for longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_FAILURES = 5
"""Failures in a row that open a breaker."""

FIRST_PAUSE_S = 5.0
MAX_PAUSE_S = 60.0
"""An endpoint that fails again when it is probed is left alone twice as long, up to this."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one endpoint; times are on a monotonic clock.

    Attributes:
        n_failures: in a row.
        pause_s: how long it is left alone once it opens.
        closed_from_s: when it may be tried again; None while it is closed.
        probe_until_s: until when a request that finds out is waited for; None for none under way.
    """

    n_failures: int = 0
    pause_s: float = FIRST_PAUSE_S
    closed_from_s: float | None = None
    probe_until_s: float | None = None

    def opens_in_s(self, now_s: float) -> float:
        """Return how long no request may pass; 0 where one may."""
        if self.closed_from_s is None:
            return 0.0
        wait_s = max(self.closed_from_s, self.probe_until_s or 0.0) - now_s
        return max(0.0, wait_s)

    def admitted(self, now_s: float) -> Breaker:
        """Return the state once a request that may pass has left."""
        if self.closed_from_s is None:
            return self
        return replace(self, probe_until_s=now_s + self.pause_s)

    def succeeded(self, now_s: float) -> Breaker:
        """Return the state after a good answer."""
        return self if self._is_open(now_s) else Breaker()

    def released(self) -> Breaker:
        """Return the state after a request that told nothing of the endpoint's health."""
        return replace(self, probe_until_s=None)

    def failed(self, now_s: float) -> Breaker:
        """Return the state after a failure."""
        if self._is_open(now_s):
            return self
        n_failures = self.n_failures + 1
        if self.closed_from_s is not None:
            pause_s = min(2 * self.pause_s, MAX_PAUSE_S)
            return Breaker(n_failures, pause_s, closed_from_s=now_s + pause_s)
        if n_failures >= MAX_FAILURES:
            return Breaker(n_failures, self.pause_s, closed_from_s=now_s + self.pause_s)
        return replace(self, n_failures=n_failures)

    def shut(self, now_s: float, pause_s: float) -> Breaker:
        """Return the state after the endpoint asked to be left alone for `pause_s`, at least."""
        failed = self.failed(now_s)
        until_s = now_s + pause_s
        if failed.closed_from_s is not None:
            until_s = max(until_s, failed.closed_from_s)
        return replace(failed, closed_from_s=until_s)

    def _is_open(self, now_s: float) -> bool:
        return self.closed_from_s is not None and now_s < self.closed_from_s
