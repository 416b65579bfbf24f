"""Send each live stream to the endpoint that follows it best, and on to another if that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

from loquent.domain.errors import (
    EngineError,
    LoquentError,
    OverloadedError,
    UnsupportedOptionError,
    UpstreamError,
)
from loquent.domain.live import LiveRequest
from loquent.ports import LiveSession, LiveTranscriber
from loquent.routing.fitting import fit
from loquent.routing.need import need_of_stream
from loquent.routing.planner import Planner
from loquent.routing.ranking import Candidate
from loquent.routing.relay import RelayedSession

LivePath: TypeAlias = Callable[[Candidate], LiveTranscriber]
"""From an endpoint that was chosen to who follows streams there."""

MAX_PLACES = 6
"""A session that has been at so many is given up."""


class LiveRouter:
    """A `LiveTranscriber` over all endpoints."""

    def __init__(self, planner: Planner, path: LivePath) -> None:
        """Take who chooses, and the way to each endpoint."""
        self._planner = planner
        self._path = path

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[LiveSession]:
        """Open a session at the best endpoint; if that fails, it goes on at another one."""
        places = _Places(self._planner, self._path)
        first, *others = self._planner.chosen(need_of_stream(request))
        relayed = RelayedSession(request, places)
        try:
            if first.endpoint.is_local and not others:
                async with places.next_place(request, None) as session:
                    yield session
            else:
                await relayed.open()
                yield relayed
        finally:
            await relayed.close()
            places.leave()


class _Places:
    """Where one session may be: a `LiveSource`.

    A place that did not take the session is not asked again; one at which it was may be, after
    all others.
    """

    def __init__(self, planner: Planner, path: LivePath) -> None:
        self._planner = planner
        self._board = planner.board
        self._path = path
        self._n_offered = 0
        self._refused: set[str] = set()
        self._last: Candidate | None = None

    def leave(self, failed: LoquentError | None = None) -> None:
        """Tell the board how the session did at its last place: rejecting it, or having no room,
        is no failure.
        """
        if self._last is None:
            return
        endpoint, self._last = self._last.endpoint, None
        is_ill = isinstance(failed, UpstreamError | EngineError)
        if failed is None or not is_ill or isinstance(failed, OverloadedError):
            self._board.release(endpoint)
        else:
            self._board.fail(endpoint, failed)

    def next_place(
        self, request: LiveRequest, failed: LoquentError | None
    ) -> AbstractAsyncContextManager[LiveSession]:
        """Return what opens a session at the next place.

        Raises: `failed`, or what the planner does, if no place is left.
        """
        last_id = self._last.endpoint.id if self._last else None
        self.leave(failed)
        self._last = self._next(request, failed, last_id)
        self._n_offered += 1
        self._board.begin(self._last.endpoint)
        return self._at(self._last, request)

    def _next(
        self, request: LiveRequest, failed: LoquentError | None, last_id: str | None
    ) -> Candidate:
        try:
            candidates = self._planner.chosen(need_of_stream(request))
        except LoquentError as error:
            raise failed or error from error
        left = [c for c in candidates if c.endpoint.id not in self._refused]
        left.sort(key=lambda candidate: candidate.endpoint.id == last_id)
        if failed is not None and (not left or self._n_offered >= MAX_PLACES):
            raise failed
        return left[0]

    @asynccontextmanager
    async def _at(self, candidate: Candidate, request: LiveRequest) -> AsyncIterator[LiveSession]:
        endpoint = candidate.endpoint
        self._refused.add(endpoint.id)
        asked = replace(request, model=endpoint.model)
        async with self._path(candidate).open(asked) as session:
            self._refused.discard(endpoint.id)
            yield _PlacedSession(session, candidate, self._planner)


class _PlacedSession:
    """A `LiveSession` whose model stays what it was chosen to be."""

    def __init__(self, session: LiveSession, candidate: Candidate, planner: Planner) -> None:
        self._session = session
        self._endpoint = candidate.endpoint
        self._rules = planner.policy.rules
        self.hear = session.hear
        self.commit = session.commit
        self.clear = session.clear
        self.finish = session.finish
        self.updates = session.updates

    async def configure(self, request: LiveRequest) -> None:
        """Go on under other terms, if the place can.

        Raises: UnsupportedOptionError, InvalidRequestError.
        """
        refusals = fit(self._endpoint, need_of_stream(request), self._rules).refusals
        if refusals:
            raise UnsupportedOptionError(
                f"{self._endpoint.id} cannot go on so: {refusals[0].reason}",
                param=refusals[0].param,
            )
        await self._session.configure(replace(request, model=self._endpoint.model))
