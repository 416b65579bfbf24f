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


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model, installed or not.

    Attributes:
        id: the id on the wire; may hold a slash.
        languages: ISO 639-1 codes it understands.
        quantization: weight format it runs in, such as "int8".
        created_s: Unix time of its publication.
    """

    id: str
    capabilities: frozenset[Capability]
    languages: tuple[str, ...]
    owned_by: str
    license: str
    quantization: str
    created_s: int


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model that this server can serve, its other names, and whether it is in memory."""

    card: ModelCard
    aliases: tuple[str, ...] = ()
    is_loaded: bool = False
