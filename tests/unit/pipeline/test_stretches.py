"""Stretches are cut from the recording as it was, and the rest of it is let go."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.request import SpeechDetection
from loquent.pipeline.segmentation import FRAME_S, MAX_REGION_S, MAX_STRETCH_S
from loquent.pipeline.stretches import Stretch, StretchCutter

FRAME_SAMPLES = round(FRAME_S * SAMPLE_RATE_HZ)

SPEECH, SILENCE = 0.95, 0.02


def recording(n_frames: int) -> Samples:
    """Return noise, so that no place is like another."""
    noise = np.random.default_rng(7).uniform(-1, 1, n_frames * FRAME_SAMPLES)
    return noise.astype(np.float32)


def cut(samples: Samples, probabilities: list[float], frames_at_once: int) -> list[Stretch]:
    cutter = StretchCutter(SpeechDetection())
    stretches: list[Stretch] = []
    for at in range(0, len(probabilities), frames_at_once):
        window = samples[at * FRAME_SAMPLES : (at + frames_at_once) * FRAME_SAMPLES]
        stretches += cutter.push(window, probabilities[at : at + frames_at_once])
    assert cutter.duration_s == len(samples) / SAMPLE_RATE_HZ
    return stretches + cutter.finish()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([SPEECH, SILENCE]), st.integers(1, 400)), min_size=1, max_size=12
    ),
    st.sampled_from([3, 31, 156]),
)
def test_stretches_hold_the_samples_of_their_place(
    parts: list[tuple[float, int]], frames_at_once: int
) -> None:
    probabilities = [p for p, n_frames in parts for _ in range(n_frames)]
    samples = recording(len(probabilities))
    stretches = cut(samples, probabilities, frames_at_once)
    for stretch in stretches:
        begin = round(stretch.start_s * SAMPLE_RATE_HZ)
        length = len(stretch.samples)
        assert 0 < length <= max(MAX_STRETCH_S, MAX_REGION_S) * SAMPLE_RATE_HZ
        np.testing.assert_array_equal(stretch.samples, samples[begin : begin + length])
    at_once = cut(samples, probabilities, len(probabilities))
    assert [s.start_s for s in stretches] == [s.start_s for s in at_once]


def test_silence_gives_no_stretch() -> None:
    assert cut(recording(500), [SILENCE] * 500, 50) == []


def test_a_recording_without_samples_gives_no_stretch() -> None:
    cutter = StretchCutter(SpeechDetection())
    assert cutter.finish() == []
    assert cutter.duration_s == 0.0


def test_samples_that_fill_no_frame_belong_to_the_end() -> None:
    samples = recording(50)[:-100]
    cutter = StretchCutter(SpeechDetection())
    assert cutter.push(samples, [SPEECH] * 49) == []
    (stretch,) = cutter.finish()
    np.testing.assert_array_equal(stretch.samples, samples)


def held_bytes(windows: Iterable[list[float]]) -> int:
    """Return how much a cutter of these probabilities comes to hold, stretches dropped."""
    cutter = StretchCutter(SpeechDetection())
    tracemalloc.start()
    try:
        for probabilities in windows:
            cutter.push(recording(len(probabilities)), probabilities)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


WINDOW = 1_000
"""Frames in a window, 32 s."""

MAX_HELD_BYTES = 4 * round((MAX_STRETCH_S + MAX_REGION_S + 2 * WINDOW * FRAME_S) * SAMPLE_RATE_HZ)


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param([[SILENCE] * WINDOW] * 20, id="silence"),
        pytest.param([[SPEECH] * WINDOW] * 20, id="speech"),
        pytest.param([[SPEECH] * 50 + [SILENCE] * (WINDOW - 50)] * 20, id="a word now and then"),
        pytest.param(
            [[SPEECH] * 50 + [SILENCE] * (WINDOW - 50), *[[SILENCE] * WINDOW] * 20],
            id="a word, then silence",
        ),
    ],
)
def test_what_is_held_stays_bounded(windows: list[list[float]]) -> None:
    assert held_bytes(windows) < MAX_HELD_BYTES
