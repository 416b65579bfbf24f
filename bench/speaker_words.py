"""Scores who says which word; talks to no server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from bench.conversations import Line
from bench.extras import library
from bench.scoring import ErrorRate, normalised, word_errors
from bench.speaker_client import SaidWord


@dataclass(frozen=True, slots=True)
class WordSpeakers:
    """Words, and those of them that have a speaker and the right one.

    Attributes:
        n_placed: words in the midst of which somebody speaks by the reference.
        n_right: those of them that are given to whoever does.
    """

    n_words: int = 0
    n_named: int = 0
    n_placed: int = 0
    n_right: int = 0

    @property
    def accuracy_percent(self) -> float:
        return 100 * self.n_right / self.n_placed if self.n_placed else 0.0

    @property
    def named_percent(self) -> float:
        return 100 * self.n_named / self.n_words if self.n_words else 0.0

    def __add__(self, other: WordSpeakers) -> WordSpeakers:
        return WordSpeakers(
            self.n_words + other.n_words,
            self.n_named + other.n_named,
            self.n_placed + other.n_placed,
            self.n_right + other.n_right,
        )


def word_speakers(lines: Sequence[Line], words: Sequence[SaidWord]) -> WordSpeakers:
    """Give each word to the line that holds its middle, and compare the speakers.

    Speakers of the answer are matched with true ones one to one so that most words are right.
    Where two lines hold the middle, either speaker is right.
    """
    true = [_speaking(lines, word.mid_s) for word in words]
    names = sorted({word.speaker for word in words if word.speaker is not None})
    agree = {
        (name, speaker): sum(
            word.speaker == name and speaker in whom for word, whom in zip(words, true, strict=True)
        )
        for name in names
        for speaker in {line.speaker for line in lines}
    }
    return WordSpeakers(
        len(words),
        sum(word.speaker is not None for word in words),
        sum(bool(whom) for whom in true),
        most_agreed(agree),
    )


def _speaking(lines: Sequence[Line], at_s: float) -> frozenset[str]:
    return frozenset(line.speaker for line in lines if line.start_s <= at_s <= line.end_s)


def most_agreed(agree: Mapping[tuple[str, str], int]) -> int:
    """Return the largest sum over pairs in which nobody occurs twice."""
    ours = sorted({one for one, _ in agree})
    theirs = sorted({other for _, other in agree})
    if len(ours) > len(theirs):
        return most_agreed({(other, one): n for (one, other), n in agree.items()})
    return max(
        (
            sum(agree[pair] for pair in zip(ours, order, strict=True))
            for order in permutations(theirs, len(ours))
        ),
        default=0,
    )


def text_errors(lines: Sequence[Line], words: Sequence[SaidWord]) -> tuple[ErrorRate, ErrorRate]:
    """Return cpWER by meeteval, and the word errors that are left if nobody asks who speaks.

    Texts are English and normalised; lines and words are read in the order in which they begin.
    """
    said, heard = {}, {}
    in_order = sorted(lines, key=lambda line: line.start_s)
    for speaker in {line.speaker for line in lines}:
        said[speaker] = _text(line.text for line in in_order if line.speaker == speaker)
    for name in {word.speaker for word in words}:
        heard[name or ""] = _text(word.text for word in words if word.speaker == name)
    metric = library("meeteval.wer.wer.cp").cp_word_error_rate
    found = metric(said, heard, reference_sort=False, hypothesis_sort=False)
    whole = word_errors(
        " ".join(line.text for line in in_order), " ".join(word.text for word in words), "en"
    )
    return ErrorRate(found.errors, found.length), whole


def _text(parts: Iterable[str]) -> str:
    return normalised(" ".join(parts), "en")
