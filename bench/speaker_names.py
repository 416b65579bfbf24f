"""Scores names that were given to voices, second by second; hears nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from loquent.domain.speakers import SpeakerTurn


@dataclass(frozen=True, slots=True)
class Naming:
    """Seconds of speech, and what they were called.

    Attributes:
        known_s: people who were to be named speak, each counted by himself.
        heard_s: of that, somebody was heard.
        named_s: of that, the right name was given.
        strange_s: people who were not to be named speak.
        misnamed_s: of that, a name was given whose owner does not speak then.
    """

    known_s: float = 0.0
    heard_s: float = 0.0
    named_s: float = 0.0
    strange_s: float = 0.0
    misnamed_s: float = 0.0

    def __add__(self, other: Naming) -> Naming:
        return Naming(
            self.known_s + other.known_s,
            self.heard_s + other.heard_s,
            self.named_s + other.named_s,
            self.strange_s + other.strange_s,
            self.misnamed_s + other.misnamed_s,
        )


def naming(
    truth: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn], names: Collection[str]
) -> Naming:
    """Compare who was named with who speaks.

    Args:
        truth: speakers by their names.
        found: speakers by those of `names` that were given to them, and by letters.
        names: of whom a reference was sent; they need not be there.
    """
    total = Naming()
    borders = sorted({at_s for turn in (*truth, *found) for at_s in (turn.start_s, turn.end_s)})
    for begin_s, end_s in pairwise(borders):
        middle_s = (begin_s + end_s) / 2
        speaking, heard = _at(truth, middle_s), _at(found, middle_s)
        n_known = len(speaking & set(names))
        n_strange = len(speaking) - n_known
        length_s = end_s - begin_s
        wrong = heard & set(names) - speaking
        total += Naming(
            length_s * n_known,
            length_s * min(n_known, len(heard)),
            length_s * len(speaking & heard & set(names)),
            length_s * n_strange,
            length_s * min(n_strange, len(wrong)),
        )
    return total


def _at(turns: Iterable[SpeakerTurn], at_s: float) -> frozenset[str]:
    return frozenset(turn.speaker for turn in turns if turn.start_s <= at_s < turn.end_s)
