"""What the house knows of a model before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Capability(StrEnum):
    """What a model can be asked to do, as spelled on the wire."""

    TRANSCRIPTION = "transcription"
    TRANSLATION = "translation"
    SPEECH = "speech"
    REALTIME = "realtime"
    DIARIZATION = "diarization"


class Gender(StrEnum):
    """How a voice sounds."""

    FEMALE = "female"
    MALE = "male"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of a model that speaks.

    Attributes:
        language: what it was trained to speak, as BCP 47 has it: "en-US", "fr".
    """

    id: str
    language: str
    gender: Gender

    @property
    def language_code(self) -> str:
        """Its language in ISO 639-1, without the region."""
        return self.language.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting of an engine that a caller may turn, and how far."""

    name: str
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model, installed or not.

    Attributes:
        id: the id on the wire; may hold a slash.
        languages: ISO 639-1 codes it understands or speaks.
        quantization: weight format it runs in, such as "int8".
        created_s: Unix time of its publication.
        voices: what it can speak with, the preferred one first; empty if it does not speak.
        knobs: what else a caller may set.
    """

    id: str
    capabilities: frozenset[Capability]
    languages: tuple[str, ...]
    owned_by: str
    license: str
    quantization: str
    created_s: int
    voices: tuple[Voice, ...] = ()
    knobs: tuple[Knob, ...] = ()
