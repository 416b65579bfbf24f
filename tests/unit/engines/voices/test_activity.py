"""Scores of classes become who speaks, and frames of two kinds are laid side by side."""

from __future__ import annotations

import numpy as np
import pytest

from loquent.engines.voices.activity import (
    N_FRAMES,
    activity_of,
    frames_before,
    frames_of_bands,
)
from loquent.ports import FRAME_S, N_WINDOW_SPEAKERS

WHO = [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
"""Who speaks in each class, as pyannote lists them."""


def test_the_best_class_tells_who_speaks() -> None:
    chance = np.random.default_rng(3)
    scores = chance.normal(size=(N_FRAMES, len(WHO))).astype(np.float32)
    activity = activity_of(scores, 160_000)
    assert activity.shape == (N_FRAMES, N_WINDOW_SPEAKERS)
    for frame, best in enumerate(scores.argmax(axis=1)):
        assert tuple(np.flatnonzero(activity[frame])) == WHO[best]


@pytest.mark.parametrize(
    ("n_samples", "n_frames"), [(0, 0), (495, 0), (496, 1), (765, 1), (766, 2), (160_000, 589)]
)
def test_nobody_speaks_behind_the_last_sample(n_samples: int, n_frames: int) -> None:
    scores = np.zeros((N_FRAMES, len(WHO)), np.float32)
    scores[:, 1] = 1.0
    assert activity_of(scores, n_samples).sum() == n_frames


def test_frames_are_counted_by_their_middles_even_outside_the_window() -> None:
    assert frames_before(-1e9) == 0
    assert frames_before(1e9) == N_FRAMES
    edges_s = np.linspace(-1.0, 11.0, 50)
    counts = [frames_before(edge_s * 16_000) for edge_s in edges_s]
    assert counts == sorted(counts)
    assert frames_before(5.0 * 16_000) - frames_before(2.5 * 16_000) == round(2.5 / FRAME_S)


def test_the_frame_nearest_to_each_band_is_found() -> None:
    frames = frames_of_bands(998)
    band_s = (np.arange(998) * 160 + 200) / 16_000
    frame_s = np.arange(N_FRAMES) * FRAME_S + 991 / 2 / 16_000
    assert np.array_equal(frames, np.abs(band_s[:, None] - frame_s[None]).argmin(axis=1))
    assert len(frames_of_bands(0)) == 0
