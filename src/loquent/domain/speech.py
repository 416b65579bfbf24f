"""Text to be spoken and sound that speaks it; knows no model and no file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from loquent.domain.endpoints import RoutingLimits, Served

MIN_SPEED = 0.25
MAX_SPEED = 4.0

Waveform: TypeAlias = npt.NDArray[np.float32]
"""Mono sound at a rate that is told beside it: float32, shape (n_samples,), range [-1, 1]."""

VoiceMix: TypeAlias = tuple[tuple[str, float], ...]
"""Ids of voices and their shares, which sum to 1; one voice alone is a mix too."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One text to be spoken.

    Attributes:
        model: the name the caller asked for, an id or an alias.
        voice: as the caller wrote it: a voice, another name for one, or a mix; "" for any.
        speed: 1 is the model's own pace, 2 twice as fast.
        language: ISO 639-1 code, or as BCP 47 has it; None for the voice's own.
        settings: what else the caller wants of the engine, by name.
        word_times: whether the caller wants to know when each word is spoken.
        instructions: how to say it, in words, for models that heed that.
        extras: fields that only some endpoints know, by name.
        limits: who may serve, and what matters most.
    """

    model: str
    text: str
    voice: str = ""
    speed: float = 1.0
    language: str | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    word_times: bool = False
    instructions: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)
    limits: RoutingLimits = field(default_factory=RoutingLimits)


@dataclass(frozen=True, slots=True)
class Casting:
    """Who speaks a request, and how.

    Attributes:
        model: id of the model that speaks.
        language: what it is read as, as BCP 47 has it.
        settings: knobs of the engine, within their limits.
        ignored: settings that mean nothing to the model.
        stand_in: why another model speaks than the one asked for, "" where none does.
    """

    model: str
    voices: VoiceMix
    language: str
    settings: Mapping[str, float] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    stand_in: str = ""


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """What will be spoken, and by whom; known before the first sound.

    Attributes:
        sample_rate_hz: of all chunks that follow.
        n_characters: length of the caller's text.
        n_skipped: characters of it that have no sound, such as emoji.
        n_pieces: how many chunks follow; 0 where nobody knows.
        served: which endpoint speaks, where there was a choice.
    """

    casting: Casting
    sample_rate_hz: int
    n_characters: int
    n_skipped: int = 0
    n_pieces: int = 1
    served: Served | None = None


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and when it is heard, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A span of the sound; chunks follow each other without a gap.

    Attributes:
        text: what is spoken in it.
        words: their times count from the start of the whole; empty where nobody asked.
    """

    samples: Waveform
    text: str = ""
    words: tuple[SpokenWord, ...] = ()
