"""Recordings in, speakers out: the front, and the parts of the local path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from loquent.domain.audio import AudioSource, Samples, SpeechRegion
from loquent.domain.speakers import Diarization, DiarizationRequest

WINDOW_S = 10.0
"""What a `VoiceAnalyst` hears at a time. Source: pyannote's segmentation-3.0."""

FRAME_S = 270 / 16_000
"""The time between two frames of its answer. Source: the strides of segmentation-3.0."""

N_WINDOW_SPEAKERS = 3
"""How many speakers it can tell apart in one window."""

N_VOICE_DIMENSIONS = 192
"""Numbers that describe a voice. Source: CAM++."""


@dataclass(frozen=True, slots=True)
class VoiceSpan:
    """A span of a window in which one speaker is heard alone, and how he sounds.

    Attributes:
        column: of `WindowVoices.activity`.
        first_frame: where it begins.
        end_frame: the frame behind its last one.
        heard_s: how much of it is his speech.
        vector: float32, shape (N_VOICE_DIMENSIONS,), of length 1.
    """

    column: int
    first_frame: int
    end_frame: int
    heard_s: float
    vector: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WindowVoices:
    """Who speaks in one window, and how they sound.

    Attributes:
        activity: who speaks when, bool, shape (n_frames, N_WINDOW_SPEAKERS); columns are in no
            order that would hold in another window.
        spans: voices, of the part of the window in which they were wanted; who is heard alone for
            less than half a second has none.
    """

    activity: npt.NDArray[np.bool_]
    spans: tuple[VoiceSpan, ...]


class Diarizer(Protocol):
    """Tells who speaks when in a recording; a local pipeline or a remote provider."""

    async def diarize(self, request: DiarizationRequest, source: AudioSource) -> Diarization:
        """Return all turns. Cancelling the call stops the work.

        Raises: InvalidRequestError, EngineError.
        """
        ...


class VoiceAnalyst(Protocol):
    """A loaded model that tells voices apart; its unit of work is one window."""

    async def analyse(self, samples: Samples, wanted: SpeechRegion, due_s: float) -> WindowVoices:
        """Tell who speaks in `samples`, at most WINDOW_S. Cancelling the call stops the work.

        Args:
            wanted: the part whose voices are wanted; times count from the start of `samples`.
            due_s: when, on the monotonic clock, the answer is wanted; of several windows that
                wait, the first due is the next.

        Raises: EngineError.
        """
        ...


class VoiceAnalystSource(Protocol):
    """Hands out loaded analysts by model id."""

    async def analyst(self, model_id: str) -> VoiceAnalyst:
        """Return the model, loading it first where needed.

        Raises: OverloadedError: if a recording would have to wait too long; ModelNotFoundError,
            ModelLoadError, ModelNotReadyError.
        """
        ...
