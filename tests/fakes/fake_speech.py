"""Speech made of loud samples: a decoder, a detector and a recognizer that agree on what it means.

Samples at or above `LOUD` are speech; how loud they are says which line of a script is spoken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import numpy as np

from loquent.domain.audio import SAMPLE_RATE_HZ, AudioSource, Samples, duration_s
from loquent.domain.transcript import Segment, TokenScore, Word
from loquent.ports import Recognition, RecognitionOptions

FRAME_SAMPLES = 512

LOUD = 0.3
STEP = 0.05


def spoken(line: int, length_s: float) -> Samples:
    """Return speech that stands for one line of a script."""
    return np.full(round(length_s * SAMPLE_RATE_HZ), LOUD + line * STEP, dtype=np.float32)


def silence(length_s: float) -> Samples:
    return np.zeros(round(length_s * SAMPLE_RATE_HZ), dtype=np.float32)


class FakeDecoder:
    """Yields the windows it was given, then raises the error it was given.

    Attributes:
        n_closed: decodings that ended, by themselves or from outside.
        may_end: where set, what must happen before the recording ends.
    """

    def __init__(self, windows: Sequence[Samples], error: Exception | None = None) -> None:
        self.n_closed = 0
        self.may_end: asyncio.Event | None = None
        self._windows = windows
        self._error = error

    async def decode(
        self, source: AudioSource, channel: int | None = None
    ) -> AsyncGenerator[Samples]:
        try:
            for window in self._windows:
                yield window
            if self.may_end is not None:
                await self.may_end.wait()
            if self._error is not None:
                raise self._error
        finally:
            self.n_closed += 1


class FakeDetector:
    """Takes every loud frame for speech."""

    def stream(self) -> FakeActivity:
        return FakeActivity()


class FakeActivity:
    """The samples that do not fill a frame yet."""

    def __init__(self) -> None:
        self._pending = silence(0)

    async def probabilities(self, samples: Samples) -> Samples:
        pending = np.concatenate([self._pending, samples])
        n_frames = len(pending) // FRAME_SAMPLES
        frames = pending[: n_frames * FRAME_SAMPLES].reshape(n_frames, FRAME_SAMPLES)
        self._pending = pending[n_frames * FRAME_SAMPLES :]
        loudest = np.abs(frames).max(axis=1, initial=0.0)
        return np.where(loudest >= LOUD, 0.9, 0.05).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Line:
    """What is understood of one stretch of speech.

    Attributes:
        text: nothing is understood where it is empty.
        gate: where set, what must happen before it is understood.
        error: raised instead.
    """

    text: str
    language: str = "en"
    gate: asyncio.Event | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What one call handed over, and which line it was taken for."""

    line: int
    samples: Samples
    options: RecognitionOptions


@dataclass
class FakeRecognizer:
    """Understands the lines of a script, and remembers what it was asked.

    Attributes:
        heard: calls in the order in which they began.
        finished: lines in the order in which they were understood.
        cancelled: lines whose calls were cancelled.
    """

    lines: Sequence[Line]
    heard: list[Heard] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)

    async def recognizer(self, model_id: str) -> FakeRecognizer:
        """Be a `RecognizerSource` of one model, too."""
        return self

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        loudest = float(np.abs(samples).max(initial=0.0))
        index = min(len(self.lines) - 1, round((loudest - LOUD) / STEP))
        line = self.lines[index] if index >= 0 else Line("")
        self.heard.append(Heard(index, samples, options))
        try:
            await (asyncio.sleep(0) if line.gate is None else line.gate.wait())
        except asyncio.CancelledError:
            self.cancelled.append(index)
            raise
        if line.error is not None:
            raise line.error
        self.finished.append(index)
        segments = (_segment(line.text, duration_s(samples), options),) if line.text else ()
        n_prompt_tokens = len(f"{options.prompt} {options.hotwords}".split())
        return Recognition(options.language or line.language, segments, n_prompt_tokens)


def _segment(text: str, length_s: float, options: RecognitionOptions) -> Segment:
    words = text.split()
    step_s = length_s / len(words)
    timed = (Word(w, i * step_s, (i + 1) * step_s, 0.9) for i, w in enumerate(words))
    scores = (TokenScore(f" {word}", f" {word}".encode(), -0.1) for word in words)
    return Segment(
        id=0,
        start_s=0.0,
        end_s=length_s,
        text=f" {text}",
        tokens=tuple(range(len(words))),
        temperature=options.temperature,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.01,
        words=tuple(timed) if options.word_timestamps else (),
        token_scores=tuple(scores) if options.token_scores else (),
    )
