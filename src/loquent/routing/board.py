"""Keep what is known of each endpoint: its pace, its errors, whether it is left alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from loquent.domain.endpoints import Endpoint
from loquent.domain.errors import LoquentError, UpstreamKeyError, UpstreamThrottledError
from loquent.routing.breaker import Breaker
from loquent.routing.pace import Pace
from loquent.routing.ranking import Standing

KEY_PAUSE_S = 60.0
"""An endpoint that refuses our key is left alone this long: a person must see to it."""

THROTTLE_PAUSE_S = 5.0
"""An endpoint that wants fewer requests and names no time is left alone this long."""


@dataclass
class _Record:
    pace: Pace
    breaker: Breaker = field(default_factory=Breaker)
    n_running: int = 0
    last_error: str | None = None
    outcomes: Counter[str] = field(default_factory=Counter)


class EndpointBoard:
    """What is known of all endpoints; belongs to one event loop.

    Args:
        queue_wait_s: tells how long work for an endpoint of our own would wait now.
        clock: monotonic.
    """

    def __init__(
        self,
        queue_wait_s: Callable[[Endpoint], float] = lambda _: 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue_wait_s = queue_wait_s
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def standings(self, endpoints: Iterable[Endpoint], audio_s: float) -> Mapping[str, Standing]:
        """Return how each endpoint would do with so much audio, by id."""
        return {endpoint.id: self.standing(endpoint, audio_s) for endpoint in endpoints}

    def standing(self, endpoint: Endpoint, audio_s: float) -> Standing:
        """Return how one endpoint would do with so much audio."""
        record, now_s = self._record(endpoint), self._clock()
        wait_s = self._queue_wait_s(endpoint) if endpoint.is_local else 0.0
        return Standing(
            expected_s=wait_s + record.pace.expected_s(now_s, audio_s),
            queue_wait_s=wait_s,
            error_rate=record.pace.error_rate(now_s),
            retry_in_s=record.breaker.opens_in_s(now_s),
        )

    def last_error(self, endpoint: Endpoint) -> str | None:
        """Return the code of what went wrong last, None since it was well."""
        return self._record(endpoint).last_error

    def outcomes(self, endpoint: Endpoint) -> Mapping[str, int]:
        """Return how many requests to an endpoint ended well, or with which error."""
        return self._record(endpoint).outcomes

    def n_running(self, endpoint: Endpoint) -> int:
        """Return how many requests an endpoint is working on."""
        return self._record(endpoint).n_running

    def is_up(self, endpoint: Endpoint) -> bool:
        """Tell whether an endpoint may be called."""
        return self._record(endpoint).breaker.opens_in_s(self._clock()) <= 0

    def begin(self, endpoint: Endpoint) -> bool:
        """Count a request that is about to leave; tell whether it may."""
        if not self.is_up(endpoint):
            return False
        record, now_s = self._record(endpoint), self._clock()
        record.breaker = record.breaker.admitted(now_s)
        record.n_running += 1
        return True

    def succeed(self, endpoint: Endpoint, audio_s: float, took_s: float) -> None:
        """Note that a request went well.

        Args:
            took_s: without the time that it waited in a queue of ours.
        """
        record, now_s = self._end(endpoint), self._clock()
        record.breaker = record.breaker.succeeded(now_s)
        record.pace = record.pace.observed(now_s, audio_s, max(0.0, took_s))
        record.outcomes["ok"] += 1
        if record.breaker.closed_from_s is None:
            record.last_error = None

    def fail(self, endpoint: Endpoint, error: LoquentError) -> None:
        """Note that a request failed by the endpoint's fault.

        Our own engines are never left alone: who keeps them starts them again.
        """
        self._end(endpoint)
        self.blame(endpoint, error)

    def blame(self, endpoint: Endpoint, error: LoquentError) -> None:
        """Note that a request that is over was not served by the endpoint's fault."""
        record, now_s = self._record(endpoint), self._clock()
        record.pace = record.pace.failed(now_s)
        record.last_error = error.code
        record.outcomes[error.code or "error"] += 1
        if endpoint.is_local:
            return
        pause_s = _pause_s(error)
        if pause_s is None:
            record.breaker = record.breaker.failed(now_s)
        else:
            record.breaker = record.breaker.shut(now_s, pause_s)

    def release(self, endpoint: Endpoint) -> None:
        """Note that a request ended and told nothing of the endpoint's health."""
        record = self._end(endpoint)
        record.breaker = record.breaker.released()

    def _end(self, endpoint: Endpoint) -> _Record:
        record = self._record(endpoint)
        record.n_running -= 1
        return record

    def _record(self, endpoint: Endpoint) -> _Record:
        record = self._records.get(endpoint.id)
        if record is None:
            record = _Record(Pace(endpoint.stated_speed, self._clock()))
            self._records[endpoint.id] = record
        return record


def _pause_s(error: LoquentError) -> float | None:
    """Return how long an endpoint that failed so is to be left alone, None where that is open."""
    if isinstance(error, UpstreamKeyError):
        return KEY_PAUSE_S
    if isinstance(error, UpstreamThrottledError) and error.retry_after_s is None:
        return THROTTLE_PAUSE_S
    return error.retry_after_s
