"""Make what a provider did not tell from what it did: segments of words, times of text; pure."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from loquent.domain.transcript import Segment, Word
from loquent.pipeline.script.borders import Strength, borders, is_wide
from loquent.pipeline.script.marks import CLOSERS, FULL_STOPS

MAX_PAUSE_S: Final = 0.8
"""A longer silence between two words ends a segment."""

MAX_SEGMENT_S: Final = 15.0
"""A segment this long ends at the next word."""

_SENTENCE_ENDS: Final = frozenset(FULL_STOPS + ".!?…")
_LEAST_PROBABILITY: Final = 1e-4


def told_segment(
    number: int,
    start_s: float,
    end_s: float,
    text: str,
    words: Iterable[Word] = (),
    speaker: str | None = None,
) -> Segment:
    """Build a segment of what a provider told; what only our own decoder knows stays neutral.

    Args:
        text: with or without white space around it.
    """
    spoken = tuple(words)
    return Segment(
        id=number,
        start_s=start_s,
        end_s=max(start_s, end_s),
        text=f" {text.strip()}",
        tokens=(),
        temperature=0.0,
        avg_logprob=_mean_logprob(spoken),
        compression_ratio=_compression_ratio(text),
        no_speech_prob=0.0,
        seek_frames=0,
        words=spoken,
        speaker=speaker,
    )


def segments_of(words: Sequence[Word]) -> tuple[Segment, ...]:
    """Cut words into segments: at ends of sentences, pauses, changes of speaker, and by length.

    Args:
        words: sorted by time, each with its punctuation.
    """
    groups: list[list[Word]] = []
    for previous, word in pairwise([None, *words]):
        assert word is not None
        if previous is None or _ends_segment(previous, word, groups[-1][0].start_s):
            groups.append([])
        groups[-1].append(word)
    return tuple(
        told_segment(
            number, group[0].start_s, group[-1].end_s, _joined(group), group, group[0].speaker
        )
        for number, group in enumerate(groups)
    )


def spread(text: str, duration_s: float) -> tuple[Segment, ...]:
    """Cut a text into sentences and give each a share of the time by its length: a guess."""
    sentences = _sentences(text)
    n_characters = sum(map(len, sentences))
    ends = [0]
    for sentence in sentences:
        ends.append(ends[-1] + len(sentence))
    return tuple(
        told_segment(
            number, duration_s * start / n_characters, duration_s * end / n_characters, sentence
        )
        for number, (sentence, (start, end)) in enumerate(
            zip(sentences, pairwise(ends), strict=True)
        )
    )


def with_words(segments: Sequence[Segment], words: Sequence[Word]) -> tuple[Segment, ...]:
    """Give each word to the segment in whose time its middle lies, or else to the nearest one.

    Args:
        segments: sorted by time.
        words: sorted by time.
    """
    if not segments:
        return segments_of(words)
    owned: list[list[Word]] = [[] for _ in segments]
    index = 0
    for word in words:
        middle_s = (word.start_s + word.end_s) / 2
        while index + 1 < len(segments) and _is_nearer(
            segments[index + 1], segments[index], middle_s
        ):
            index += 1
        owned[index].append(word)
    return tuple(
        replace(segment, words=tuple(own)) for segment, own in zip(segments, owned, strict=True)
    )


def _sentences(text: str) -> list[str]:
    ends = [at for at, strength in borders(text) if strength >= Strength.SENTENCE]
    pieces = (text[start:end] for start, end in pairwise([0, *ends, len(text)]))
    return [piece for piece in pieces if piece.strip()]


def _is_nearer(later: Segment, earlier: Segment, at_s: float) -> bool:
    """Tell whether a time belongs to the later of two segments; it does where both are as near."""
    return _distance_s(later, at_s) <= _distance_s(earlier, at_s)


def _distance_s(segment: Segment, at_s: float) -> float:
    return max(segment.start_s - at_s, at_s - segment.end_s, 0.0)


def _ends_segment(previous: Word, word: Word, start_s: float) -> bool:
    return (
        previous.speaker != word.speaker
        or word.start_s - previous.end_s > MAX_PAUSE_S
        or previous.end_s - start_s >= MAX_SEGMENT_S
        or previous.text.rstrip().rstrip(CLOSERS)[-1:] in _SENTENCE_ENDS
    )


def _joined(words: Iterable[Word]) -> str:
    text = ""
    for word in words:
        spoken = word.text.strip()
        is_close = not text or (is_wide(text[-1]) and is_wide(spoken[:1] or " "))
        text += spoken if is_close else f" {spoken}"
    return text


def _mean_logprob(words: Sequence[Word]) -> float:
    if not words:
        return 0.0
    return math.fsum(math.log(max(_LEAST_PROBABILITY, w.probability)) for w in words) / len(words)


def _compression_ratio(text: str) -> float:
    """Return how repetitive a text is. Source: Whisper."""
    raw = text.encode(errors="replace")
    return len(raw) / len(zlib.compress(raw)) if raw else 1.0
