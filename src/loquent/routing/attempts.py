"""Try one endpoint after the other within one deadline, until one answers; the only retry loop."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from loquent.domain.endpoints import Attempt, Endpoint, Served
from loquent.domain.errors import (
    EngineError,
    LoquentError,
    NoEndpointError,
    OverloadedError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
)
from loquent.routing.board import EndpointBoard
from loquent.routing.ranking import Candidate
from loquent.routing.retries import RetryBudget

T = TypeVar("T")
U = TypeVar("U")

Perform: TypeAlias = Callable[[Candidate], AsyncGenerator[T, None]]

FIRST_SHARE = 0.4
"""Of the time that is left, what one endpoint gets while there is another to turn to."""

PATIENCE = 8.0
"""An endpoint that takes so many times as long as expected is given up for another one."""


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How long a request may take at providers; our own engines know no deadline.

    Attributes:
        deadline_s: for all attempts together, on top of the length of the recording.
        least_patience_s: no endpoint is given up sooner for being slower than expected.
        max_attempts: of one request.
    """

    deadline_s: float = 600.0
    least_patience_s: float = 10.0
    max_attempts: int = 3


class Attempts:
    """Runs requests at endpoints, and notes how each endpoint did.

    Args:
        clock: monotonic.
    """

    def __init__(
        self,
        board: EndpointBoard,
        limits: AttemptLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._limits = limits or AttemptLimits()
        self._clock = clock
        self._budget = RetryBudget(at_s=clock())

    async def run(
        self,
        candidates: Sequence[Candidate],
        perform: Perform[T],
        *,
        audio_s: float,
        is_streamed: bool,
    ) -> AsyncGenerator[Served | T, None]:
        """Yield which endpoint answers, then its answer.

        Nothing is tried again once a part of the answer has been yielded.

        Args:
            candidates: at least one, in the order in which they are tried.
            audio_s: about how much audio is to be worked off.
            is_streamed: parts are yielded as they come. Otherwise all of them at the end, so that
                another endpoint can take over until then.

        Raises: what the last attempt failed with, or whatever an endpoint says of the request.
        """
        self._budget = self._budget.earned(self._clock())
        left_s = self._limits.deadline_s + audio_s
        tried: list[Attempt] = []
        failures: list[tuple[Endpoint, LoquentError]] = []
        for number, candidate in enumerate(candidates, start=1):
            if not self._begins(candidate.endpoint, failures):
                continue  # it has failed since it was chosen
            is_last = number == len(candidates) or len(tried) + 1 >= self._limits.max_attempts
            attempt = _Attempt(self._board, candidate, audio_s, self._clock)
            patience_s = self._patience_s(candidate, left_s, is_last=is_last)
            is_held = not (is_last or is_streamed)
            parts = attempt.parts(perform, patience_s, left_s, is_held=is_held)
            try:
                async with aclosing(parts):
                    async for part in parts:
                        if not attempt.has_begun:
                            attempt.has_begun = True
                            yield attempt.served(tried)
                        yield part
            except (UpstreamError, EngineError) as error:
                if attempt.has_begun or is_last or not self._may_go_on(candidate.endpoint):
                    raise
                tried.append(attempt.record(error.code or "error"))
                failures.append((candidate.endpoint, error))
                if not candidate.endpoint.is_local:
                    left_s -= attempt.worked_s
            else:
                self._blame(failures)
                return
        if failures:
            raise failures[-1][1]
        raise NoEndpointError(
            "Every endpoint for this model has just failed. Try again.", retry_after_s=1.0
        )

    def _begins(self, endpoint: Endpoint, failures: Sequence[tuple[Endpoint, object]]) -> bool:
        """Tell whether a request may leave now; one that failed elsewhere is charged for."""
        if not self._board.begin(endpoint):
            return False
        if failures and self._is_rationed(failures[-1][0]):
            self._budget = self._budget.spent()
        return True

    def _may_go_on(self, failed: Endpoint) -> bool:
        """Tell whether a request may go to another endpoint."""
        return self._budget.allows_one or not self._is_rationed(failed)

    def _is_rationed(self, failed: Endpoint) -> bool:
        """Tell whether another attempt counts against the budget: not where the endpoint that
        failed is left alone by now, for no more requests will fail there.
        """
        return self._board.is_up(failed)

    def _blame(self, failures: Sequence[tuple[Endpoint, LoquentError]]) -> None:
        """Note who rejected a request that another one took: it was no bad request."""
        for endpoint, error in failures:
            if isinstance(error, UpstreamRejectedError):
                self._board.blame(endpoint, error)

    def _patience_s(self, candidate: Candidate, left_s: float, *, is_last: bool) -> float:
        """Return how long an endpoint may take until it answers."""
        if candidate.endpoint.is_local:
            return math.inf
        if is_last:
            return left_s
        usual_s = max(self._limits.least_patience_s, PATIENCE * candidate.standing.expected_s)
        return min(FIRST_SHARE * left_s, usual_s)


class _Attempt:
    """One try at one endpoint.

    Attributes:
        has_begun: a part of its answer has been passed on.
        worked_s: how long the endpoint was waited for; without the time that the caller takes
            between the parts of the answer.
    """

    def __init__(
        self,
        board: EndpointBoard,
        candidate: Candidate,
        audio_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._board = board
        self._candidate = candidate
        self._audio_s = audio_s
        self._clock = clock
        self.has_begun = False
        self.worked_s = 0.0

    def record(self, outcome: str) -> Attempt:
        """Return what there is to tell of the attempt."""
        return Attempt(self._candidate.endpoint.id, outcome, self.worked_s)

    def served(self, tried: Sequence[Attempt]) -> Served:
        """Tell that this endpoint answers, after others that did not."""
        candidate = self._candidate
        fit = candidate.fit
        return Served(candidate.endpoint, (*tried, self.record("ok")), fit.derived, fit.ignored)

    async def parts(
        self,
        perform: Perform[T],
        patience_s: float,
        left_s: float,
        *,
        is_held: bool,
    ) -> AsyncGenerator[T, None]:
        """Yield the answer, and note on the board how it went.

        Args:
            patience_s: until the first part, or until the end if `is_held`.
            left_s: for all of it.

        Raises: UpstreamTimeoutError, and what `perform` raises.
        """
        outcome: LoquentError | None = None
        is_complete = False
        try:
            parts = perform(self._candidate)
            timed = (
                self._held(parts, patience_s)
                if is_held
                else self._passed(parts, patience_s, left_s)
            )
            async with aclosing(timed):
                async for part in timed:
                    yield part
            is_complete = True
        except (UpstreamError, EngineError) as error:
            outcome = error
            raise
        finally:
            self._note(outcome, is_complete=is_complete)

    def _note(self, error: LoquentError | None, *, is_complete: bool) -> None:
        endpoint = self._candidate.endpoint
        if is_complete:
            waited_s = self._candidate.standing.queue_wait_s
            self._board.succeed(endpoint, self._audio_s, self.worked_s - waited_s)
        elif error is None or not self._is_at_fault(error):
            self._board.release(endpoint)
        else:
            self._board.fail(endpoint, error)

    def _is_at_fault(self, error: LoquentError) -> bool:
        """Tell whether `error` says that the endpoint is ill.

        An engine that fails while a provider serves is ours, and completes what the provider tells.
        """
        if isinstance(error, EngineError) and not self._candidate.endpoint.is_local:
            return False
        return not isinstance(error, UpstreamRejectedError | OverloadedError)

    async def _held(self, parts: AsyncGenerator[T, None], patience_s: float) -> AsyncGenerator[T]:
        """Yield the parts once all of them are there."""
        async with aclosing(parts):
            held = await self._timed(_all(parts), patience_s)
        for part in held:
            yield part

    async def _passed(
        self, parts: AsyncGenerator[T, None], patience_s: float, left_s: float
    ) -> AsyncGenerator[T]:
        """Yield the parts as they come."""
        is_local = self._candidate.endpoint.is_local
        async with aclosing(parts):
            limit_s = patience_s
            while (part := await self._timed(anext(parts, None), limit_s)) is not None:
                yield part
                limit_s = math.inf if is_local else left_s - self.worked_s

    async def _timed(self, work: Awaitable[U], limit_s: float) -> U:
        """Raises: UpstreamTimeoutError: if `work` takes longer than `limit_s`."""
        began_s = self._clock()
        try:
            async with asyncio.timeout(None if math.isinf(limit_s) else limit_s):
                return await work
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"{self._candidate.endpoint.id} did not answer within the time it was given."
            ) from error
        finally:
            self.worked_s += self._clock() - began_s


async def _all(parts: AsyncGenerator[T, None]) -> list[T]:
    return [part async for part in parts]
