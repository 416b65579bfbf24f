"""What is known of one utterance, stretch by stretch; decides nothing about time or work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import takewhile

from loquent.domain.errors import LoquentError
from loquent.domain.transcript import Segment, Word, join_text, shifted
from loquent.ports import Recognition
from loquent.realtime.agreement import Agreement, Hypothesis, normalised

UNSURE_S = 0.1
"""A word that ends this close to the end of the sound may be the half of another one."""


@dataclass(eq=False)
class Stretch:
    """A part of an utterance that is recognised in one go.

    Attributes:
        end_s: where its sound ends, None while it is spoken.
        take: number of the work that gives its final text, unless the speech goes on.
        segments: what it says by the newest hypothesis; times count from the session's start.
        language: what it is spoken in, known once something was heard in it for good.
        is_final: nothing will change it.
    """

    start_s: float
    end_s: float | None = None
    take: int | None = None
    taken: Recognition | None = None
    segments: tuple[Segment, ...] = ()
    language: str | None = None
    is_final: bool = False
    agreement: Agreement = field(default_factory=Agreement)

    def guess(
        self, recognition: Recognition, *, heard_to_s: float | None, uncut_s: float = math.inf
    ) -> None:
        """Take a hypothesis.

        Args:
            heard_to_s: where its sound breaks off, None for a pause.
            uncut_s: words after this do not settle yet: they may come to belong to the next
                stretch.
        """
        if not recognition.segments:
            return
        self.segments = self._placed(recognition, heard_to_s)
        own = tuple(takewhile(lambda word: word.end_s <= uncut_s, self._hypothesis.words))
        self.agreement.push(Hypothesis(self.text, own))

    def end(self, end_s: float) -> None:
        """Take note where its sound ends; what was heard beyond is left to the next stretch."""
        self.end_s = end_s
        self.segments = tuple(_up_to(end_s, segment) for segment in self.segments)

    def settle(self, recognition: Recognition) -> None:
        """Take what the stretch says."""
        self.segments = self._placed(recognition, None)
        self.language = recognition.language if recognition.segments else None
        self.keep()

    def keep(self) -> None:
        """Let the newest hypothesis be the last one."""
        self.agreement.settle(self._hypothesis)
        self.is_final = True

    @property
    def text(self) -> str:
        """What it says by the newest hypothesis, with the model's own spaces."""
        return "".join(segment.text for segment in self.segments)

    @property
    def _hypothesis(self) -> Hypothesis:
        words = tuple(word for segment in self.segments for word in segment.words)
        return Hypothesis(self.text, words)

    def _placed(self, recognition: Recognition, heard_to_s: float | None) -> tuple[Segment, ...]:
        placed = tuple(
            shifted(segment, self.start_s, number)
            for number, segment in enumerate(recognition.segments)
        )
        if heard_to_s is None:
            return placed
        return tuple(_without_unsure(segment, heard_to_s - UNSURE_S) for segment in placed)


@dataclass(eq=False)
class Utterance:
    """What somebody says between two silences.

    Attributes:
        end_s: where it ends, None while it goes on.
        shown: the words of its last partial, normalised.
        n_shown: words shown in its partials and its final.
        n_changed: those of them that were changed later.
        error: what failed on the way.
    """

    number: int
    start_s: float
    end_s: float | None = None
    stretches: list[Stretch] = field(default_factory=list)
    shown: tuple[str, ...] = ()
    n_shown: int = 0
    n_changed: int = 0
    error: LoquentError | None = None

    @property
    def is_complete(self) -> bool:
        """Its final text is known."""
        return self.end_s is not None and all(stretch.is_final for stretch in self.stretches)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What it says as far as is known, numbered."""
        return tuple(shifted(segment, 0.0, i) for i, segment in enumerate(self._segments()))

    @property
    def language(self) -> str | None:
        """The language of its first stretch in which something was heard."""
        return next((s.language for s in self.stretches if s.language), None)

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for segment in self._segments() for word in segment.words)

    @property
    def text(self) -> str:
        return join_text(list(self._segments()))

    def show(self) -> bool:
        """Note that its words are shown now; tell whether they are others than before."""
        before, self.shown = self.shown, normalised(self.words)
        n_kept = _n_kept(before, self.shown)
        self.n_changed += len(before) - n_kept
        self.n_shown += len(self.shown) - n_kept
        return self.shown != before

    def _segments(self) -> Iterator[Segment]:
        for stretch in self.stretches:
            yield from stretch.segments


def _n_kept(before: Sequence[str], after: Sequence[str]) -> int:
    """Count the words that stay, laid along one another as well as they go."""
    n_same = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        n_same += 1
    matcher = SequenceMatcher(None, before[n_same:], after[n_same:], autojunk=False)
    return n_same + sum(block.size for block in matcher.get_matching_blocks())


def _without_unsure(segment: Segment, until_s: float) -> Segment:
    """Leave out the last word if it may not be over."""
    if not segment.words or segment.words[-1].end_s <= until_s:
        return segment
    return _beginning(segment, len(segment.words) - 1)


def _up_to(end_s: float, segment: Segment) -> Segment:
    """Leave out words that begin at `end_s` or later."""
    n_kept = sum(word.start_s < end_s for word in segment.words)
    return segment if n_kept == len(segment.words) else _beginning(segment, n_kept)


def _beginning(segment: Segment, n_words: int) -> Segment:
    text = Hypothesis(segment.text, segment.words).first(n_words)
    return replace(segment, text=text, words=segment.words[:n_words])
