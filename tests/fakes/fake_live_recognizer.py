"""A recognizer that spells out what it hears: each run of equally loud samples is one word.

What it says of a part of the sound never contradicts what it says of a longer part.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.errors import LoquentError
from loquent.domain.transcript import Segment, TokenScore, Word
from loquent.ports import Recognition, RecognitionOptions
from tests.fakes.fake_speech import LOUD, STEP, silence, spoken

VOCABULARY = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

SPOKEN_WORD_S = 0.4

MIN_WORD_S = 0.1


def sentence(*words: str) -> Samples:
    """Return these words as sound, without a pause between them."""
    lines = [VOCABULARY.index(word) + 1 for word in words]
    return np.concatenate([silence(0.0), *(spoken(line, SPOKEN_WORD_S) for line in lines)])


@dataclass(frozen=True, slots=True)
class LiveCall:
    """What one call handed over."""

    samples: Samples
    options: RecognitionOptions


@dataclass
class FakeLiveRecognizer:
    """A `SpeechRecognizer`, and the `LiveRecognizerSource` that hands it out.

    Attributes:
        may_answer: calls wait for it.
        failures: raised by the next calls, one each, instead of an answer.
        refusal: why nobody is followed.
        calls: in the order in which they began.
        n_cancelled: calls that nobody waits for any more.
        n_users: sessions that have the recognizer now, by model.
    """

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    failures: deque[Exception] = field(default_factory=deque)
    refusal: LoquentError | None = None
    calls: list[LiveCall] = field(default_factory=list)
    n_cancelled: int = 0
    n_users: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.may_answer.set()

    @property
    def drafts(self) -> list[LiveCall]:
        return [call for call in self.calls if call.options.is_draft]

    @property
    def finals(self) -> list[LiveCall]:
        return [call for call in self.calls if not call.options.is_draft]

    @asynccontextmanager
    async def live_recognizer(self, model_id: str) -> AsyncIterator[FakeLiveRecognizer]:
        if self.refusal:
            raise self.refusal
        self.n_users[model_id] += 1
        try:
            yield self
        finally:
            self.n_users[model_id] -= 1

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        self.calls.append(LiveCall(samples, options))
        try:
            await self.may_answer.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.n_cancelled += 1
            raise
        if self.failures:
            raise self.failures.popleft()
        words = _words(samples[round(options.known_s * SAMPLE_RATE_HZ) :])
        segments = (_segment(words, options),) if words else ()
        return Recognition(options.language or "en", segments)


def _words(samples: Samples) -> list[Word]:
    """Spell out runs of equally loud samples."""
    lines = np.round((np.abs(samples) - LOUD) / STEP).astype(np.int64)
    edges = np.flatnonzero(np.diff(lines)) + 1
    runs = pairwise([0, *edges.tolist(), len(samples)])
    return [
        Word(VOCABULARY[lines[begin] - 1], begin / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, 0.9)
        for begin, end in runs
        if end - begin >= MIN_WORD_S * SAMPLE_RATE_HZ and 0 < lines[begin] <= len(VOCABULARY)
    ]


def _segment(words: Sequence[Word], options: RecognitionOptions) -> Segment:
    scores = (TokenScore(f" {w.text}", f" {w.text}".encode(), -0.1) for w in words)
    return Segment(
        id=0,
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        text="".join(f" {word.text}" for word in words),
        tokens=tuple(range(len(words))),
        temperature=options.temperature,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.01,
        words=tuple(words) if options.word_timestamps else (),
        token_scores=tuple(scores) if options.token_scores else (),
    )
