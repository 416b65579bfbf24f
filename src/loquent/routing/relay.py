"""A live session that goes on elsewhere when the place that serves it fails; knows no place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Protocol, assert_never

from loquent.domain.errors import EngineError, LoquentError, UpstreamError
from loquent.domain.live import LiveRequest, LiveUpdate
from loquent.ports import LiveSession
from loquent.routing.replay import PIECE_BYTES, Commit, Finish, Hear, Replay, Step

_MOVABLE = (UpstreamError, EngineError)
"""What another place may not suffer from."""


class LiveSource(Protocol):
    """The places that may serve a session, the best one first; each is offered a few times at most.

    Leaving the context of a session ends its `updates`, and whatever else waits for it.
    """

    def next_place(
        self, request: LiveRequest, failed: LoquentError | None
    ) -> AbstractAsyncContextManager[LiveSession]:
        """Return what opens a session at the next place.

        Args:
            failed: why the place before it did not do; None for the first one.
        Raises: `failed`, or what else the caller is to be told, if no place is left.
        """
        ...


@dataclass(eq=False)
class _Place:
    """Where the session is; `owned` leaves it."""

    session: LiveSession
    owned: AsyncExitStack


class RelayedSession:
    """A `LiveSession` at one of several places.

    Sound is held until its final text is told, for a minute at most. When a place fails the next
    one hears it again, and its updates go on where those of the last place ended.
    """

    def __init__(self, request: LiveRequest, source: LiveSource) -> None:
        self._request = request
        self._source = source
        self._replay = Replay(request.sound)
        self._place: _Place | None = None
        self._failure: LoquentError | None = None
        self._moving = asyncio.Lock()
        self._feeding = asyncio.Lock()
        self._feeder: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the session at the first place that takes it.

        Raises: what the source and the places do.
        """
        async with self._moving:
            await self._open_next(None)

    async def close(self) -> None:
        """Leave the place; `updates` ends."""
        if self._feeder is not None:
            self._feeder.cancel()
            await asyncio.gather(self._feeder, return_exceptions=True)
        async with self._moving:
            await self._leave()

    async def hear(self, sound: bytes) -> None:
        """Take the next bytes, cut anywhere; waits while the place takes no more.

        Raises: what the last place did, if none is left.
        """
        for begin in range(0, len(sound), PIECE_BYTES):
            async with self._feeding:
                self._replay.hear(sound[begin : begin + PIECE_BYTES])
                await self._catch_up()

    async def commit(self) -> int | None:
        """End the utterance here, whatever is being said.

        Raises: what the last place did, if none is left.
        """
        async with self._feeding:
            await self._catch_up()
            self._replay.commit()
            return await self._catch_up()

    async def clear(self) -> None:
        """Forget what came since the last utterance ended.

        Raises: what the last place did, if none is left.
        """
        async with self._feeding:
            await self._catch_up()
            place = await self._current()
            self._replay.clear()
            try:
                await place.session.clear()
            except _MOVABLE as error:
                await self._move(place, error)
                await self._catch_up()

    async def configure(self, request: LiveRequest) -> None:
        """Go on under other terms, at this place and at later ones.

        Raises: InvalidRequestError; what the last place did, if none is left.
        """
        async with self._feeding:
            while True:
                place = await self._current()
                try:
                    await place.session.configure(request)
                    break
                except _MOVABLE as error:
                    await self._move(place, error)
                    await self._catch_up()
            if request.sound != self._request.sound:
                self._replay = Replay(request.sound)
            self._request = request

    async def finish(self) -> None:
        """End the stream; the last updates follow, then `updates` ends.

        Raises: what the last place did, if none is left.
        """
        async with self._feeding:
            self._replay.finish()
            await self._catch_up()

    async def updates(self) -> AsyncGenerator[LiveUpdate]:
        """Yield what is found out, as soon as it is.

        Raises: what the last place did, if none is left.
        """
        while (place := await self._here()) is not None:
            try:
                async for update in place.session.updates():
                    # A place that was left may still have something to say.
                    for told in self._replay.told(update) if place is self._place else ():
                        yield told
            except _MOVABLE as error:
                await self._move(place, error)
                self._feed_on()
            else:
                if place is self._place:
                    break
        for told in self._replay.rest() if place is not None else ():
            yield told

    async def _here(self) -> _Place | None:
        """Return the place where the session is, None once it is closed."""
        async with self._moving:
            if self._failure is not None:
                raise self._failure
            return self._place

    async def _current(self) -> _Place:
        place = await self._here()
        assert place is not None, "a session is used that is not open"
        return place

    async def _catch_up(self) -> int | None:
        """Do at the place what the caller did, as far as it was not done there yet.

        Returns: the number of the utterance that was committed last, if any was.
        """
        number: int | None = None
        while True:
            place = await self._current()
            step = self._replay.next_step()
            if step is None:
                return number
            try:
                number = await self._do(place, step, number)
            except _MOVABLE as error:
                await self._move(place, error)

    async def _do(self, place: _Place, step: Step, number: int | None) -> int | None:
        match step:
            case Hear(sound):
                await place.session.hear(sound)
            case Finish():
                await place.session.finish()
            case Commit():
                committed = await place.session.commit()
                if place is self._place:
                    return self._replay.committed(committed)
            case _:
                assert_never(step)
        return number

    def _feed_on(self) -> None:
        """Have the new place hear again what the old one did, while its updates are read."""
        if self._feeder is None or self._feeder.done():
            self._feeder = asyncio.create_task(self._feed())

    async def _feed(self) -> None:
        try:
            async with self._feeding:
                await self._catch_up()
        except LoquentError as error:
            async with self._moving:
                await self._give_up(error)

    async def _move(self, place: _Place, error: LoquentError) -> None:
        """Go on at the next place, unless somebody has left `place` already.

        Raises: what the last place did, if none is left.
        """
        async with self._moving:
            if self._failure is not None:
                raise self._failure
            if place is self._place:
                await self._open_next(error)

    async def _open_next(self, error: LoquentError | None) -> None:
        await self._leave()
        while True:
            owned = AsyncExitStack()
            try:
                opening = self._source.next_place(self._request, error)
            except LoquentError as last:
                await self._give_up(last)
                raise
            try:
                session = await owned.enter_async_context(opening)
            except _MOVABLE as failed:
                error = failed
            except LoquentError as last:
                await self._give_up(last)
                raise
            else:
                break
        self._replay.move()
        self._place = _Place(session, owned)

    async def _give_up(self, error: LoquentError) -> None:
        if self._failure is None:
            self._failure = error
        await self._leave()

    async def _leave(self) -> None:
        place, self._place = self._place, None
        if place is not None:
            await place.owned.aclose()
