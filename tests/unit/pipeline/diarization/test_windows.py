"""Windows overlap as they should, whatever pieces a recording comes in."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.pipeline.diarization.windows import (
    HOP_S,
    N_HEARINGS,
    Window,
    WindowCutter,
    n_hearings,
)
from loquent.ports import WINDOW_S

HOP = round(HOP_S * SAMPLE_RATE_HZ)
WINDOW = round(WINDOW_S * SAMPLE_RATE_HZ)

lengths = st.integers(0, 6 * WINDOW) | st.sampled_from([0, 1, WINDOW, WINDOW + 1, WINDOW + HOP])


def noise(n_samples: int) -> Samples:
    """Return samples of which no part is like another."""
    return np.random.default_rng(7).random(n_samples, dtype=np.float32)


def cut(pieces: Sequence[Samples]) -> list[Window]:
    cutter = WindowCutter()
    windows = [window for piece in pieces for window in cutter.push(piece)]
    assert cutter.duration_s == sum(map(len, pieces)) / SAMPLE_RATE_HZ
    return windows + cutter.finish()


def wanted(windows: Sequence[Window]) -> list[tuple[int, int]]:
    """Return what is wanted of each window, as samples of the recording."""
    return [
        (
            number * HOP + round(window.wanted.start_s * SAMPLE_RATE_HZ),
            number * HOP + round(window.wanted.end_s * SAMPLE_RATE_HZ),
        )
        for number, window in enumerate(windows)
    ]


def hearings(windows: Sequence[Window], n_samples: int) -> Samples:
    """Return in how many windows each sample is wanted."""
    counts = np.zeros(n_samples, dtype=np.float32)
    for begin, end in wanted(windows):
        counts[begin:end] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(lengths, st.lists(st.integers(0, 6 * WINDOW), max_size=12))
def test_windows_are_the_same_however_a_recording_is_cut(n_samples: int, cuts: list[int]) -> None:
    samples = noise(n_samples)
    at_once = cut([samples])
    in_pieces = cut(np.split(samples, sorted(min(at, n_samples) for at in cuts)))
    assert [window.wanted for window in in_pieces] == [window.wanted for window in at_once]
    for one, other in zip(in_pieces, at_once, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


@settings(max_examples=60, deadline=None)
@given(lengths)
def test_windows_follow_each_other_at_the_hop_and_the_last_reaches_the_end(n_samples: int) -> None:
    samples = noise(n_samples)
    windows = cut([samples])
    for number, window in enumerate(windows):
        assert 0 < len(window.samples) <= WINDOW
        begin = number * HOP
        np.testing.assert_array_equal(window.samples, samples[begin : begin + WINDOW])
    assert all(len(window.samples) == WINDOW for window in windows[:-1])
    assert bool(windows) == bool(n_samples)
    if windows:
        assert (len(windows) - 1) * HOP + len(windows[-1].samples) == n_samples


@settings(max_examples=60, deadline=None)
@given(lengths)
def test_every_moment_is_wanted_once_and_in_the_middle_twice(n_samples: int) -> None:
    windows = cut([noise(n_samples)])
    counts = hearings(windows, n_samples)
    assert set(np.unique(counts).tolist()) <= {1.0, float(N_HEARINGS)}
    middle = counts[2 * HOP : (len(windows) + 1) * HOP]
    assert np.all(middle == N_HEARINGS)
    assert np.all(counts[: 2 * HOP] == 1)
    assert np.all(counts[(len(windows) + 1) * HOP :] == 1)
    assert all(0 <= begin < end <= n_samples for begin, end in wanted(windows))


@settings(max_examples=60, deadline=None)
@given(lengths.filter(bool))
def test_it_is_known_how_often_a_moment_is_wanted(n_samples: int) -> None:
    windows = cut([noise(n_samples)])
    step = SAMPLE_RATE_HZ // 10
    times_s = np.arange(0, n_samples, step) / SAMPLE_RATE_HZ
    np.testing.assert_array_equal(
        n_hearings(times_s, len(windows)), hearings(windows, n_samples)[::step]
    )


@pytest.mark.parametrize(
    ("n_samples", "n_windows", "last_wanted"),
    [
        pytest.param(0, 0, None, id="nothing"),
        pytest.param(1, 1, (0.0, 1 / SAMPLE_RATE_HZ), id="one sample"),
        pytest.param(WINDOW, 1, (0.0, WINDOW_S), id="one window"),
        pytest.param(WINDOW + 1, 2, (2.5, 7.5 + 1 / SAMPLE_RATE_HZ), id="one sample more"),
        pytest.param(WINDOW + HOP, 2, (2.5, WINDOW_S), id="two windows"),
    ],
)
def test_there_are_as_many_windows_as_are_needed(
    n_samples: int, n_windows: int, last_wanted: tuple[float, float] | None
) -> None:
    windows = cut([noise(n_samples)])
    assert len(windows) == n_windows
    if last_wanted is not None:
        last = windows[-1].wanted
        assert (last.start_s, last.end_s) == pytest.approx(last_wanted)


def test_the_last_window_waits_for_the_end() -> None:
    cutter = WindowCutter()
    assert cutter.push(noise(WINDOW)) == []
    assert len(cutter.push(noise(1))) == 1
    assert len(cutter.finish()) == 1


@pytest.mark.parametrize("piece_s", [0.1, 5.0, 30.0])
def test_no_more_is_held_than_a_window_and_what_came_last(piece_s: float) -> None:
    n_piece = round(piece_s * SAMPLE_RATE_HZ)
    cutter = WindowCutter()
    tracemalloc.start()
    try:
        for _ in range(round(300 / piece_s)):
            cutter.push(noise(n_piece))
        held_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held_bytes < 4 * (WINDOW + HOP + 2 * n_piece)
