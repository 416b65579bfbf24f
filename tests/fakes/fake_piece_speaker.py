"""A speaker of pieces whose every piece takes until the test says that it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from loquent.domain.speech import SpokenWord, Waveform
from loquent.ports import PieceOptions, SpokenPiece

RATE_HZ = 8_000


def loud(length_s: float) -> Waveform:
    """Return sound without silence at its ends, so that nothing is trimmed."""
    return np.full(round(length_s * RATE_HZ), 0.5, np.float32)


def spoken_piece(text: str, length_s: float = 1.0) -> SpokenPiece:
    """Return the sound of `text`, its words sharing the time evenly."""
    words = text.split()
    ends_s = [length_s * n / len(words) for n in range(len(words) + 1)]
    timed = zip(words, ends_s[:-1], ends_s[1:], strict=True)
    return SpokenPiece(loud(length_s), RATE_HZ, words=tuple(SpokenWord(*word) for word in timed))


@dataclass
class PieceCall:
    """One piece that was asked for."""

    text: str
    options: PieceOptions
    due_s: float
    answer: asyncio.Future[SpokenPiece]

    def finish(self, length_s: float = 1.0) -> None:
        self.answer.set_result(spoken_piece(self.text, length_s))

    def fail(self, failure: Exception) -> None:
        self.answer.set_exception(failure)


@dataclass
class FakePieceSpeaker:
    """Lists what it is asked for, in that order.

    Attributes:
        answers_at_once: what is done with each new piece; by default it waits for the test.
        n_stopped: pieces that were cancelled.
    """

    n_workers: int = 1
    sample_rate_hz: int = RATE_HZ
    answers_at_once: Callable[[PieceCall], None] | None = None
    calls: list[PieceCall] = field(default_factory=list)
    n_stopped: int = 0
    _was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        answer: asyncio.Future[SpokenPiece] = asyncio.get_running_loop().create_future()
        call = PieceCall(text, options, due_s, answer)
        self.calls.append(call)
        self._was_asked.set()
        if self.answers_at_once:
            self.answers_at_once(call)
        try:
            return await answer
        except asyncio.CancelledError:
            self.n_stopped += 1
            raise

    async def begun(self, n_calls: int) -> None:
        """Wait until so many pieces were asked for, and nothing more can happen."""
        while len(self.calls) < n_calls:
            self._was_asked.clear()
            await asyncio.wait_for(self._was_asked.wait(), timeout=5)
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def running(self) -> list[PieceCall]:
        return [call for call in self.calls if not call.answer.done()]


@dataclass
class FakePieceSpeakerSource:
    """Hands out one speaker, or fails with the error it was given."""

    handed_out: FakePieceSpeaker
    failure: Exception | None = None
    asked_for: list[str] = field(default_factory=list)

    async def speaker(self, model_id: str) -> FakePieceSpeaker:
        self.asked_for.append(model_id)
        if self.failure:
            raise self.failure
        return self.handed_out
