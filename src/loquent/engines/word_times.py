"""Tells which signs of a pronunciation belong to which word; knows no engine and no seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

from loquent.domain.speech import SpokenWord


@dataclass(frozen=True, slots=True)
class WordSpan:
    """A word and its signs: those from `start` up to, not including, `end`."""

    text: str
    start: int
    end: int


def word_spans(text: str, signs: str, signs_of: Callable[[str], str]) -> tuple[WordSpan, ...]:
    """Find the words of `text` in the signs by which all of it is spoken.

    In context words sound otherwise than alone, and some are spoken as one or as many: so the signs
    of each word alone are laid along those of the text as well as they go.

    Args:
        signs_of: the pronunciation of one word.
    Returns: a span for each word that is separated by spaces; in order, none overlapping.
    """
    words = text.split()
    alone = [signs_of(word).replace(" ", "") for word in words]
    starts = [0, *accumulate(map(len, alone))]
    place_of = _places("".join(alone), signs)
    first = [_first(place_of[a:b]) for a, b in pairwise(starts)]
    return tuple(_spans(words, _filled(first, len(signs)), signs))


def spoken_words(spans: Sequence[WordSpan], sign_ends_s: Sequence[float]) -> tuple[SpokenWord, ...]:
    """Give words their times.

    Args:
        sign_ends_s: when each sign ends, the first number being when the first one begins.
    """
    return tuple(
        SpokenWord(span.text, sign_ends_s[span.start], sign_ends_s[span.end]) for span in spans
    )


def _places(alone: str, signs: str) -> list[int | None]:
    """Return, for each sign of the words alone, its place in the signs of the text, if found."""
    place_of: list[int | None] = [None] * len(alone)
    matcher = SequenceMatcher(None, alone, signs, autojunk=False)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            place_of[block.a + offset] = block.b + offset
    return place_of


def _first(places: Sequence[int | None]) -> int | None:
    return next((place for place in places if place is not None), None)


def _filled(first: Sequence[int | None], n_signs: int) -> list[int]:
    """Put words that were not found between their neighbours; add the end."""
    known = [(-1, 0), *((i, p) for i, p in enumerate(first) if p is not None)]
    known.append((len(first), n_signs))
    filled: list[int] = []
    for (i, start), (j, end) in pairwise(known):
        if i >= 0:
            filled.append(start)
        n_missing = j - i - 1
        filled += [start + (end - start) * (k + 1) // (n_missing + 1) for k in range(n_missing)]
    return [*filled, n_signs]


def _spans(words: Sequence[str], starts: Sequence[int], signs: str) -> list[WordSpan]:
    """Begin each word behind the space before it, and end it before the next one's pause."""
    begins = [0, *(_behind_space(signs, start) for start in starts[1:-1]), starts[-1]]
    spans: list[WordSpan] = []
    for word, start, limit in zip(words, begins, begins[1:], strict=False):
        end = start + len(signs[start:limit].rstrip(" ,.;:!?…—"))
        spans.append(WordSpan(word, start, max(start, end)))
    return spans


def _behind_space(signs: str, start: int) -> int:
    """Take along what stands between a word's first known sign and the space before it."""
    space = signs.rfind(" ", max(0, start - 3), start)
    return start if space < 0 else space + 1
