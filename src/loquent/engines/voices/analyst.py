"""Tells voices apart in windows of ten seconds; knows no recording and no queue."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, SpeechRegion
from loquent.domain.errors import EngineError
from loquent.engines.onnx import OnnxOptions, open_session
from loquent.engines.voices.activity import (
    Activity,
    activity_of,
    frames_before,
    frames_of_bands,
)
from loquent.engines.voices.fbank import HOP_SAMPLES, fbank
from loquent.engines.voices.spans import alone, lone_spans
from loquent.ports import WINDOW_S, VoiceSpan, WindowVoices

WINDOW_SAMPLES: Final = round(WINDOW_S * SAMPLE_RATE_HZ)

MIN_HEARD_S: Final = 0.5
"""Who is heard alone for less has no voice: it would be anybody's."""


@dataclass(frozen=True, slots=True)
class AnalystOptions:
    """How windows are analysed.

    Attributes:
        n_threads: of one window; 0 for all cores.
        n_workers: windows side by side; 0 for half as many as there are cores.
    """

    n_threads: int = 1
    n_workers: int = 0


class WindowAnalyst:
    """An `Analyser` with pyannote's segmentation network and CAM++.

    Attributes:
        n_workers: windows that are worth analysing side by side: the other half of the cores
            recognises what is said in them.

    Raises: ModelLoadError.
    """

    def __init__(self, folder: Path, options: AnalystOptions) -> None:
        onnx = OnnxOptions(options.n_threads)
        self._segmentation = open_session(folder / "segmentation.onnx", onnx, keeps_memory=False)
        self._voices = open_session(folder / "voices.onnx", onnx, keeps_memory=False)
        self.n_workers = options.n_workers or max(1, (os.cpu_count() or 1) // 2)

    def analyse(self, samples: Samples, wanted: SpeechRegion) -> WindowVoices:
        """Tell who speaks in `samples`, at most WINDOW_S, and how they sound where it is wanted.

        Raises: EngineError.
        """
        if len(samples) > WINDOW_SAMPLES:
            raise EngineError(f"A window of {len(samples)} samples is too long.")
        activity = self._activity(samples)
        return WindowVoices(activity, tuple(self._spans(samples, activity, wanted)))

    def _activity(self, samples: Samples) -> Activity:
        window = np.zeros((1, 1, WINDOW_SAMPLES), np.float32)
        window[..., : len(samples)] = samples
        (scores,) = self._segmentation.run(None, {"samples": window})
        return activity_of(scores[0], len(samples))

    def _spans(
        self, samples: Samples, activity: Activity, wanted: SpeechRegion
    ) -> Iterator[VoiceSpan]:
        begin, end = (
            frames_before(time_s * SAMPLE_RATE_HZ) for time_s in (wanted.start_s, wanted.end_s)
        )
        features = fbank(samples)
        frames = frames_of_bands(len(features))
        is_alone = alone(activity)[frames]
        for span in lone_spans(activity, slice(begin, end)):
            is_inside = (span.first <= frames) & (frames < span.end)
            own = features[is_inside & is_alone[:, span.column]]
            heard_s = len(own) * HOP_SAMPLES / SAMPLE_RATE_HZ
            if heard_s >= MIN_HEARD_S:
                vector = voice_of(self._voices, own)
                yield VoiceSpan(span.column, span.first, span.end, heard_s, vector)


def voice_of(
    session: onnxruntime.InferenceSession, features: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the voice that is heard in all of `features`, of length 1.

    Args:
        features: filter banks, shape (n, 80), that need not have followed each other.
    """
    centered = features - features.mean(axis=0)
    mask = np.ones((1, 1, (len(features) + 1) // 2), np.float32)
    (voices,) = session.run(None, {"features": centered[None], "masks": mask})
    vector: NDArray[np.float32] = voices[0, 0]
    return vector / np.linalg.norm(vector)
