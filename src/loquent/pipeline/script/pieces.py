"""Cut a text into pieces to speak: a short one first, then ever longer ones for good prosody.

It knows how texts are written and nothing of voices, phonemes or sound.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from loquent.pipeline.script.borders import Strength, borders, is_wide
from loquent.pipeline.script.marks import ENDED
from loquent.pipeline.script.speakable import SpeakableText, make_speakable

WIDE_WEIGHT = 3
"""A Chinese, Japanese or Korean character is a syllable or two; three letters speak as long."""

DIGIT_WEIGHT = 4
""""7" is spoken as "seven"."""

_BREAK_WEIGHT = 2
"""A line's end is spoken as a mark and a space."""


@dataclass(frozen=True, slots=True)
class PieceLimits:
    """How long pieces may be, in letters' worth of speech (see `weight`).

    Attributes:
        clause: the first piece is cut at its first pause if that comes within this many.
        shortest_clause: a pause before this is too early to be worth a piece.
        longest: no piece is longer.
        growth: how many times as long as the one before a piece may be. An engine more times as
            fast as speech is done with it while that one plays, and no gap is heard.
    """

    clause: int = 60
    shortest_clause: int = 12
    longest: int = 300
    growth: float = 2.0

    def __post_init__(self) -> None:
        if not WIDE_WEIGHT <= self.shortest_clause <= self.clause <= self.longest:
            raise ValueError("a clause's limits must be in order and hold at least one character")


DEFAULT_LIMITS = PieceLimits()


@dataclass(frozen=True, slots=True)
class Piece:
    """What is spoken in one go.

    Attributes:
        text: what to speak, on one line.
        start: where in the caller's text it begins.
        end: where it ends; the next piece begins there.
        border: the pause that follows it.
    """

    text: str
    start: int
    end: int
    border: Strength


@dataclass(frozen=True, slots=True)
class Script:
    """A text made ready to speak.

    Attributes:
        pieces: in order; their spans cover the whole text. Empty if nothing can be spoken.
        n_dropped: characters left out because they have no sound, such as emoji.
    """

    pieces: tuple[Piece, ...]
    n_dropped: int


def cut_into_pieces(text: str, limits: PieceLimits = DEFAULT_LIMITS) -> Script:
    """Cut `text`, in any language and with or without markup, into pieces to speak."""
    speakable = make_speakable(text)
    cutter = _Cutter(speakable.text, limits)
    spans = _sounding(speakable.text, list(cutter.spans()))
    return Script(_pieces(speakable, spans, len(text)), speakable.n_dropped)


def weight(character: str) -> int:
    """Return how many letters of an alphabet take as long to speak as `character`."""
    if character == "\n":
        return _BREAK_WEIGHT
    if character.isdigit():
        return DIGIT_WEIGHT
    return WIDE_WEIGHT if is_wide(character) else 1


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    border: Strength


class _Cutter:
    """Walks through one text and cuts it at the best place within reach."""

    def __init__(self, text: str, limits: PieceLimits) -> None:
        self._text = text
        self._limits = limits
        self._weights = list(accumulate(map(weight, text), initial=0))
        self._places: list[int] = []
        self._strengths: list[Strength] = []
        for place, strength in borders(text):
            self._places.append(place)
            self._strengths.append(strength)

    def spans(self) -> Iterator[_Span]:
        """Yield the pieces' spans in order, covering the text."""
        start, limit = 0, self._limits.clause
        while start < len(self._text):
            last = self._last_within(start, limit)
            span = self._opening(last) if start == 0 else None
            span = span or self._longest(start, last)
            yield span
            limit = min(self._limits.longest, round(self._limits.growth * limit))
            start = span.end

    def _last_within(self, start: int, limit: int) -> int:
        """Return the furthest end of a piece from `start` that weighs at most `limit`."""
        return bisect_right(self._weights, self._weights[start] + limit) - 1

    def _opening(self, last: int) -> _Span | None:
        """Return the text up to its first pause, if that comes soon but not at once."""
        earliest = bisect_left(self._weights, self._limits.shortest_clause)
        for place, strength in self._borders_within(earliest, last):
            if strength >= Strength.CLAUSE:
                return _Span(0, place, strength)
        return None

    def _longest(self, start: int, last: int) -> _Span:
        """Return the text from `start` to the last of the strongest borders up to `last`."""
        if last >= len(self._text):
            return _Span(start, len(self._text), Strength.PARAGRAPH)
        best = max(
            self._borders_within(start + 1, last),
            key=lambda found: (min(found[1], Strength.SENTENCE), found[0]),
            default=None,
        )
        if best is None:
            return _Span(start, self._unbroken(start, last), Strength.WORD)
        return _Span(start, *best)

    def _borders_within(self, first: int, last: int) -> Sequence[tuple[int, Strength]]:
        window = slice(bisect_left(self._places, first), bisect_right(self._places, last))
        return list(zip(self._places[window], self._strengths[window], strict=True))

    def _unbroken(self, start: int, last: int) -> int:
        """Return the last place up to `last` that parts no letter from its marks."""
        for place in range(last, start, -1):
            if not _clings(self._text[place]):
                return place
        return last


def _clings(character: str) -> bool:
    """Tell whether `character` belongs to the one before it."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


def _is_sounding(text: str) -> bool:
    return any(c.isalnum() or c in "@#%&*/\\§†" or unicodedata.category(c)[0] == "S" for c in text)


def _sounding(text: str, spans: Sequence[_Span]) -> list[_Span]:
    """Join spans of mere punctuation to the one before them, or to the first that has sound."""
    joined: list[_Span] = []
    start = 0
    for span in spans:
        if _is_sounding(text[span.start : span.end]):
            joined.append(_Span(start, span.end, span.border))
        elif joined:
            before = joined.pop()
            joined.append(_Span(before.start, span.end, span.border))
        start = joined[-1].end if joined else 0
    return joined


def _pieces(speakable: SpeakableText, spans: Sequence[_Span], n_source: int) -> tuple[Piece, ...]:
    """Give the spans their words, and their places in the caller's text."""
    if not spans:
        return ()
    starts = [0, *(speakable.origins[span.start] for span in spans[1:]), n_source]
    return tuple(
        Piece(_on_one_line(speakable.text[span.start : span.end]), start, end, span.border)
        for span, (start, end) in zip(spans, pairwise(starts), strict=True)
    )


def _on_one_line(text: str) -> str:
    """Let the voice fall at the end of a line as the eye would."""

    def pause(match: re.Match[str]) -> str:
        if text[match.start() - 1] in ENDED:
            return " "
        return ". " if len(match[0]) > 1 else ", "

    return re.sub(r"\n+", pause, text.strip())
