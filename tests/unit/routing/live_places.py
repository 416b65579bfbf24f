"""Places of live sessions for tests: they understand bytes, and die when they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from loquent.domain.errors import LoquentError, UpstreamUnavailableError
from loquent.domain.live import (
    Final,
    LiveRequest,
    LiveUpdate,
    Partial,
    Settled,
    SoundFormat,
    SpeechStarted,
    SpeechStopped,
)
from loquent.domain.transcript import Task, Transcript, Word
from loquent.pipeline.derivation import told_segment

RATE_HZ = 8_000
SOUND = SoundFormat(RATE_HZ)
SILENCE_SAMPLES = 3
"""So many of them end an utterance."""


def sound_of(text: str) -> bytes:
    """Return a sample for each letter, and silence for each space."""
    return b"".join((0 if letter == " " else ord(letter)).to_bytes(2, "little") for letter in text)


class Reader:
    """Understands sound: every run of letters up to three spaces is an utterance."""

    def __init__(self) -> None:
        self._rest = b""
        self._n_samples = 0
        self._number = 0
        self._letters: list[tuple[str, int]] = []
        self._n_silent = 0

    @property
    def is_open(self) -> bool:
        return bool(self._letters)

    def hear(self, sound: bytes) -> list[LiveUpdate]:
        """Return what is to be told of the next bytes."""
        raw = self._rest + sound
        n_whole = len(raw) // 2 * 2
        self._rest = raw[n_whole:]
        return [
            update
            for begin in range(0, n_whole, 2)
            for update in self._hear_sample(int.from_bytes(raw[begin : begin + 2], "little"))
        ]

    def commit(self) -> tuple[int | None, list[LiveUpdate]]:
        """End the utterance."""
        if not self._letters:
            return None, []
        return self._number, self.end()

    def clear(self) -> None:
        """Forget the utterance."""
        self._letters, self._n_silent = [], 0

    def end(self) -> list[LiveUpdate]:
        """Return the end of the open utterance."""
        if not self._letters:
            return []
        letters, self._letters, self._n_silent = self._letters, [], 0
        start, end = letters[0][1], letters[-1][1] + 1
        words = _words(letters)
        text = " ".join(word.text for word in words)
        segment = told_segment(0, start / RATE_HZ, end / RATE_HZ, text, words)
        transcript = Transcript(
            Task.TRANSCRIBE, text, "en", (end - start) / RATE_HZ, (segment,), "m", "p"
        )
        return [
            SpeechStopped(self._number, self._n_samples / RATE_HZ),
            Final(self._number, start / RATE_HZ, end / RATE_HZ, transcript),
        ]

    def _hear_sample(self, value: int) -> list[LiveUpdate]:
        self._n_samples += 1
        if value == 0:
            self._n_silent += 1
            is_over = self._letters and self._n_silent >= SILENCE_SAMPLES
            return self.end() if is_over else []
        self._n_silent = 0
        begun: list[LiveUpdate] = []
        at = self._n_samples - 1
        if not self._letters:
            self._number += 1
            begun = [SpeechStarted(self._number, at / RATE_HZ)]
        self._letters.append((chr(value), at))
        words = _words(self._letters)
        text = " ".join(word.text for word in words)
        start_s = self._letters[0][1] / RATE_HZ
        partial = Partial(self._number, start_s, (at + 1) / RATE_HZ, text, words)
        return [*begun, partial, Settled(self._number, chr(value))]


def _words(letters: list[tuple[str, int]]) -> tuple[Word, ...]:
    """Return runs of letters without a gap."""
    words: list[Word] = []
    for letter, at in letters:
        start_s, end_s = at / RATE_HZ, (at + 1) / RATE_HZ
        if words and abs(words[-1].end_s - start_s) < 0.5 / RATE_HZ:
            words[-1] = Word(words[-1].text + letter, words[-1].start_s, end_s, 1.0)
        else:
            words.append(Word(letter, start_s, end_s, 1.0))
    return tuple(words)


@dataclass
class Failing:
    """When a place fails: having heard so many bytes, from `hear` or from `updates`."""

    after_bytes: int
    where: Literal["hear", "updates", "finish"] = "updates"


@dataclass
class FakePlace:
    """A `LiveSession` at one place."""

    request: LiveRequest
    failing: Failing | None = None
    heard: bytearray = field(default_factory=bytearray)
    is_left: bool = False

    def __post_init__(self) -> None:
        self._reader = Reader()
        self._waiting: asyncio.Queue[LiveUpdate | LoquentError | None] = asyncio.Queue()
        self._is_dead = False

    async def hear(self, sound: bytes) -> None:
        if self._is_dead or self.is_left:
            raise _failure()
        room = self._room(sound)
        self.heard += sound[:room]
        self._tell(self._reader.hear(sound[:room]))
        await asyncio.sleep(0)
        if room < len(sound) or (self.failing and not self._room(b"x")):
            self._die("hear")

    async def commit(self) -> int | None:
        if self._is_dead:
            raise _failure()
        number, updates = self._reader.commit()
        self._tell(updates)
        return number

    async def clear(self) -> None:
        if self._is_dead:
            raise _failure()
        self._reader.clear()

    async def configure(self, request: LiveRequest) -> None:
        if self._is_dead:
            raise _failure()
        self.request = request

    async def finish(self) -> None:
        if self.failing and self.failing.where == "finish":
            self._die("finish")
        if self._is_dead:
            raise _failure()
        self._tell(self._reader.end())
        self._waiting.put_nowait(None)

    async def updates(self) -> AsyncGenerator[LiveUpdate]:
        while (update := await self._waiting.get()) is not None:
            if isinstance(update, LoquentError):
                raise update
            yield update

    def leave(self) -> None:
        self.is_left = True
        self._waiting.put_nowait(None)

    def _room(self, sound: bytes) -> int:
        if self.failing is None or self.failing.where == "finish":
            return len(sound)
        return max(0, min(len(sound), self.failing.after_bytes - len(self.heard)))

    def _die(self, where: str) -> None:
        self._is_dead = True
        assert self.failing is not None
        if self.failing.where == where:
            raise _failure()
        self._waiting.put_nowait(_failure())

    def _tell(self, updates: list[LiveUpdate]) -> None:
        for update in updates:
            self._waiting.put_nowait(update)


def _failure() -> LoquentError:
    return UpstreamUnavailableError("The place is gone.")


@dataclass
class FakeSource:
    """A `LiveSource` of places that fail as told; None is one that does not."""

    failings: list[Failing | LoquentError | None]
    places: list[FakePlace] = field(default_factory=list)

    def next_place(
        self, request: LiveRequest, failed: LoquentError | None
    ) -> AbstractAsyncContextManager[FakePlace]:
        if not self.failings:
            assert failed is not None
            raise failed
        return self._open(request, self.failings.pop(0))

    @asynccontextmanager
    async def _open(
        self, request: LiveRequest, failing: Failing | LoquentError | None
    ) -> AsyncIterator[FakePlace]:
        if isinstance(failing, LoquentError):
            raise failing
        place = FakePlace(request, failing)
        self.places.append(place)
        try:
            yield place
        finally:
            place.leave()
