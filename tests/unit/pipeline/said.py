"""What somebody says, and whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from loquent.domain.speakers import SpeakerTurn
from loquent.domain.transcript import Segment, TokenScore, Word

GRID_S = 1 / 16
"""Times are multiples of it, so that sums of them are exact."""


def segment(
    text: str,
    *times_s: tuple[float, float],
    words: Sequence[str] | None = None,
    scores: Sequence[bytes] = (),
    tokens: int = 0,
) -> Segment:
    """Return a segment whose words, by default those between spaces, have these times."""
    said = tuple(
        Word(word, start_s, end_s, 0.9)
        for word, (start_s, end_s) in zip(
            text.split() if words is None else words, times_s, strict=True
        )
    )
    return Segment(
        id=7,
        start_s=said[0].start_s if said else 0.0,
        end_s=said[-1].end_s if said else 0.0,
        text=text,
        tokens=tuple(range(100, 100 + tokens)),
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.01,
        words=said,
        token_scores=tuple(TokenScore(each.decode(), each, -0.1) for each in scores),
    )


def each_second(n_words: int) -> list[tuple[float, float]]:
    return [(float(second), second + 1.0) for second in range(n_words)]


def whole(text: str, start_s: float, end_s: float) -> Segment:
    """Return a segment whose words nobody asked for."""
    return replace(segment(text, words=()), start_s=start_s, end_s=end_s)


def turn(start_s: float, end_s: float, speaker: str) -> SpeakerTurn:
    return SpeakerTurn(start_s, end_s, speaker)


A_THEN_B = [turn(0, 2, "A"), turn(2, 9, "B")]


def texts(segments: Sequence[Segment]) -> list[tuple[str | None, str]]:
    return [(each.speaker, each.text) for each in segments]


def speakers(segments: Sequence[Segment]) -> str:
    return "".join(word.speaker or "?" for each in segments for word in each.words)
