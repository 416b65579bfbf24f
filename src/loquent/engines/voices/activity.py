"""Reads what the segmentation network says: who of three speaks, frame by frame."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loquent.domain.audio import SAMPLE_RATE_HZ
from loquent.engines.voices.fbank import FRAME_SAMPLES, HOP_SAMPLES
from loquent.ports import FRAME_S

N_FRAMES: Final = 589
"""Of a whole window."""

STEP_SAMPLES: Final = round(FRAME_S * SAMPLE_RATE_HZ)
FIELD_SAMPLES: Final = 991
"""What one frame is computed from. Source: kernels and strides of PyanNet's convolutions."""

Activity: TypeAlias = NDArray[np.bool_]
"""Who speaks when: shape (n_frames, 3)."""

_CLASSES: Final = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.bool_
)
"""Who speaks in each of the network's classes. Source: pyannote's Powerset of 3, at most 2."""


def activity_of(scores: NDArray[np.float32], n_samples: int) -> Activity:
    """Return who speaks when; nobody does once the samples have ended.

    Args:
        scores: of each class, shape (N_FRAMES, 7).
        n_samples: what was heard; silence was put behind it.
    """
    activity: Activity = _CLASSES[scores.argmax(axis=1)]
    activity[frames_before(n_samples) :] = False
    return activity


def frames_before(sample: float) -> int:
    """Return how many frames have their middle before `sample`, which may lie outside."""
    n_frames = int(np.ceil((sample - FIELD_SAMPLES / 2) / STEP_SAMPLES))
    return min(max(n_frames, 0), N_FRAMES)


def frames_of_bands(n_bands: int) -> NDArray[np.intp]:
    """Return which frame is nearest to each frame of filter banks."""
    middles = np.arange(n_bands) * HOP_SAMPLES + FRAME_SAMPLES / 2
    nearest = np.rint((middles - FIELD_SAMPLES / 2) / STEP_SAMPLES).astype(np.intp)
    return nearest.clip(0, N_FRAMES - 1)
