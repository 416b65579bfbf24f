"""How much may be asked for at a time; counts nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How much may be asked for at a time; None for any.

    Attributes:
        concurrent_requests: that are worked on at the same time, live sessions not counted.
    """

    requests_per_minute: int | None = None
    audio_seconds_per_minute: int | None = None
    characters_per_minute: int | None = None
    concurrent_requests: int | None = None
    concurrent_sessions: int | None = None


NO_LIMITS = RateLimits()
