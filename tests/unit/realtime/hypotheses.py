"""What a model might say, for the tests of live transcription."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loquent.domain.transcript import Segment, Word
from loquent.ports import Recognition
from loquent.realtime.agreement import Hypothesis
from loquent.realtime.commands import Recognise

WORD_S = 0.4


def timed(texts: Sequence[str], start_s: float = 0.0) -> tuple[Word, ...]:
    """Return words of one length in a row."""
    return tuple(
        Word(text, start_s + i * WORD_S, start_s + (i + 1) * WORD_S, 0.9)
        for i, text in enumerate(texts)
    )


def hypothesis(texts: Sequence[str], gap: str = " ") -> Hypothesis:
    """Return what these words look like where `gap` stands before each."""
    return Hypothesis("".join(gap + text for text in texts), timed(texts))


def segment(texts: Sequence[str], gap: str = " ", start_s: float = 0.0) -> Segment:
    """Return one segment of these words."""
    words = timed(texts, start_s)
    return Segment(
        id=0,
        start_s=start_s,
        end_s=start_s + len(words) * WORD_S,
        text="".join(gap + text for text in texts),
        tokens=tuple(range(len(words))),
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.01,
        words=words,
    )


def recognition(text: str, language: str = "en") -> Recognition:
    """Return what was heard, nothing for no text."""
    return Recognition(language, (segment(text.split()),) if text else ())


def truth(job: Recognise) -> Recognition:
    """Return the words that lie in that part of the sound: in all of it, each is said once."""
    first = math.ceil(job.start_s / WORD_S)
    names = [f"word{number}" for number in range(first, int(job.end_s / WORD_S))]
    said = segment(names, start_s=first * WORD_S - job.start_s)
    return Recognition(job.language or "en", (said,) if names else ())
