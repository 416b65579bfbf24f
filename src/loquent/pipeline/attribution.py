"""Join words with speakers: every word gets exactly one, and no segment has two; pure.

A word belongs to whom it overlaps most, else to who speaks nearest within half a second, else to
whom the word before belongs. Where a turn ends is known to some tenths of a second, so single words
that stand alone are given to whom the words around them belong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise, takewhile
from typing import Final, NamedTuple

from loquent.domain.speakers import SpeakerTurn, letter
from loquent.domain.transcript import Segment, TokenScore, Word
from loquent.pipeline.script.marks import CLOSERS, FULL_STOPS

MAX_GAP_S: Final = 0.5
"""How far from a turn a word may be and still belong to it."""

MAX_FLIP_S: Final = 0.3
"""A single word this short between words of one other speaker is his."""

MAX_STRAY_WORDS: Final = 3
MAX_STRAY_S: Final = 1.0
"""So few words, so short, at the edge of another speaker's sentence are his."""

MAX_PAUSE_S: Final = 1.0
"""A sentence that is not ended by a mark is ended by a longer pause."""

_SENTENCE_ENDS: Final = frozenset(FULL_STOPS + ".!?…")


def attributed(segments: Sequence[Segment], turns: Sequence[SpeakerTurn]) -> tuple[Segment, ...]:
    """Return the segments, each by one speaker, split where the speaker changes.

    Args:
        segments: sorted by time; those without words go to one speaker as a whole.
        turns: one speaker at a time, sorted by time.
    """
    spans = [span for segment in segments for span in _spans(segment)]
    speakers = iter(_rounded(spans, _smoothed(spans, _speakers(spans, turns))))
    parts: list[Segment] = []
    for segment in segments:
        own = [next(speakers) for _ in segment.words or (segment,)]
        parts += _split(segment, own, first_id=len(parts))
    return tuple(parts)


class _Span(NamedTuple):
    """When something is said."""

    start_s: float
    end_s: float
    ends_sentence: bool

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def _spans(segment: Segment) -> Iterator[_Span]:
    """Yield the words of a segment, or the whole where it has none.

    Some tell words without their marks, so where a sentence ends is read in the segment's text.
    """
    if not segment.words:
        yield _Span(segment.start_s, segment.end_s, ends_sentence=True)
    at = 0
    for word in segment.words:
        found = segment.text.find(word.text, at)
        at = at if found < 0 else found + len(word.text)
        mark = segment.text[at : _mark_end(segment.text, at)] if found >= 0 else ""
        yield _Span(word.start_s, word.end_s, _is_end(word.text) or _is_end(mark))


def _is_end(text: str) -> bool:
    return text.rstrip(CLOSERS)[-1:] in _SENTENCE_ENDS


def _mark_end(text: str, at: int) -> int:
    """Return where the marks end that begin at `at`."""
    while at < len(text) and not (text[at].isspace() or text[at].isalnum()):
        at += 1
    return at


def _speakers(spans: Iterable[_Span], turns: Sequence[SpeakerTurn]) -> list[str]:
    """Return who says each of `spans`; whoever speaks first where nobody is known to speak."""
    speaker = turns[0].speaker if turns else letter(0)
    speakers = []
    first = 0
    for span in spans:
        while first < len(turns) and turns[first].end_s < span.start_s - MAX_GAP_S:
            first += 1
        speaker = _nearest(span, turns, first) or speaker
        speakers.append(speaker)
    return speakers


def _nearest(span: _Span, turns: Sequence[SpeakerTurn], first: int) -> str | None:
    """Return who overlaps `span` most, or is the nearest, if anybody is near."""
    overlaps: dict[str, float] = {}
    nearest: tuple[float, str] | None = None
    for number in range(first, len(turns)):
        turn = turns[number]
        if turn.start_s > span.end_s + MAX_GAP_S:
            break
        if turn.start_s <= span.start_s and span.end_s <= turn.end_s:
            return turn.speaker
        overlap_s = min(span.end_s, turn.end_s) - max(span.start_s, turn.start_s)
        if overlap_s > 0:
            overlaps[turn.speaker] = overlaps.get(turn.speaker, 0.0) + overlap_s
        if nearest is None or -overlap_s < nearest[0]:
            nearest = (-overlap_s, turn.speaker)
    if overlaps:
        return max(overlaps, key=lambda speaker: overlaps[speaker])
    return nearest[1] if nearest and nearest[0] <= MAX_GAP_S else None


def _smoothed(spans: Sequence[_Span], speakers: Sequence[str]) -> list[str]:
    """Give single short words back to whom they interrupt without a pause."""
    smooth = list(speakers)
    for at in range(1, len(smooth) - 1):
        before, after = smooth[at - 1], smooth[at + 1]
        if before == after != smooth[at] and _is_flip(spans, at):
            smooth[at] = before
    return smooth


