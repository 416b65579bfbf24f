"""The local path from text to sound: cut, speak piece by piece, fit together, in order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from loquent.domain.errors import InvalidRequestError
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.pipeline.joins import fitted
from loquent.pipeline.script.pieces import Piece, PieceLimits, cut_into_pieces
from loquent.ports import PieceOptions, PieceSpeaker, PieceSpeakerSource, SpokenPiece

LEAD_S = 6.0
"""With so much sound in store a text may have several pieces spoken at a time; before that each has
the whole machine, so that the listener never waits."""

LETTER_S = 0.06
"""How long a letter sounds, roughly."""


class LocalSpeaker:
    """A `Speaker` that runs one model on this machine."""

    def __init__(
        self,
        casting: Casting,
        *,
        speakers: PieceSpeakerSource,
        limits: PieceLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take who speaks, and how long the pieces may be that suit the model."""
        self._casting = casting
        self._speakers = speakers
        self._limits = limits
        self._clock = clock

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield exactly one plan, then the sound, chunk by chunk as it is made."""
        script = await asyncio.to_thread(cut_into_pieces, request.text, self._limits)
        if not script.pieces:
            raise InvalidRequestError(
                "There is nothing in the input that can be spoken.", param="input"
            )
        speaker = await self._speakers.speaker(self._casting.model)
        yield SpeechPlan(
            self._casting,
            sample_rate_hz=speaker.sample_rate_hz,
            n_characters=len(request.text),
            n_skipped=script.n_dropped,
            n_pieces=len(script.pieces),
        )
        options = PieceOptions(
            voices=self._casting.voices,
            language=self._casting.language,
            speed=request.speed,
            settings=self._casting.settings,
            word_times=request.word_times,
        )
        async with aclosing(_spoken(speaker, script.pieces, options, self._clock)) as spoken:
            start_s = 0.0
            async for piece, sound in spoken:
                is_last = piece is script.pieces[-1]
                chunk = await asyncio.to_thread(
                    _chunk, piece, sound, request.speed, start_s, is_last=is_last
                )
                start_s += len(chunk.samples) / sound.sample_rate_hz
                yield chunk


def _chunk(
    piece: Piece, sound: SpokenPiece, speed: float, start_s: float, *, is_last: bool
) -> SpeechChunk:
    fit = fitted(sound, speed, None if is_last else piece.border)
    words = tuple(
        replace(word, start_s=start_s + word.start_s, end_s=start_s + word.end_s)
        for word in fit.words
    )
    return SpeechChunk(fit.samples, piece.text, words)


class _Playback:
    """What the listener has heard, if everything is played as soon as it is there."""

    def __init__(self, speed: float, clock: Callable[[], float]) -> None:
        self._speed = speed
        self._clock = clock
        self._began_s: float | None = None
        self._made_s = 0.0
        self._coming_s = 0.0

    def begin(self, piece: Piece) -> float:
        """Note that a piece is begun; return when its sound will be wanted."""
        now_s = self._clock()
        ends_s = now_s if self._began_s is None else self._began_s + self._made_s
        due_s = max(now_s, ends_s + self._coming_s)
        self._coming_s += self._guess_s(piece)
        return due_s

    def end(self, piece: Piece, sound: SpokenPiece) -> None:
        """Note that a piece is there."""
        if self._began_s is None:
            self._began_s = self._clock()
        self._coming_s -= self._guess_s(piece)
        stretch = sound.speed / self._speed
        self._made_s += stretch * len(sound.samples) / sound.sample_rate_hz

    @property
    def lead_s(self) -> float:
        """How much sound is in store."""
        if self._began_s is None:
            return 0.0
        return self._began_s + self._made_s - self._clock()

    def _guess_s(self, piece: Piece) -> float:
        return len(piece.text) * LETTER_S / self._speed


async def _spoken(
    speaker: PieceSpeaker,
    pieces: tuple[Piece, ...],
    options: PieceOptions,
    clock: Callable[[], float],
) -> AsyncGenerator[tuple[Piece, SpokenPiece]]:
    """Have the pieces spoken, and yield them in order, each when it is done."""
    playback = _Playback(options.speed, clock)
    running: deque[tuple[Piece, asyncio.Task[SpokenPiece]]] = deque()
    waiting = deque(pieces)

    def begin() -> None:
        piece = waiting.popleft()
        work = speaker.speak(piece.text, options, playback.begin(piece))
        running.append((piece, asyncio.create_task(work)))

    try:
        begin()
        while running:
            piece, task = running[0]
            sound = await task
            running.popleft()
            playback.end(piece, sound)
            n_at_once = speaker.n_workers if playback.lead_s > LEAD_S else 1
            while waiting and len(running) < n_at_once:
                begin()
            yield piece, sound
    finally:
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
