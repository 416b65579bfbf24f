"""Who has spoken in one session, told apart by voice; pure, hears no sound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loquent.domain.speakers import SpeakerTurn, letter

SAME_VOICE = 0.45
"""Two voices are one person's if the cosine of their vectors is at least this. Source:
bench/NOTES.md."""

NEW_VOICE_MIN_S = 1.5
"""Who is heard for less is taken for whom he sounds like most: so short a voice tells too little to
be somebody new. Source: bench/NOTES.md."""

MAX_PEOPLE = 50
"""Beyond so many nobody is new: voices do not tell more people apart."""


@dataclass(frozen=True, slots=True)
class HeardVoice:
    """A span in which somebody speaks alone, and how he sounds.

    Attributes:
        heard_s: how much of it is his speech, above 0.
        vector: of length 1, shape (n_dimensions,).
    """

    start_s: float
    end_s: float
    heard_s: float
    vector: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Person:
    """Attributes:
    vector: the mean of how he sounded, of length 1.
    heard_s: for how long.
    """

    vector: npt.NDArray[np.float32]
    heard_s: float

    def likeness(self, voice: HeardVoice) -> float:
        """Return how much he sounds like that, from -1 to 1."""
        return float(self.vector @ voice.vector)

    def heard(self, voice: HeardVoice) -> _Person:
        """Return him as he is known once that was heard of him, too."""
        total = self.vector * self.heard_s + voice.vector * voice.heard_s
        vector = (total / np.linalg.norm(total)).astype(np.float32)
        return _Person(vector, self.heard_s + voice.heard_s)


class Roster:
    """The people of one session; who is on it keeps his letter."""

    def __init__(self) -> None:
        self._people: list[_Person] = []
        self._letters: dict[int, str] = {}

    def turns(self, voices: Iterable[HeardVoice]) -> tuple[SpeakerTurn, ...]:
        """Return whose voices those of an utterance are, sorted by time.

        The longest tell most, so they are looked at first. Letters go by who spoke first.
        """
        by_length = sorted(voices, key=lambda voice: -voice.heard_s)
        found = sorted(
            ((voice.start_s, voice.end_s, self._person(voice)) for voice in by_length),
            key=lambda span: span[0],
        )
        return tuple(
            SpeakerTurn(start_s, end_s, self._letter(person)) for start_s, end_s, person in found
        )

    def _person(self, voice: HeardVoice) -> int:
        """Return the number of the person, on the roster from now on, who sounds like that."""
        nearest = max(
            range(len(self._people)),
            key=lambda number: self._people[number].likeness(voice),
            default=None,
        )
        if nearest is not None:
            if self._people[nearest].likeness(voice) >= SAME_VOICE:
                self._people[nearest] = self._people[nearest].heard(voice)
                return nearest
            if voice.heard_s < NEW_VOICE_MIN_S or len(self._people) >= MAX_PEOPLE:
                return nearest
        self._people.append(_Person(voice.vector, voice.heard_s))
        return len(self._people) - 1

    def _letter(self, person: int) -> str:
        return self._letters.setdefault(person, letter(len(self._letters)))
