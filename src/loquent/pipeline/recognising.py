"""Recognise the stretches of one recording: many at a time, in order, in one language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loquent.domain.audio import duration_s
from loquent.pipeline.stretches import Stretch
from loquent.ports import Lane, Recognition, RecognitionOptions, SpeechRecognizer

N_IN_FLIGHT = 16
"""Stretches of one recording that may wait for the engine: two full batches on two cores."""

OPENING_S = 30.0
"""Speech that begins this early in a recording is as urgent as a short recording."""

TELLING_S = 5.0
"""A stretch as long as this tells the language; "hello?" sounds alike in many."""


async def recognised(
    recognizer: SpeechRecognizer,
    options: RecognitionOptions,
    stretches: AsyncGenerator[Stretch],
) -> AsyncGenerator[tuple[float, Recognition]]:
    """Yield (start_s, recognition) of each stretch in order, each when due."""
    flight = _Flight()
    feeding = asyncio.create_task(_Feeder(recognizer, options, flight).feed(stretches))
    try:
        while next_ := await flight.begun.get():
            recognition = await next_.work
            flight.room.release()
            yield next_.start_s, recognition
        await feeding
    finally:
        for task in (feeding, *flight.running):
            task.cancel()
        await asyncio.gather(feeding, *flight.running, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A stretch that is being recognised."""

    start_s: float
    work: asyncio.Task[Recognition]


class _Flight:
    """The stretches of one recording that are with the engine, in order; None is the last."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(N_IN_FLIGHT)
        self.begun: asyncio.Queue[_Begun | None] = asyncio.Queue()
        self.running: set[asyncio.Task[Recognition]] = set()

    def begin(
        self, start_s: float, recognising: Coroutine[Any, Any, Recognition]
    ) -> asyncio.Task[Recognition]:
        """Start a stretch for which there is room."""
        work = asyncio.create_task(recognising)
        self.running.add(work)
        work.add_done_callback(self.running.discard)
        self.begun.put_nowait(_Begun(start_s, work))
        return work


class _Feeder:
    """Gives stretches to the engine, as long as not too many wait.

    Where the language is to be found out, the longest stretch of the opening tells it. If nothing
    is said in that, stretches go one by one until something is.
    """

    def __init__(
        self, recognizer: SpeechRecognizer, options: RecognitionOptions, flight: _Flight
    ) -> None:
        self._recognizer = recognizer
        self._options = options
        self._flight = flight

    async def feed(self, stretches: AsyncGenerator[Stretch]) -> None:
        """Begin all stretches of a recording."""
        try:
            if self._options.language is None:
                await self._begin_opening(await _opening(stretches))
            async for stretch in stretches:
                await self._begin(stretch)
        finally:
            self._flight.begun.put_nowait(None)

    async def _begin_opening(self, opening: Sequence[Stretch]) -> None:
        if not opening:
            return
        longest = max(opening, key=lambda stretch: len(stretch.samples))
        told = await self._recognise(longest)
        self._take_language(told)
        for stretch in opening:
            if stretch is longest:
                await self._flight.room.acquire()
                self._flight.begin(stretch.start_s, _known(told))
            else:
                await self._begin(stretch)

    async def _begin(self, stretch: Stretch) -> None:
        await self._flight.room.acquire()
        work = self._flight.begin(stretch.start_s, self._recognise(stretch))
        if self._options.language is None:
            self._take_language(await work)

    def _take_language(self, recognition: Recognition) -> None:
        if recognition.segments:
            self._options = replace(self._options, language=recognition.language)

    def _recognise(self, stretch: Stretch) -> Coroutine[Any, Any, Recognition]:
        lane = Lane.SHORT if stretch.start_s < OPENING_S else Lane.LONG
        return self._recognizer.recognize(stretch.samples, replace(self._options, lane=lane))


async def _opening(stretches: AsyncGenerator[Stretch]) -> list[Stretch]:
    """Return the first stretches, up to one that tells the language."""
    opening: list[Stretch] = []
    async for stretch in stretches:
        opening.append(stretch)
        is_telling = duration_s(stretch.samples) >= TELLING_S
        if is_telling or stretch.start_s >= OPENING_S or len(opening) == N_IN_FLIGHT:
            break
    return opening


async def _known(recognition: Recognition) -> Recognition:
    return recognition
