"""Audio as samples, and the spans of it that matter; knows nothing of files' contents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
"""The one rate inside the house: what Whisper and Silero were trained on."""

Samples: TypeAlias = npt.NDArray[np.float32]
"""Mono audio at `SAMPLE_RATE_HZ`: float32, shape (n_samples,), range [-1, 1]."""


def duration_s(samples: Samples) -> float:
    """Return how long `samples` last."""
    return len(samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class AudioSource:
    """An encoded recording on local disk; its content, never its name, says what it is."""

    path: Path
    n_bytes: int


@dataclass(frozen=True, slots=True)
class SpeechRegion:
    """A span of speech, before recognition, in seconds from the start of the recording."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s
