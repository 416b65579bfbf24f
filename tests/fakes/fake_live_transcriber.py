"""A `LiveTranscriber` that says what it is told to say; one utterance per commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from loquent.domain.errors import InvalidRequestError, LoquentError
from loquent.domain.live import (
    Final,
    LiveActivity,
    LiveRequest,
    LiveUpdate,
    Partial,
    Settled,
    SpeechStarted,
    SpeechStopped,
)
from loquent.domain.transcript import Segment, Task, TokenScore, Transcript, Word
from loquent.realtime.outbox import Outbox

BYTES_PER_S = 32_000
"""Sound at 16 kHz in 16 bits."""

WORDS = ("hello", "there")

SPEAKERS = "AB"
"""Who says the utterances, in turn, where that is asked for."""


class FakeLiveSession:
    """Counts bytes; every commit, and the end, make one utterance of whatever was heard."""

    def __init__(
        self,
        request: LiveRequest,
        failure: LoquentError | None = None,
        absence: LoquentError | None = None,
    ) -> None:
        self.requests = [request]
        self.n_bytes = 0
        self.is_closed = False
        self._failure = failure
        self._absence = absence
        self._outbox = Outbox()
        self._n_utterances = 0
        self._start_s = 0.0

    @property
    def heard_s(self) -> float:
        return self.n_bytes / BYTES_PER_S

    async def hear(self, sound: bytes) -> None:
        self.n_bytes += len(sound)

    async def commit(self) -> int | None:
        if self.heard_s <= self._start_s:
            return None
        self._n_utterances += 1
        for update in self._utterance(self._n_utterances, self._start_s, self.heard_s):
            self._outbox.put(update)
        self._start_s = self.heard_s
        return self._n_utterances

    async def clear(self) -> None:
        self._start_s = self.heard_s

    async def configure(self, request: LiveRequest) -> None:
        if request.speakers and self._absence:
            raise self._absence
        if request.sound != self.requests[-1].sound and self.n_bytes:
            raise InvalidRequestError("the format of the sound cannot change", param="format")
        self.requests.append(request)

    async def finish(self) -> None:
        await self.commit()
        self._outbox.end()

    def updates(self) -> AsyncIterator[LiveUpdate]:
        return self._outbox.read()

    def close(self) -> None:
        self.is_closed = True
        self._outbox.end()

    def _utterance(self, number: int, start_s: float, end_s: float) -> list[LiveUpdate]:
        middle_s = (start_s + end_s) / 2
        words = (Word(WORDS[0], start_s, middle_s, 0.9), Word(WORDS[1], middle_s, end_s, 0.7))
        is_asked = self.requests[-1].speakers
        speaker = SPEAKERS[(number - 1) % len(SPEAKERS)] if is_asked else None
        return [
            SpeechStarted(number, start_s),
            Partial(number, start_s, middle_s, WORDS[0], words[:1]),
            Settled(number, f" {WORDS[0]}"),
            SpeechStopped(number, end_s),
            Settled(number, f" {WORDS[1]}"),
            Final(
                number,
                start_s,
                end_s,
                _transcript(words, self.requests[0].model, speaker),
                n_shown=2,
                n_changed=0,
                error=self._failure,
                speaker=speaker,
            ),
        ]


class FakeLiveTranscriber:
    """Opens fake sessions, and remembers them.

    Args:
        refusal: why none is opened.
        failure: why each final may lack words.
        absence: why nobody is told apart.
    """

    def __init__(
        self,
        refusal: LoquentError | None = None,
        failure: LoquentError | None = None,
        absence: LoquentError | None = None,
    ) -> None:
        self.opened: list[FakeLiveSession] = []
        self._refusal = refusal
        self._failure = failure
        self._absence = absence

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[FakeLiveSession]:
        refusal = self._refusal or (self._absence if request.speakers else None)
        if refusal:
            raise refusal
        session = FakeLiveSession(request, self._failure, self._absence)
        self.opened.append(session)
        try:
            yield session
        finally:
            session.close()

    def sessions(self) -> Sequence[LiveActivity]:
        return [
            LiveActivity(f"live_{i}", s.requests[0].model, 1.0, s.heard_s, 0.2, 0.5, 2, 0)
            for i, s in enumerate(self.opened, start=1)
            if not s.is_closed
        ]


def _transcript(words: Sequence[Word], model: str, speaker: str | None) -> Transcript:
    segment = Segment(
        id=0,
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text=f" {' '.join(word.text for word in words)}",
        tokens=(1, 2),
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.0,
        words=tuple(replace(word, speaker=speaker) for word in words),
        speaker=speaker,
        token_scores=tuple(
            TokenScore(f" {word.text}", f" {word.text}".encode(), -0.1) for word in words
        ),
    )
    return Transcript(
        task=Task.TRANSCRIBE,
        text=segment.text.strip(),
        language="en",
        duration_s=words[-1].end_s - words[0].start_s,
        segments=(segment,),
        model=model,
    )