def _is_flip(spans: Sequence[_Span], at: int) -> bool:
    """Tell whether a word is too short to be a turn, and stands without a pause."""
    is_short = spans[at].duration_s < MAX_FLIP_S
    return is_short and max(_pause_s(spans, at - 1), _pause_s(spans, at)) <= MAX_GAP_S


def _pause_s(spans: Sequence[_Span], at: int) -> float:
    """Return the silence behind a span; endless behind the last."""
    return spans[at + 1].start_s - spans[at].end_s if at + 1 < len(spans) else math.inf


def _rounded(spans: Sequence[_Span], speakers: Sequence[str]) -> list[str]:
    """Give stray words at the edges of sentences to whom the rest of the sentence belongs."""
    rounded: list[str] = []
    for at, span in enumerate(spans):
        if span.ends_sentence or _pause_s(spans, at) > MAX_PAUSE_S:
            first = len(rounded)
            rounded += _of_one_sentence(spans[first : at + 1], speakers[first : at + 1])
    return rounded


def _of_one_sentence(spans: Sequence[_Span], speakers: Sequence[str]) -> list[str]:
    said_s: dict[str, float] = {}
    for span, speaker in zip(spans, speakers, strict=True):
        said_s[speaker] = said_s.get(speaker, 0.0) + span.duration_s
    main = max(said_s, key=lambda speaker: said_s[speaker])
    whole = list(speakers)
    for order in (range(len(whole)), range(len(whole) - 1, -1, -1)):
        stray = list(takewhile(lambda at: speakers[at] != main, order))
        if (
            len(stray) <= MAX_STRAY_WORDS
            and sum(spans[at].duration_s for at in stray) < MAX_STRAY_S
        ):
            for at in stray:
                whole[at] = main
    return whole


def _split(segment: Segment, speakers: Sequence[str], *, first_id: int) -> list[Segment]:
    """Cut a segment where the speaker of its words changes; the texts joined are its text."""
    words = [_by(speaker, word) for word, speaker in zip(segment.words, speakers, strict=False)]
    runs = [list(run) for _, run in groupby(words, key=lambda word: word.speaker)]
    if len(runs) < 2:
        return [replace(segment, id=first_id, words=tuple(words), speaker=speakers[0])]
    texts = _texts(segment.text, runs)
    n_tokens = _shares(len(segment.tokens), [len(text) for text in texts])
    token_ends = list(accumulate(n_tokens))
    scores = _scores(segment.token_scores, texts)
    last = len(runs) - 1
    return [
        replace(
            segment,
            id=first_id + number,
            start_s=_within(segment, run[0].start_s) if number else segment.start_s,
            end_s=_within(segment, run[-1].end_s) if number < last else segment.end_s,
            text=texts[number],
            tokens=segment.tokens[token_ends[number] - n_tokens[number] : token_ends[number]],
            words=tuple(run),
            token_scores=scores[number],
            speaker=run[0].speaker,
        )
        for number, run in enumerate(runs)
    ]


def _by(speaker: str, word: Word) -> Word:
    """Return a word with its speaker; for ten thousand words, `replace` is four times as slow."""
    return Word(word.text, word.start_s, word.end_s, word.probability, speaker)


def _within(segment: Segment, time_s: float) -> float:
    """Return the nearest time inside a segment: words are timed apart from it and may stand out."""
    return min(max(time_s, segment.start_s), segment.end_s)


def _texts(text: str, runs: Sequence[Sequence[Word]]) -> list[str]:
    """Cut a text in front of the first word of each run, and of the space before it."""
    cuts = [0]
    at = 0
    for number, run in enumerate(runs):
        for place, word in enumerate(run):
            found = text.find(word.text, at)
            begin = found if found >= 0 else at
            if number and not place:
                cuts.append(max(cuts[-1], len(text[:begin].rstrip())))
            at = begin + len(word.text) if found >= 0 else at
    return [text[a:b] for a, b in pairwise([*cuts, len(text)])]


def _shares(n: int, lengths: Sequence[int]) -> list[int]:
    """Part `n` tokens by the length of the texts; which token stands for what is not known here."""
    total = max(1, sum(lengths))
    ends = [round(n * end / total) for end in accumulate(lengths)]
    return [end - begin for begin, end in pairwise([0, *ends[:-1], n])]


def _scores(scores: Sequence[TokenScore], texts: Sequence[str]) -> list[tuple[TokenScore, ...]]:
    """Part the scores of tokens by where each token ends in the joined text, in bytes."""
    borders = list(accumulate(len(text.encode(errors="replace")) for text in texts))
    parts: list[list[TokenScore]] = [[] for _ in texts]
    at = number = 0
    for score in scores:
        at += len(score.utf8)
        while number < len(borders) - 1 and at > borders[number]:
            number += 1
        parts[number].append(score)
    return [tuple(part) for part in parts]
