"""Tell which words of a growing utterance will stay: those on which two hypotheses agree.

Source: LocalAgreement-2, Liu et al. 2020; Macháček et al. 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loquent.domain.transcript import Word

N_UNFORCED_WORDS = 2
"""So many agreed words the model says anew: forced to its last word it would begin again."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a stretch of speech seems to say.

    Attributes:
        text: keeps the model's own spaces.
        words: the words of `text`, in its order.
    """

    text: str = ""
    words: tuple[Word, ...] = ()

    def first(self, n_words: int) -> str:
        """Return the text up to the end of its first `n_words` words."""
        end = 0
        for word in self.words[:n_words]:
            begin = self.text.find(word.text, end)
            if begin < 0:
                break
            end = begin + len(word.text)
        return self.text[:end]


class Agreement:
    """The words of one stretch that are settled; they are only ever added to.

    Which words they are may still change by case or punctuation, until they are told.
    """

    def __init__(self) -> None:
        self._newest = Hypothesis()
        self._last: tuple[str, ...] = ()
        self._n_agreed = 0
        self._n_told = 0

    @property
    def prefix(self) -> str:
        """The text with which the next hypothesis is made to begin."""
        return self._newest.first(max(0, self._n_agreed - N_UNFORCED_WORDS))

    def push(self, hypothesis: Hypothesis) -> None:
        """Take the next hypothesis, of more sound than the one before."""
        words = normalised(hypothesis.words)
        n_common = _n_common(self._last, words)
        self._last = words
        if n_common > self._n_agreed:
            self._newest, self._n_agreed = hypothesis, n_common

    def settle(self, hypothesis: Hypothesis) -> None:
        """Take the last hypothesis, all of which is settled."""
        self._newest, self._n_agreed = hypothesis, len(hypothesis.words)

    def tell(self) -> str:
        """Return the text of the settled words that were not returned before.

        Where a word that was returned has changed since, the next ones follow all the same.
        """
        if self._n_agreed <= self._n_told:
            return ""
        before = self._newest.first(self._n_told)
        after = self._newest.first(self._n_agreed)
        self._n_told = self._n_agreed
        return after[len(before) :]


def normalised(words: Sequence[Word]) -> tuple[str, ...]:
    """Return words without case and punctuation, which change easily and matter little."""
    plain = ("".join(filter(str.isalnum, word.text)).lower() for word in words)
    return tuple(text or word.text for text, word in zip(plain, words, strict=True))


def _n_common(one: Sequence[str], other: Sequence[str]) -> int:
    n_common = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        n_common += 1
    return n_common
