"""From an alignment of tokens and frames to words with times; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from loquent.domain.transcript import Word
from loquent.engines.whisper.vocabulary import WordTokens

SECONDS_PER_FRAME = 0.02
"""One encoder position. Source: openai/whisper, `timing.py`."""

MAX_TYPICAL_WORD_S = 0.7
"""Cap on the median word length from which overlong words are judged.
Source: openai/whisper, `timing.py`."""

OPENING_PUNCTUATION = "\"'\u201c\u00bf([{-"
SENTENCE_ENDS = ".\u3002!\uff01?\uff1f"
CLOSING_PUNCTUATION = SENTENCE_ENDS + "\"',\uff0c:\uff1a\u201d)]}\u3001"
"""Source: openai/whisper, `timing.py`; full-width marks included."""


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """Where each text token begins, and how sure the model was of it.

    Attributes:
        starts_s: n_tokens + 1 times; the last is the end of the final token.
        probabilities: n_tokens values, 0..1.
    """

    starts_s: tuple[float, ...]
    probabilities: tuple[float, ...]

    def slice(self, first: int, end: int) -> TokenTimes:
        """Keep the tokens from `first` up to `end`."""
        return TokenTimes(self.starts_s[first : end + 1], self.probabilities[first:end])


def token_times(
    path: Sequence[tuple[int, int]], probabilities: Sequence[float], n_tokens: int
) -> TokenTimes:
    """Read the monotonic path of (token, frame) pairs as the time at which each token begins."""
    if not path:
        return TokenTimes((0.0,) * (n_tokens + 1), (0.0,) * n_tokens)
    pairs = np.asarray(path)
    is_first = np.append([True], np.diff(pairs[:, 0]) > 0)
    starts_s = (pairs[is_first, 1] * SECONDS_PER_FRAME).tolist()
    starts_s += [starts_s[-1]] * (n_tokens + 1 - len(starts_s))
    scores = [*probabilities[:n_tokens], *([0.0] * (n_tokens - len(probabilities)))]
    return TokenTimes(tuple(starts_s[: n_tokens + 1]), tuple(scores))


def place_words(words: Sequence[WordTokens], times: TokenTimes) -> list[Word]:
    """Give each word its time and the mean probability of its tokens."""
    placed: list[Word] = []
    first = 0
    for word in words:
        end = first + word.n_tokens
        probability = float(np.mean(times.probabilities[first:end]))
        placed.append(Word(word.text, times.starts_s[first], times.starts_s[end], probability))
        first = end
    return placed


def tidy_words(words: Sequence[Word]) -> list[Word]:
    """Shorten words stretched over a pause, join punctuation to its word, strip spaces."""
    shortened = _shorten_at_pauses(words)
    joined = _join_closing(_join_opening(shortened))
    return [replace(word, text=word.text.strip()) for word in joined if word.text.strip()]


def _shorten_at_pauses(words: Sequence[Word]) -> list[Word]:
    """Cut words beside a sentence end to twice the median length.

    Attention drifts over silence, so that the word before or after a pause swallows it.
    Source: openai/whisper, `timing.py`.
    """
    lengths_s = [word.end_s - word.start_s for word in words if word.end_s > word.start_s]
    if not lengths_s:
        return list(words)
    longest_s = 2 * min(MAX_TYPICAL_WORD_S, float(np.median(lengths_s)))
    tidy = list(words)
    for i, word in enumerate(words):
        if word.end_s - word.start_s <= longest_s:
            continue
        if word.text.strip()[-1:] in SENTENCE_ENDS:
            tidy[i] = replace(word, end_s=word.start_s + longest_s)
        elif i == 0 or words[i - 1].text.strip()[-1:] in SENTENCE_ENDS:
            tidy[i] = replace(word, start_s=word.end_s - longest_s)
    return tidy


def _join_opening(words: Sequence[Word]) -> list[Word]:
    joined: list[Word] = []
    for word in reversed(words):
        is_opening = word.text.startswith(" ") and word.text.strip() in OPENING_PUNCTUATION
        if is_opening and joined:
            following = joined.pop()
            joined.append(replace(following, text=word.text + following.text.lstrip()))
        else:
            joined.append(word)
    return joined[::-1]


def _join_closing(words: Sequence[Word]) -> list[Word]:
    joined: list[Word] = []
    for word in words:
        is_closing = bool(word.text) and word.text in CLOSING_PUNCTUATION
        if is_closing and joined:
            joined[-1] = replace(joined[-1], text=joined[-1].text + word.text)
        else:
            joined.append(word)
    return joined
