"""Counts word errors as the Whisper paper does; hears nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

UNSPACED_LANGUAGES = frozenset({"ja", "ko", "th", "yue", "zh"})
"""Scored by character: their words are not written apart, or not in one agreed way."""


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Errors over all recordings of a set, and the words they are counted against."""

    n_errors: int
    n_words: int

    @property
    def percent(self) -> float:
        return 100 * self.n_errors / self.n_words if self.n_words else 0.0

    def __add__(self, other: ErrorRate) -> ErrorRate:
        return ErrorRate(self.n_errors + other.n_errors, self.n_words + other.n_words)


def word_errors(reference: str, hypothesis: str, language: str | None) -> ErrorRate:
    """Compare two texts after normalising both."""
    expected = normalised(reference, language)
    if not expected:
        return ErrorRate(0, 0)
    counts = jiwer.process_words(expected, normalised(hypothesis, language))
    n_errors = counts.substitutions + counts.deletions + counts.insertions
    return ErrorRate(n_errors, counts.hits + counts.substitutions + counts.deletions)


def corpus_error_rate(rates: Sequence[ErrorRate]) -> ErrorRate:
    """Add up the errors and the words of all recordings."""
    return sum(rates, ErrorRate(0, 0))


def normalised(text: str, language: str | None) -> str:
    """Return `text` without case, punctuation and spelling variants."""
    return str(_normaliser(language)(text)).strip()


@cache
def _normaliser(language: str | None) -> EnglishTextNormalizer | BasicTextNormalizer:
    if language == "en":
        return EnglishTextNormalizer()
    return BasicTextNormalizer(split_letters=language in UNSPACED_LANGUAGES)
