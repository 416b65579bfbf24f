"""An analyser without weights: it hears everything as one speaker, and nobody in silence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.errors import EngineError
from loquent.engines.host.performers import PerformerAddress
from loquent.ports import N_VOICE_DIMENSIONS, N_WINDOW_SPEAKERS, VoiceSpan, WindowVoices

ANALYSERS = {
    "fake": PerformerAddress(
        "tests.unit.engines.host.fake_analyser", "FakeAnalyser", "FakeAnalyserOptions"
    )
}


@dataclass(frozen=True, slots=True)
class FakeAnalyserOptions:
    """How many windows are analysed side by side."""

    n_workers: int = 2


class FakeAnalyser:
    """Finds one span where something is wanted; the loudness is the voice."""

    def __init__(self, folder: Path, options: FakeAnalyserOptions) -> None:
        self.n_workers = options.n_workers

    def analyse(self, samples: Samples, wanted: SpeechRegion) -> WindowVoices:
        if np.isnan(samples).any():
            raise EngineError("That is no sound.")
        n_frames = len(samples) // 1_600
        activity = np.zeros((n_frames, N_WINDOW_SPEAKERS), np.bool_)
        activity[:, 1] = np.any(samples)
        if not activity.any() or wanted.duration_s <= 0:
            return WindowVoices(activity, ())
        vector = np.full(N_VOICE_DIMENSIONS, samples.max(), np.float32)
        return WindowVoices(activity, (VoiceSpan(1, 0, n_frames, len(samples) / 16_000, vector),))
