"""A `LiveTranscriber` that finds out what a test has written down, append by append."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from loquent.domain.errors import LoquentError
from loquent.domain.live import (
    Final,
    LiveRequest,
    LiveUpdate,
    Partial,
    Settled,
    SoundEncoding,
    SpeechStarted,
    SpeechStopped,
)
from loquent.domain.transcript import Segment, Task, TokenScore, Transcript
from tests.fakes.fake_live_transcriber import FakeLiveSession, FakeLiveTranscriber

Script = Sequence[Sequence[LiveUpdate]]


class ScriptedSession(FakeLiveSession):
    """Says the next line of its script at every append, whatever is heard.

    Attributes:
        refusal: why no change can be followed.
    """

    def __init__(self, request: LiveRequest, script: Script) -> None:
        super().__init__(request)
        self._lines = iter(script)
        self.is_finished = False
        self.refusal: LoquentError | None = None

    @property
    def heard_s(self) -> float:
        sound = self.requests[-1].sound
        n_bytes = 2 if sound.encoding is SoundEncoding.PCM_S16LE else 1
        return self.n_bytes / sound.sample_rate_hz / n_bytes

    async def hear(self, sound: bytes) -> None:
        await super().hear(sound)
        for update in next(self._lines, ()):
            if isinstance(update, SpeechStopped):
                self._start_s = update.end_s
            self._outbox.put(update)

    async def configure(self, request: LiveRequest) -> None:
        if self.refusal:
            raise self.refusal
        await super().configure(request)

    async def finish(self) -> None:
        self.is_finished = True
        await super().finish()

    def fail(self, error: Exception) -> None:
        self._outbox.end(error)


class ScriptedTranscriber(FakeLiveTranscriber):
    """Opens scripted sessions.

    Args:
        refusals: model -> why it cannot be had.
    Attributes:
        closed: set once a session was closed.
    """

    def __init__(
        self, script: Script = (), refusals: Mapping[str, LoquentError] | None = None
    ) -> None:
        super().__init__()
        self.script = script
        self.scripted: list[ScriptedSession] = []
        self.refusals = dict(refusals or {})
        self.closed = threading.Event()

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[ScriptedSession]:
        if refusal := self.refusals.get(request.model):
            raise refusal
        session = ScriptedSession(request, self.script)
        self.opened.append(session)
        self.scripted.append(session)
        try:
            yield session
        finally:
            session.is_closed = True
            self.closed.set()

    @property
    def session(self) -> ScriptedSession:
        """The last one."""
        return self.scripted[-1]

    @property
    def request(self) -> LiveRequest:
        """What was asked for last."""
        return self.session.requests[-1]


def started(number: int, start_s: float) -> SpeechStarted:
    return SpeechStarted(number, start_s)


def guessed(number: int, text: str) -> Partial:
    return Partial(number, 0.0, 1.0, text, ())


def settled(number: int, text: str) -> Settled:
    return Settled(number, text)


def stopped(number: int, end_s: float) -> SpeechStopped:
    return SpeechStopped(number, end_s)


def final(
    number: int,
    text: str,
    *,
    duration_s: float = 1.2,
    language: str | None = "en",
    error: LoquentError | None = None,
    speaker: str | None = None,
) -> Final:
    """Return a final; each word is a token."""
    words = text.split()
    scores = tuple(TokenScore(f" {word}", f" {word}".encode(), -0.25) for word in words)
    segment = Segment(
        id=0,
        start_s=0.0,
        end_s=duration_s,
        text=f" {text}",
        tokens=tuple(range(len(words))),
        temperature=0.0,
        avg_logprob=-0.25,
        compression_ratio=1.0,
        no_speech_prob=0.0,
        token_scores=scores,
        speaker=speaker,
    )
    transcript = Transcript(
        task=Task.TRANSCRIBE,
        text=text,
        language=language,
        duration_s=duration_s,
        segments=(segment,) if text else (),
        model="fake/big",
    )
    return Final(number, 0.0, duration_s, transcript, error=error, speaker=speaker)
