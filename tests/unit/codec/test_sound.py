"""Mixing, resampling and windowing of samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loquent.codec.sound import MAX_RATE_HZ, MIN_RATE_HZ, Block, gathered, mono, resampled, windows
from loquent.domain.audio import Samples
from loquent.domain.errors import InvalidAudioError
from tests.unit.codec.recordings import tone


def block(samples: Samples, rate_hz: int = 16_000) -> Block:
    return Block(rate_hz, samples.reshape(1, -1))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 128, 255]], dtype=np.uint8), [-1.0, 0.0, 127 / 128]),
        (np.array([[-32768, 0, 16384]], dtype=np.int16), [-1.0, 0.0, 0.5]),
        (np.array([[-(2**31), 0, 2**30]], dtype=np.int32), [-1.0, 0.0, 0.5]),
        (np.array([[-0.5, 0.0, 2.0]], dtype=np.float32), [-0.5, 0.0, 1.0]),
        (np.array([[np.nan, np.inf, -1e300]], dtype=np.float64), [0.0, 0.0, -1.0]),
    ],
)
def test_every_sample_type_comes_to_the_same_range(
    values: np.ndarray[tuple[int, int], np.dtype[np.generic]], expected: list[float]
) -> None:
    mixed = mono(values)
    assert mixed.dtype == np.float32
    assert mixed.tolist() == expected


def test_channels_are_averaged() -> None:
    assert mono(np.array([[0.5, 1.0], [0.0, -1.0]], dtype=np.float32)).tolist() == [0.25, 0.0]


@given(hnp.arrays(st.sampled_from([np.float32, np.float64]), (2, 8)))
def test_no_float_leaves_the_range(
    channels: np.ndarray[tuple[int, int], np.dtype[np.generic]],
) -> None:
    mixed = mono(channels)
    assert np.isfinite(mixed).all()
    assert np.abs(mixed).max() <= 1.0


def test_sound_at_the_house_rate_passes_unchanged() -> None:
    samples = tone(0.1)
    assert np.array_equal(np.concatenate(list(resampled([block(samples)]))), samples)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_resampling_keeps_length_pitch_and_loudness(rate_hz: int) -> None:
    chunks = resampled(block(part, rate_hz) for part in np.array_split(tone(1.0, rate_hz), 7))
    samples = np.concatenate(list(chunks))
    assert abs(len(samples) - 16_000) <= 1
    middle = slice(2_000, 14_000)
    assert np.abs(samples[middle] - tone(1.0)[: len(samples)][middle]).max() < 0.01


def test_the_rate_may_change_in_the_middle() -> None:
    parts = [block(tone(0.5, rate), rate) for rate in (44_100, 8_000, 16_000)]
    assert abs(sum(map(len, resampled(parts))) - 24_000) <= 2


def test_a_full_scale_square_does_not_overshoot() -> None:
    square = np.where(np.arange(44_100) // 100 % 2, 1.0, -1.0).astype(np.float32)
    assert max(np.abs(chunk).max() for chunk in resampled([block(square, 44_100)])) <= 1.0


@pytest.mark.parametrize("rate_hz", [0, MIN_RATE_HZ - 1, MAX_RATE_HZ + 1])
def test_an_absurd_rate_is_refused(rate_hz: int) -> None:
    with pytest.raises(InvalidAudioError, match="sample rate"):
        list(resampled([block(tone(0.1), rate_hz)]))


def test_short_blocks_are_joined_only_with_their_like() -> None:
    mono_block, stereo = Block(8_000, np.zeros((1, 10))), Block(8_000, np.zeros((2, 10)))
    other_rate, other_type = Block(9_000, np.zeros((1, 10))), Block(9_000, np.zeros((1, 10), "i2"))
    joined = gathered([mono_block] * 5 + [stereo] * 2 + [other_rate, other_type], n_values=25)
    shapes = [(part.sample_rate_hz, part.channels.shape) for part in joined]
    assert shapes == [
        (8_000, (1, 30)),
        (8_000, (1, 20)),
        (8_000, (2, 20)),
        (9_000, (1, 10)),
        (9_000, (1, 10)),
    ]


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 40))
def test_windows_hold_the_same_samples_in_order(lengths: list[int], n_samples: int) -> None:
    samples = np.arange(sum(lengths), dtype=np.float32)
    chunks = np.split(samples, np.cumsum(lengths)[:-1]) if lengths else []
    cut = list(windows(chunks, n_samples))
    assert [len(window) for window in cut[:-1]] == [n_samples] * (len(cut) - 1)
    assert all(0 < len(window) <= n_samples for window in cut)
    assert np.array_equal(np.concatenate([*cut, np.empty(0, np.float32)]), samples)
