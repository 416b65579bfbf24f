"""Who speaks when: what a caller wants to know of it, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import RoutingLimits

MIN_REFERENCE_S, MAX_REFERENCE_S = 2.0, 10.0
"""How long a recording of a known voice may be. Source: the OpenAI API."""


class Channels(StrEnum):
    """What the channels of a recording hold, as spelled on the wire."""

    MIXED = "mixed"
    """Everybody may be on each: they are heard as one."""
    SEPARATE = "separate"
    """One speaker on each, as telephone systems record."""


@dataclass(frozen=True, slots=True)
class KnownSpeaker:
    """A voice that is to be called by its name.

    Attributes:
        reference: MIN_REFERENCE_S..MAX_REFERENCE_S of that voice alone.
    """

    name: str
    reference: AudioSource


@dataclass(frozen=True, slots=True)
class SpeakerSearch:
    """How speakers are told apart.

    Attributes:
        n_speakers: how many there are; None to find out.
        min_speakers: at least so many, where `n_speakers` is None.
        max_speakers: at most so many, where `n_speakers` is None; None for any number.
        known: voices to be called by name; nobody is forced to be one of them.
    """

    n_speakers: int | None = None
    min_speakers: int = 1
    max_speakers: int | None = None
    known: tuple[KnownSpeaker, ...] = ()
    channels: Channels = Channels.MIXED


@dataclass(frozen=True, slots=True)
class DiarizationRequest:
    """One recording of which only is asked who speaks when.

    Attributes:
        model: the name the caller used, alias or id.
        limits: who may serve.
    """

    model: str
    search: SpeakerSearch = SpeakerSearch()
    limits: RoutingLimits = field(default_factory=RoutingLimits)


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """A span in which one person speaks; times in seconds from the start of the recording.

    Attributes:
        speaker: a known name, or a letter: "A" is who spoke first, "AA" comes after "Z".
    """

    start_s: float
    end_s: float
    speaker: str

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Diarization:
    """Who speaks when.

    Attributes:
        turns: sorted by start; they overlap where several speak at once.
        exclusive: the same with one speaker at a time, to be joined with words.
        duration_s: length of the decoded audio.
        model: id of the model that really served.
        provider: who ran it; "local" for our own engines.
    """

    turns: tuple[SpeakerTurn, ...]
    exclusive: tuple[SpeakerTurn, ...]
    duration_s: float
    model: str
    provider: str = "local"

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everybody who speaks, in order of their first turns."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))


def letter(number: int) -> str:
    """Return what the speaker of this number is called: A..Z, then AA, AB, ...

    Args:
        number: counts from 0.
    """
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
